/** Reads secrets from files, the only way they come into a process. */
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { ConfigError } from './configError.ts';

/** Passwords, tokens and keys are smaller; a mistaken path is often a log. */
const SECRET_BYTES_MAX = 65_536;
const othersMayRead = 0o004;

/**
 * The file's text without one newline at its end. `warn` hears of a file everybody may read; its mode is
 * often not in the hands of who runs us (Kubernetes mounts), so it is used all the same. @throws ConfigError
 * naming the path where the file cannot be read, is empty or is longer than 64 KiB; never its content.
 */
export function readSecretFile(path: string, warn?: (message: string) => void): string {
  let text: string;
  try {
    text = read(path, warn);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw unusable(path, `the secret cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
  }
  const secret = text.replace(/\r?\n$/, '');
  if (secret === '') throw unusable(path, 'the secret is empty');
  return secret;
}

function read(path: string, warn: ((message: string) => void) | undefined): string {
  const file = openSync(path, 'r');
  try {
    const { mode, size } = fstatSync(file);
    if (size > SECRET_BYTES_MAX) throw unusable(path, `longer than ${SECRET_BYTES_MAX} bytes, so no secret`);
    if (process.platform !== 'win32' && (mode & othersMayRead) !== 0) {
      warn?.(`${path} may be read by everybody on this machine (mode ${(mode & 0o777).toString(8)})`);
    }
    return readFileSync(file, 'utf8');
  } finally {
    closeSync(file);
  }
}

function unusable(path: string, problem: string): ConfigError {
  return new ConfigError([{ where: path, key: '', problem }]);
}
