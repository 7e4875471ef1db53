/** PostgreSQL as scripts/fidelity-postgres built it from Debian's source packages: where it lies and what it is. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { PostgresRuntime } from '@pgtape/testkit';
import { cacheDir } from '../cache.ts';

export interface Build {
  readonly major: number;
  /** `15.18`. */
  readonly version: string;
  /** The source tree, built; of a server from npm, the one its clients are of. */
  readonly source: string;
  /** Where it is installed: `bin`, `lib`, `share`. */
  readonly prefix: string;
  readonly runtime: PostgresRuntime;
}

/** A server from npm with the clients of a build; null when there is none of that major. */
function embeddedOf(major: number): Build | null {
  const root = join(cacheDir('fidelity'), `embedded-${major}`, 'package');
  if (!existsSync(root)) return null;
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const clients = buildOf(15);
  return {
    ...clients,
    major,
    version: version.split('.').slice(0, 2).join('.'),
    runtime: { native: join(root, 'native'), version },
  };
}

/** @throws when that major version was not built */
export function buildOf(major: number): Build {
  const prefix = join(cacheDir('fidelity'), `pg-${major}`);
  const server = join(prefix, 'bin', 'postgres');
  const embedded = existsSync(server) ? null : embeddedOf(major);
  if (embedded !== null) return embedded;
  if (!existsSync(server))
    throw new Error(`no PostgreSQL ${major} in ${prefix}: run scripts/fidelity-postgres ${major}`);
  const said = execFileSync(server, ['--version'], { encoding: 'utf8' });
  const version = /(\d+\.\d+)/.exec(said)?.[1] ?? '';
  return {
    major,
    version,
    source: join(cacheDir('fidelity'), `src-${major}`),
    prefix,
    // Named by when it was built: a copy is made of it under that name, and must not outlive it.
    runtime: { native: prefix, version: `${version}-from-source-${Math.trunc(statSync(server).mtimeMs)}` },
  };
}
