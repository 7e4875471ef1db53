/**
 * Owns that one vault at a time writes into an archive. It refuses to rely on clocks of two machines: a
 * holder that cannot be seen from here is taken for dead only when its lock file stood unchanged while we
 * watched.
 */
import { randomBytes } from 'node:crypto';
import { link, readFile, rename, stat, unlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { lifeOf } from '@pgtape/process';
import { errnoOf } from '@pgtape/store';
import { type Holder, ourselves, readHolder } from './lockHolder.ts';
import { VaultError } from './vaultError.ts';

const NAME = '.vault.lock';

export interface LockTiming {
  /** How often the holder touches its lock. */
  readonly renewMs: number;
  /** How long a lock must stand untouched under our eyes before an invisible holder counts as dead. */
  readonly watchMs: number;
}
const ordinary: LockTiming = { renewMs: 1000, watchMs: 5000 };

export interface ArchiveLock {
  /** False once someone else took it over; then nothing may be acknowledged any more. */
  held(): boolean;
  release(): Promise<void>;
}

export interface LockLog {
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/**
 * Takes the lock of the existing directory `dir`.
 * @throws VaultError `ARCHIVE_LOCKED` while its holder lives, `ARCHIVE_UNUSABLE` when the file cannot be made
 */
export async function takeLock(
  dir: string,
  log: LockLog,
  timing: LockTiming = ordinary,
): Promise<ArchiveLock> {
  const path = join(dir, NAME);
  const us = ourselves(randomBytes(8).toString('hex'));
  for (let attempt = 0; attempt < 3; attempt += 1) {
    if (await created(path, us)) return heldLock(path, us, log, timing);
    const text = await contentOf(path);
    if (text === null) continue;
    await assertDead(path, text, us, log, timing);
    if (await movedAway(path, text, us.token)) {
      log.warn({ path, holder: readHolder(text) }, "took over a dead vault's lock");
    }
  }
  throw new VaultError(
    'ARCHIVE_LOCKED',
    `${path}: other vaults are starting on this archive; start only one`,
  );
}

/** The lock appears with its whole content or not at all. */
async function created(path: string, us: Holder): Promise<boolean> {
  const draft = `${path}.${us.token}`;
  try {
    await writeFile(draft, `${JSON.stringify(us)}\n`, { flag: 'wx', mode: 0o644 });
    await link(draft, path);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    const advice = 'give this user write access to the archive directory, on a file system with hard links';
    throw new VaultError('ARCHIVE_UNUSABLE', `cannot make ${path} (${errnoOf(error)}): ${advice}`, error);
  } finally {
    await unlink(draft).catch(() => undefined);
  }
}

async function assertDead(
  path: string,
  text: string,
  us: Holder,
  log: LockLog,
  timing: LockTiming,
): Promise<void> {
  const holder = readHolder(text);
  const life = holder === null ? 'unknown' : lifeOf(holder, us);
  if (life === 'dead') return;
  if (life === 'unknown') {
    log.warn(
      { path, holder, watchMs: timing.watchMs },
      'the lock is of a vault not visible from here; watching it',
    );
    const before = await touchedAt(path);
    await new Promise((resolve) => setTimeout(resolve, timing.watchMs));
    if ((await contentOf(path)) === text && (await touchedAt(path)) === before) return;
  }
  const who = holder === null ? 'another vault' : `the vault with pid ${holder.pid} on ${holder.host}`;
  throw new VaultError(
    'ARCHIVE_LOCKED',
    `${who} writes into this archive (${path}): use it, stop it, or give this vault another archive.store`,
  );
}

/**
 * Two vaults may have judged the same lock: what was moved is looked at, and put back when it is not the dead
 * one.
 */
async function movedAway(path: string, judged: string, token: string): Promise<boolean> {
  const aside = `${path}.${token}.stale`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw new VaultError('ARCHIVE_UNUSABLE', `cannot move ${path} (${errnoOf(error)})`, error);
  }
  const same = (await contentOf(aside)) === judged;
  if (!same) await link(aside, path).catch(() => undefined);
  await unlink(aside).catch(() => undefined);
  return same;
}

function heldLock(path: string, us: Holder, log: LockLog, timing: LockTiming): ArchiveLock {
  const text = `${JSON.stringify(us)}\n`;
  let held = true;
  let renewing = Promise.resolve();
  const renew = async (): Promise<void> => {
    // A file that cannot be read for another reason says nothing about who holds it.
    const found = await contentOf(path).catch(() => text);
    if (found === text) return await touch(path);
    if (held) log.error({ path }, 'the lock was taken away; nothing is accepted any more');
    held = false;
  };
  const timer = setInterval(() => {
    renewing = renewing.then(renew);
  }, timing.renewMs);
  timer.unref();
  return {
    held: () => held,
    release: async () => {
      clearInterval(timer);
      await renewing;
      if (held && (await contentOf(path)) === text) await unlink(path).catch(() => undefined);
      held = false;
    },
  };
}

async function touch(path: string): Promise<void> {
  const now = new Date();
  await utimes(path, now, now).catch(() => undefined);
}

async function contentOf(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw new VaultError('ARCHIVE_UNUSABLE', `cannot read ${path} (${errnoOf(error)})`, error);
  }
}

async function touchedAt(path: string): Promise<number> {
  return await stat(path).then(
    (found) => found.mtimeMs,
    () => 0,
  );
}
