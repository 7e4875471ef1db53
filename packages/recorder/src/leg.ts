/**
 * Owns the socket of one side of a session and what is listened to on it. Knows neither what the bytes mean
 * nor what follows from an end.
 */
import type { Socket } from 'node:net';

export interface LegEvents {
  /** Bytes lie in `buffer[0, bytes)` until the next read; false stops reading. */
  onRead(bytes: number, buffer: Buffer): boolean;
  /** A chunk of its own; where the socket is not read in place. */
  onChunk(chunk: Buffer): void;
  /** The other side's end was read. */
  onEnd(): void;
  onError(error: NodeJS.ErrnoException): void;
  onClosed(): void;
}

export class Leg {
  readonly #events: LegEvents;
  readonly #socket: Socket;

  /** @param open makes the socket; what it reads in place it hands to its argument */
  constructor(open: (onRead: LegEvents['onRead']) => Socket, events: LegEvents) {
    this.#events = events;
    this.#socket = open((bytes, buffer) => events.onRead(bytes, buffer));
    this.#listen(this.#socket);
  }

  get socket(): Socket {
    return this.#socket;
  }

  get isGone(): boolean {
    return this.#socket.destroyed;
  }

  write(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #listen(socket: Socket): void {
    const events = this.#events;
    socket.on('data', (chunk: Buffer) => events.onChunk(chunk));
    socket.on('end', () => events.onEnd());
    socket.on('error', (error) => events.onError(error));
    socket.on('close', () => events.onClosed());
  }
}
