/**
 * In a pod: a recorder that was given no configuration it can use runs with the one it used last, or else with a built-in one
 * and its environment. A database must not become unreachable for a file.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type ConfigFile, firstConfigured } from './configFile.ts';
import { CommandError } from './exitCode.ts';
import type { Io } from './io.ts';

/** With what a recorder runs that should run with something else; stands in /readyz and in the log. */
export type StandIn = 'config_last_good' | 'config_built_in';

export interface StandPlan {
  /** Where the configuration that was used is kept. */
  readonly lastFile: string;
  /** YAML, used where there is not even that. */
  readonly builtIn: string;
}

export interface Standing<T> {
  readonly value: T;
  readonly text: string;
  /** null: with what it was given. */
  readonly standIn: StandIn | null;
}

/** Never in half: the process may be killed at any time. Told where it fails, and no reason not to start. */
function keep(io: Io, file: string, text: string): void {
  try {
    const path = resolve(io.cwd, file);
    if (readOr('', path) === text) return;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(`${path}.tmp`, text, { mode: 0o600 });
    renameSync(`${path}.tmp`, path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    io.err.write(
      `pgtape: the configuration is not kept in ${file} (${code}): a later start cannot fall back to it\n`,
    );
  }
}

function readOr(fallback: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return fallback;
  }
}

/**
 * Runs `load` on the first of the files that holds a configuration, then on the one kept, then on the built-in one.
 * @throws CommandError where the built-in one is refused too: the environment or a flag is wrong
 */
export async function standingConfig<T>(
  io: Io,
  paths: readonly (string | undefined)[],
  { lastFile, builtIn }: StandPlan,
  load: (file: ConfigFile | undefined) => T,
): Promise<Standing<T>> {
  let text = '';
  const loadFile = (file: ConfigFile | undefined): T => {
    text = file?.text ?? '';
    return load(file);
  };
  const attempts: readonly [readonly (string | undefined)[], StandIn | null][] = [
    [paths, null],
    [[lastFile], 'config_last_good'],
  ];
  for (const [files, standIn] of attempts) {
    try {
      const value = await firstConfigured(io, files, loadFile);
      if (standIn === null) keep(io, lastFile, text);
      return { value, text, standIn };
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      io.err.write(`pgtape: ${files.at(-1)} is not used: ${error.message}\n`);
    }
  }
  const value = await firstConfigured(io, [], () => load({ path: 'built in', text: builtIn }));
  return { value, text: builtIn, standIn: 'config_built_in' };
}
