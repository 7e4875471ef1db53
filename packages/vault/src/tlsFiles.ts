/**
 * Owns reading the PEM files the configuration names; the only other files the vault reads are the archive's.
 */
import { readFileSync } from 'node:fs';
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
