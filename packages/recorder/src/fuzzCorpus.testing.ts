/** For fuzzing: the inputs that are kept, each a file of hex under `testdata/corpus`: interesting ones to begin with, and every crasher. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { targetOf } from './fuzzTargets.testing.ts';

export const corpusDir = fileURLToPath(new URL('../../../testdata/corpus/', import.meta.url));

export interface Kept {
  readonly name: string;
  readonly input: Uint8Array;
}

export function readCorpus(): Kept[] {
  if (!existsSync(corpusDir)) return [];
  return readdirSync(corpusDir)
    .filter((name) => name.endsWith('.hex'))
    .sort()
    .map((name) => ({
      name,
      input: Buffer.from(readFileSync(join(corpusDir, name), 'utf8').replaceAll(/\s/g, ''), 'hex'),
    }));
}

/** Writes an input, 40 bytes a line; its file's name. */
export function keep(input: Uint8Array, why: string): string {
  mkdirSync(corpusDir, { recursive: true });
  const hash = createHash('sha256').update(input).digest('hex').slice(0, 12);
  const name = `${targetOf(input)}-${why}-${hash}.hex`;
  const lines = Buffer.from(input)
    .toString('hex')
    .match(/.{1,80}/g) ?? [''];
  writeFileSync(join(corpusDir, name), `${lines.join('\n')}\n`);
  return name;
}
