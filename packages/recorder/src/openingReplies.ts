/**
 * Owns the server's messages from the StartupMessage to the first ReadyForQuery, as far as the relay itself
 * has to understand them: any of them may be withheld or replaced, the others pass as they come. Knows no
 * sockets; any split of the bytes gives the same answer.
 */
import { backendTag } from '@pgtape/wire';

/** A whole message of the ones asked for. @returns what goes to the client in its place */
export type OnReply = (tag: number, body: Buffer, message: Buffer) => Buffer;

const headerBytes = 5;
/** The messages asked for are shorter (a cancel key has 256 bytes at most); longer ones pass unread. */
const replyBytesMax = 16 * 1024;
const wanted: ReadonlySet<number> = new Set([
  backendTag.Authentication,
  backendTag.BackendKeyData,
  backendTag.NegotiateProtocolVersion,
]);
const empty = Buffer.alloc(0);

export class OpeningReplies {
  readonly #onReply: OnReply;
  #held: Buffer = empty;
  /** Bytes of the current message that pass without being read. */
  #passing = 0;
  #isOver = false;

  constructor(onReply: OnReply) {
    this.#onReply = onReply;
  }

  /** ReadyForQuery came, or what is no message. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** @returns what may go to the client now */
  push(chunk: Buffer): Buffer {
    let rest = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = empty;
    const out: Buffer[] = [];
    while (rest.length > 0 && !this.#isOver) {
      const taken = this.#passing > 0 ? Math.min(this.#passing, rest.length) : this.#message(rest, out);
      if (taken === 0) break;
      if (this.#passing > 0) {
        out.push(rest.subarray(0, taken));
        this.#passing -= taken;
      }
      rest = rest.subarray(taken);
    }
    if (this.#isOver) out.push(rest);
    else this.#held = rest;
    return out.length === 1 ? (out[0] as Buffer) : Buffer.concat(out);
  }

  /** What was held back when the server ended in the middle of a message. */
  drain(): Buffer {
    const rest = this.#held;
    this.#held = empty;
    return rest;
  }

  /** @returns bytes that are done with; 0: more are needed, or none follow. With `#passing` they still pass. */
  #message(rest: Buffer, out: Buffer[]): number {
    if (rest.length < headerBytes) return 0;
    const tag = rest[0] as number;
    const bytes = 1 + rest.readInt32BE(1);
    if (tag === backendTag.ReadyForQuery || bytes < headerBytes) {
      this.#isOver = true;
      return 0;
    }
    if (!wanted.has(tag) || bytes > replyBytesMax) {
      this.#passing = bytes;
      return Math.min(bytes, rest.length);
    }
    if (rest.length < bytes) return 0;
    const message = rest.subarray(0, bytes);
    out.push(this.#onReply(tag, message.subarray(headerBytes), message));
    return bytes;
  }
}
