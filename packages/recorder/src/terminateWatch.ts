/**
 * Owns one question about the client's stream: was its last message Terminate? Needs no framing, only the
 * last five bytes.
 */

const terminate = [0x58, 0, 0, 0, 4] as const;

export class TerminateWatch {
  /** How many of Terminate's bytes the stream ends with. */
  #matched = 0;

  get isSeen(): boolean {
    return this.#matched === terminate.length;
  }

  /** The stream goes on with `chunk[0, bytes)`. */
  see(chunk: Uint8Array, bytes: number = chunk.length): void {
    let at = bytes - terminate.length;
    if (at >= 0) this.#matched = 0;
    else at = 0;
    for (; at < bytes; at += 1) {
      if (chunk[at] === terminate[this.#matched]) this.#matched += 1;
      else this.#matched = chunk[at] === terminate[0] ? 1 : 0;
    }
  }
}
