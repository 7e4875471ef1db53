/**
 * Owns one question about the client's first answer to a SASL request: which of the offered mechanisms has it
 * chosen? Looks at no byte behind the name, which is where the secrets begin. Knows no sockets.
 */
import { frontendTag } from '@pgtape/wire';

const headerBytes = 5;
/** Of a mechanism's name (RFC 4422, 3.1), and its end. */
const nameBytesMax = 21;
const empty = Buffer.alloc(0);

export class SaslChoice {
  readonly #offered: readonly string[];
  #held: Buffer = empty;

  constructor(offered: readonly string[]) {
    this.#offered = offered;
  }

  /**
   * @returns null while more bytes are needed; then all bytes so far and the name, null where it is none of
   * those offered
   */
  push(chunk: Buffer): { readonly bytes: Buffer; readonly chosen: string | null } | null {
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = bytes;
    if (bytes.length === 0) return null;
    if (bytes[0] !== frontendTag.Authentication) return { bytes, chosen: null };
    const end = bytes.indexOf(0, headerBytes);
    if (end < 0 && bytes.length < headerBytes + nameBytesMax) return null;
    const name = end < 0 ? '' : bytes.toString('latin1', headerBytes, end);
    return { bytes, chosen: this.#offered.includes(name) ? name : null };
  }
}
