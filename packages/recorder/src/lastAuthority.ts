/**
 * Owns the authorities by which a recorder last knew its vault. In a pod their file goes with the RecordedDatabase; what is still recorded
 * there is to reach the vault all the same.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';

export class LastAuthority {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  /** null: none was ever kept. */
  read(): Buffer | null {
    try {
      return readFileSync(this.#file);
    } catch {
      return null;
    }
  }

  /** Never in half. Where it cannot be kept, a later start has only the file that it is given. */
  keep(pem: Buffer): void {
    try {
      if (this.read()?.equals(pem) === true) return;
      writeFileSync(`${this.#file}.tmp`, pem, { mode: 0o600 });
      renameSync(`${this.#file}.tmp`, this.#file);
    } catch {
      // Said where it matters: the vault is then not reached, `ca_unreadable`.
    }
  }
}
