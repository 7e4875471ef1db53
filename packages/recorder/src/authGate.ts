/**
 * Owns R6: looks at each authentication message of the server before the client may have it, and holds back
 * the one that lets the client in when no challenge came before. Knows no sockets; any split of the bytes
 * gives the same answer.
 */
import { backendTag } from '@pgtape/wire';

/**
 * `waiting`: nothing decided yet. `challenged`: the server asked for proof. `passed`: it let the client in
 * after that. `failed`: it sent an error. `unframed`: an error without a frame, text until the end.
 * `trusting`: it let the client in without proof. `broken`: messages cannot be told apart, so R6 cannot be
 * checked.
 */
export type AuthPhase = 'waiting' | 'challenged' | 'passed' | 'failed' | 'unframed' | 'trusting' | 'broken';

export interface AuthStep {
  readonly phase: AuthPhase;
  /** What may go to the client now, in order. With `trusting` and `broken` the rest is withheld for good. */
  readonly forward: Buffer;
}

/**
 * Authentication requests that a client can only answer with proof: cleartext, MD5, SCM, GSS, SSPI, SASL;
 * Kerberos V5.
 */
const challenges: ReadonlySet<number> = new Set([2, 3, 5, 6, 7, 9, 10]);
const ok = 0;
const headerBytes = 5;
const codeBytes = 4;
/**
 * libpq's bound for messages before the session; a longer ErrorResponse is text without a frame (a server
 * that could not fork).
 */
const frameBytesMax = 30_000;

export class AuthGate {
  #phase: AuthPhase = 'waiting';
  /** Header, and code of an authentication message, not yet decided on. */
  readonly #held = Buffer.alloc(headerBytes + codeBytes);
  #heldBytes = 0;
  /** Body bytes of the current message still to pass. */
  #bodyLeft = 0;

  /** `chunk` must stay unchanged until `forward` is written. */
  push(chunk: Buffer): AuthStep {
    const out: Buffer[] = [];
    let at = 0;
    while (at < chunk.length && !this.#isDecided()) {
      if (this.#bodyLeft > 0) {
        const end = Math.min(chunk.length, at + this.#bodyLeft);
        out.push(chunk.subarray(at, end));
        this.#bodyLeft -= end - at;
        at = end;
      } else {
        this.#held[this.#heldBytes++] = chunk[at++] as number;
        this.#decide(out);
      }
    }
    if (at < chunk.length && !this.isRefusal) out.push(chunk.subarray(at));
    return { phase: this.#phase, forward: out.length === 1 ? (out[0] as Buffer) : Buffer.concat(out) };
  }

  /** What was held back when the server ended in the middle of a header. */
  drain(): Buffer {
    const rest = Buffer.from(this.#held.subarray(0, this.#heldBytes));
    this.#heldBytes = 0;
    return this.isRefusal ? Buffer.alloc(0) : rest;
  }

  get isRefusal(): boolean {
    return this.#phase === 'trusting' || this.#phase === 'broken';
  }

  #isDecided(): boolean {
    return this.isRefusal || this.#phase === 'passed' || this.#phase === 'unframed';
  }

  #decide(out: Buffer[]): void {
    if (this.#heldBytes < headerBytes) return;
    const tag = this.#held[0] as number;
    const bytes = this.#held.readInt32BE(1);
    const isAuthentication = tag === backendTag.Authentication;
    if (bytes < (isAuthentication ? 8 : 4) || bytes > frameBytesMax) {
      this.#phase = tag === backendTag.ErrorResponse ? 'unframed' : 'broken';
    } else if (isAuthentication) {
      if (this.#heldBytes < headerBytes + codeBytes) return;
      this.#judge(this.#held.readInt32BE(headerBytes));
    } else if (tag === backendTag.ErrorResponse) this.#phase = 'failed';
    if (this.isRefusal) return;
    this.#bodyLeft = this.#phase === 'unframed' ? 0 : bytes + 1 - this.#heldBytes;
    out.push(Buffer.from(this.#held.subarray(0, this.#heldBytes)));
    this.#heldBytes = 0;
  }

  #judge(code: number): void {
    if (challenges.has(code)) this.#phase = 'challenged';
    else if (code === ok) this.#phase = this.#phase === 'challenged' ? 'passed' : 'trusting';
  }
}
