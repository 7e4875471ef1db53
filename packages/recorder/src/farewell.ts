/** Owns why a session ended, and how long its sockets may take to close. Knows nothing of what they carry. */
import type { Socket } from 'node:net';
import type { CloseEntry } from './journalFormat.ts';

/** A socket whose other side has gone gets this long to close too. */
const lingerMs = 5000;
/** A client that takes none of its last bytes for so long is given up. */
const stalledMs = 60_000;

export class Farewell {
  #why: CloseEntry['why'] | null = null;
  #reason: string | undefined;
  #timer: NodeJS.Timeout | null = null;

  /** The first reason stands. */
  decide(why: CloseEntry['why'], reason?: string): void {
    if (this.#why !== null) return;
    this.#why = why;
    this.#reason = reason;
  }

  entry(bytesFromClient: number, bytesFromServer: number): CloseEntry {
    const reason = this.#reason === undefined ? {} : { reason: this.#reason };
    return { why: this.#why ?? 'error', ...reason, bytesFromClient, bytesFromServer };
  }

  /** Destroys the socket unless it closes soon. */
  linger(socket: Socket): void {
    this.#timer ??= setTimeout(() => socket.destroy(), lingerMs);
  }

  /** As `linger`, once the socket has taken what was written to it. */
  lingerWhenSent(socket: Socket): void {
    socket.setTimeout(stalledMs, () => socket.destroy());
    socket.once('finish', () => this.linger(socket));
  }

  clear(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
  }
}
