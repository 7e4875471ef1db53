/** Owns reading the authority that recorders know the vault by, to be told to everybody: certificates, whatever else is in the file. */
import { readFileSync } from 'node:fs';
import { errnoOf } from '@pgtape/store';
import type { Logger } from 'pino';

const certificate = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
/** What the status of a RecordingArchive takes. */
const charactersMax = 65_536;

/** PEM; null: the text holds no certificate, or more than can be told. */
function certificatesOf(text: string): string | null {
  const bundle = (text.match(certificate) ?? []).map((pem) => `${pem}\n`).join('');
  return bundle === '' || bundle.length > charactersMax ? null : bundle;
}

/** Reads it anew with each call; while it cannot be read, what it was last. null: it never could, or there is no file. */
export function publicAuthority(file: string | undefined, log: Logger): () => string | null {
  let known: string | null = null;
  let told = '';
  return () => {
    if (file === undefined) return null;
    try {
      const found = certificatesOf(readFileSync(file, 'utf8'));
      if (found === null) throw new Error('it holds no certificate, or more than 64 KiB of them');
      known = found;
      told = '';
    } catch (error) {
      const problem = error instanceof Error && !('code' in error) ? error.message : errnoOf(error);
      if (problem !== told) log.warn({ file, problem }, 'otlp.publicCaFile is not told to recorders');
      told = problem;
    }
    return known;
  };
}
