/** PostgreSQL as scripts/fidelity-postgres built it from Debian's source packages: where it lies and what it is. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { PostgresRuntime } from '@pgtape/testkit';

export interface Build {
  readonly major: number;
  /** `15.18`. */
  readonly version: string;
  /** The source tree, built. */
  readonly source: string;
  /** Where it is installed: `bin`, `lib`, `share`. */
  readonly prefix: string;
  readonly runtime: PostgresRuntime;
}

/** Where sources, builds, results of suites and the state of a run lie. */
export function cacheDir(): string {
  const { PGTAPE_E2E_CACHE, XDG_CACHE_HOME } = process.env;
  return join(PGTAPE_E2E_CACHE ?? join(XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'pgtape'), 'fidelity');
}

/** @throws when that major version was not built */
export function buildOf(major: number): Build {
  const prefix = join(cacheDir(), `pg-${major}`);
  const server = join(prefix, 'bin', 'postgres');
  if (!existsSync(server))
    throw new Error(`no PostgreSQL ${major} in ${prefix}: run scripts/fidelity-postgres ${major}`);
  const said = execFileSync(server, ['--version'], { encoding: 'utf8' });
  const version = /(\d+\.\d+)/.exec(said)?.[1] ?? '';
  return {
    major,
    version,
    source: join(cacheDir(), `src-${major}`),
    prefix,
    runtime: { native: prefix, version: `${version}-from-source` },
  };
}
