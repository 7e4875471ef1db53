/**
 * Owns the certificates of a listener: read from the files the configuration names, and again when one of them changed. A new
 * set that cannot be used leaves the one before in use. Knows no sockets.
 */
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { fileMark } from '@pgtape/process';
import { errnoOf } from '@pgtape/store';
import type { VaultConfig } from './config.ts';
import { VaultError } from './vaultError.ts';

export interface ServerTls {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca?: Buffer;
}

/** Throws VaultError `TLS_FILES`. */
export function readPem(path: string, key: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new VaultError(
      'TLS_FILES',
      `cannot read ${path} (${errnoOf(error)}): correct ${key} or the file's mode`,
      error,
    );
  }
}

/** Undefined where the listener speaks plain HTTP. `key`: of the listener, `otlp`. Throws VaultError `TLS_FILES`. */
export function serverTls(key: 'otlp' | 'http', config: VaultConfig['otlp' | 'http']): ServerTls | undefined {
  const { tls } = config;
  if (tls === undefined) return undefined;
  const { certFile, keyFile, clientCaFile } = tls;
  return {
    cert: readPem(certFile, `${key}.tls.certFile`),
    key: readPem(keyFile, `${key}.tls.keyFile`),
    ...(clientCaFile === undefined ? {} : { ca: readPem(clientCaFile, `${key}.tls.clientCaFile`) }),
  };
}

export interface TlsFilesEvents {
  /** A new set is to be used. `isOtherCa`: clients are believed by other authorities than before. */
  readonly changed: (tls: ServerTls, isOtherCa: boolean) => void;
  /** The new set cannot be used; in words without secrets. */
  readonly unusable: (problem: string) => void;
}

/** Watches a listener's files; `first` is what was read at the start. */
export class TlsFiles {
  readonly #key: 'otlp' | 'http';
  readonly #config: VaultConfig['otlp' | 'http'];
  readonly #events: TlsFilesEvents;
  #used: ServerTls;
  #stamp: string;

  constructor(
    key: 'otlp' | 'http',
    config: VaultConfig['otlp' | 'http'],
    first: ServerTls,
    events: TlsFilesEvents,
  ) {
    this.#key = key;
    this.#config = config;
    this.#events = events;
    this.#used = first;
    this.#stamp = this.#look();
    // What changed between the reading and the look is read once more.
    this.#reload();
  }

  /** Reads the files again where one of them is another than at the last look. */
  poll(): void {
    const stamp = this.#look();
    if (stamp === this.#stamp) return;
    this.#stamp = stamp;
    this.#reload();
  }

  #reload(): void {
    let next: ServerTls;
    try {
      next = serverTls(this.#key, this.#config) ?? this.#used;
      // Certificate and key must belong together: they are two files, and seldom replaced at once.
      createSecureContext({ ...next });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#events.unusable(`${this.#key}.tls: ${why}; the certificates before stay in use`);
      return;
    }
    const before = this.#used;
    if (isSame(before.cert, next.cert) && isSame(before.key, next.key) && isSame(before.ca, next.ca)) return;
    this.#used = next;
    this.#events.changed(next, !isSame(before.ca, next.ca));
  }

  #look(): string {
    const { certFile = '', keyFile = '', clientCaFile } = this.#config.tls ?? {};
    const paths = clientCaFile === undefined ? [certFile, keyFile] : [certFile, keyFile, clientCaFile];
    return paths.map(fileMark).join('|');
  }
}

function isSame(a: Buffer | undefined, b: Buffer | undefined): boolean {
  return a === undefined || b === undefined ? a === b : a.equals(b);
}
