/** Owns reading the callers' token hash files, again when they change. A file that cannot be read lets nobody in. */
import { readFileSync } from 'node:fs';
import { fileMark } from '@pgtape/process';
import { errnoOf } from '@pgtape/store';
import { type CallerRule, parseTokenHashes } from './callers.ts';
import type { HttpConfig } from './httpConfig.ts';
import { VaultError } from './vaultError.ts';

/** A changed file counts within this. */
const LOOK_AGAIN_MS = 1000;

interface TokenFile {
  readonly path: string;
  mark: string;
  hashes: readonly Uint8Array[];
}

export class CallerFiles {
  readonly #config: HttpConfig['callers'];
  readonly #files = new Map<string, TokenFile>();
  readonly #now: () => number;
  readonly #onTrouble: (message: string) => void;
  #rules: readonly CallerRule[] = [];
  #lookedAt: number;

  /**
   * `now`: monotonic milliseconds. `onTrouble` hears of a file that became unreadable, in words without secrets.
   * @throws VaultError `CALLERS` where a file cannot be read at the start
   */
  constructor(config: HttpConfig['callers'], now: () => number, onTrouble: (message: string) => void) {
    this.#config = config;
    this.#now = now;
    this.#onTrouble = onTrouble;
    for (const { tokenHashFile: path } of config) {
      if (path !== undefined) this.#files.set(path, { path, mark: fileMark(path), hashes: readHashes(path) });
    }
    this.#lookedAt = now();
    this.#join();
  }

  /** The callers as of the last second. */
  rules(): readonly CallerRule[] {
    if (this.#now() - this.#lookedAt >= LOOK_AGAIN_MS) this.#look();
    return this.#rules;
  }

  #look(): void {
    this.#lookedAt = this.#now();
    let changed = false;
    for (const file of this.#files.values()) {
      const mark = fileMark(file.path);
      if (mark === file.mark) continue;
      changed = true;
      file.mark = mark;
      file.hashes = [];
      try {
        file.hashes = readHashes(file.path);
      } catch (error) {
        this.#onTrouble((error as Error).message);
      }
    }
    if (changed) this.#join();
  }

  #join(): void {
    this.#rules = this.#config.map(({ name, may, tokenHashFile, certificate, serviceAccount, group }) => ({
      name,
      may: new Set(may),
      tokenHashes: this.#files.get(tokenHashFile ?? '')?.hashes ?? [],
      certificate: certificate ?? null,
      ...(serviceAccount !== undefined && { user: `system:serviceaccount:${serviceAccount}` }),
      ...(group !== undefined && { group }),
    }));
  }
}

function readHashes(path: string): Uint8Array[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const problem = `cannot read ${path} (${errnoOf(error)}): correct http.callers.tokenHashFile or the file's mode`;
    throw new VaultError('CALLERS', problem, error);
  }
  const hashes = parseTokenHashes(text);
  if (hashes !== null) return hashes;
  const problem = `${path} has a line that is no SHA-256 in hex: write hashes of tokens there, never tokens`;
  throw new VaultError('CALLERS', problem);
}
