/**
 * Owns the socket of one side of a session and what is listened to on it; the socket may be replaced once, by
 * one that goes on inside TLS. Knows neither what the bytes mean nor what follows from an end.
 */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

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
  #socket: Socket;
  readonly #onChunk = (chunk: Buffer): void => this.#events.onChunk(chunk);
  readonly #onEnd = (): void => this.#events.onEnd();
  readonly #onError = (error: NodeJS.ErrnoException): void => this.#events.onError(error);
  readonly #onClosed = (): void => this.#events.onClosed();

  /** @param open makes the socket; what it reads in place it hands to its argument */
  constructor(open: (onRead: LegEvents['onRead']) => Socket, events: LegEvents) {
    this.#events = events;
    this.#socket = open((bytes, buffer) => events.onRead(bytes, buffer));
    this.#listen();
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

  /** Closes it; nothing of it is told any more. */
  abandon(): void {
    this.#unlisten();
    this.#socket.destroy();
  }

  /** Goes on inside TLS; `unread` was read from the plain socket and is the beginning of it. */
  secure<S extends TLSSocket>(start: (plain: Socket) => S, unread: Buffer): S {
    const plain = this.#socket;
    // The secured socket tells of what happens from here on.
    this.#unlisten();
    plain.pause();
    if (unread.length > 0) plain.unshift(unread);
    const secured = start(plain);
    this.#socket = secured;
    this.#listen();
    return secured;
  }

  #unlisten(): void {
    const socket = this.#socket;
    socket.off('data', this.#onChunk).off('end', this.#onEnd);
    socket.off('error', this.#onError).off('close', this.#onClosed);
    // An error without a listener would end the process.
    socket.on('error', () => {});
  }

  #listen(): void {
    this.#socket.on('data', this.#onChunk).on('end', this.#onEnd);
    this.#socket.on('error', this.#onError).on('close', this.#onClosed);
  }
}
