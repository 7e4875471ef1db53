/** Reads a process's YAML file and turns configuration errors into command errors. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { CommandError, exitCode } from './exitCode.ts';
import type { Io } from './io.ts';

export interface ConfigFile {
  readonly path: string;
  readonly text: string;
}

/** undefined where none was named. */
function readConfigFile(io: Io, path: string | undefined): ConfigFile | undefined {
  if (path === undefined) return undefined;
  try {
    return { path, text: readFileSync(resolve(io.cwd, path), 'utf8') };
  } catch (cause) {
    throw new CommandError(
      'CONFIG_UNREADABLE',
      `cannot read ${path} (${(cause as NodeJS.ErrnoException).code})`,
      {
        exit: exitCode.usage,
        cause,
      },
    );
  }
}

/** Runs `load` and gives its ConfigError the exit code for usage. */
async function configured<T>(load: () => T): Promise<T> {
  const { ConfigError } = await import('./processParts.ts');
  try {
    return load();
  } catch (error) {
    if (error instanceof ConfigError) {
      throw new CommandError(error.code, error.message, { exit: exitCode.usage, cause: error });
    }
    throw error;
  }
}

/**
 * Runs `load` on the first of the files that can be read and holds a configuration; each that does not is told on stderr.
 * In a pod the mounted file may be missing, empty or wrong, and the database must be reachable all the same.
 * @throws CommandError of the last one
 */
export async function firstConfigured<T>(
  io: Io,
  paths: readonly (string | undefined)[],
  load: (file: ConfigFile | undefined) => T,
): Promise<T> {
  const named = paths.filter((path) => path !== undefined);
  for (const path of named.slice(0, -1)) {
    try {
      const file = readConfigFile(io, path);
      return await configured(() => load(file));
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      io.err.write(`pgtape: ${path} is not used: ${error.message}\n`);
    }
  }
  const last = readConfigFile(io, named.at(-1));
  return await configured(() => load(last));
}

/** `HOST:PORT`, `[::1]:5432`, `/directory:5432` as host and port. */
export function parseEndpoint(text: string): { host: string; port: number } {
  const at = text.lastIndexOf(':');
  const host = text.slice(0, at).replace(/^\[(.*)\]$/, '$1');
  const port = Number(text.slice(at + 1));
  if (at <= 0 || !Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new CommandError('ENDPOINT', `'${text}' is not HOST:PORT`, {
      exit: exitCode.usage,
      advice: 'For example 127.0.0.1:5432, [::1]:5432 or /var/run/postgresql:5432.',
    });
  }
  return { host, port };
}
