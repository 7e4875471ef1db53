/** Tokens of a test's callers, as files: one for the command, one with its hash for the vault. */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Writes `<file>` and `<file>.sha256` below `dir`; the part of a caller's configuration that names the second. */
export function writeToken(dir: string, file: string, token: string): { tokenHashFile: string } {
  const tokenHashFile = join(dir, `${file}.sha256`);
  writeFileSync(join(dir, file), `${token}\n`);
  writeFileSync(tokenHashFile, `${createHash('sha256').update(token).digest('hex')}\n`);
  return { tokenHashFile };
}
