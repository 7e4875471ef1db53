/**
 * Owns the recorder's places: spool, outbox, the recorder's lasting id, and a journal directory that lies in
 * memory unless a disk was asked for. Knows nothing of what is written there.
 */
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { formerPlaces, type JournalPlaces, keepPlaces } from './journalPlaces.ts';
import { RecorderError } from './recorderError.ts';
import { reserveName } from './reserve.ts';
import { lockSpool, type SpoolLock } from './spoolLock.ts';

export interface SpoolOptions {
  readonly spoolDir: string;
  readonly journalDir?: string | undefined;
  readonly onDisk: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface Spool {
  /** 16 hex, drawn when the spool was made; part of every object's key. */
  readonly recorder: string;
  /** Holds one directory per reel of this spool, of nobody else's. */
  readonly journalDir: string;
  readonly outboxDir: string;
  readonly journal: 'memory' | 'disk';
  /** What the journal's file system could take when it was opened. */
  readonly journalFreeBytes: number;
  /** Where earlier starts kept the journal and did not end in order. */
  readonly former: JournalPlaces;
  readonly warnings: readonly string[];
  readonly lock: SpoolLock;
  /** Gives the spool up; a journal directory with nothing left in it goes too. */
  leave(): void;
}

/** `f_type` of statfs(2): TMPFS_MAGIC and RAMFS_MAGIC of linux/magic.h. */
const memoryFileSystems: ReadonlySet<number> = new Set([0x01021994, 0x858458f6]);
const othersMask = 0o077;

function isInMemory(dir: string): boolean {
  return process.platform === 'linux' && memoryFileSystems.has(statfsSync(dir).type >>> 0);
}

/**
 * Makes a directory of ours alone, or accepts one that is. /dev/shm is everybody's: a name in it proves
 * nothing.
 */
function privateDirectory(dir: string): void {
  try {
    mkdirSync(dir, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const stat = lstatSync(dir);
  const uid = process.getuid?.() ?? stat.uid;
  if (!stat.isDirectory() || stat.uid !== uid) {
    throw new RecorderError(
      'SPOOL_UNUSABLE',
      `${dir} is not a directory of this user: remove it, or choose another place`,
    );
  }
  if ((stat.mode & othersMask) !== 0) chmodSync(dir, 0o700);
}

function unusable(dir: string, error: unknown): RecorderError {
  if (error instanceof RecorderError) return error;
  const code = (error as NodeJS.ErrnoException).code ?? String(error);
  return new RecorderError(
    'SPOOL_UNUSABLE',
    `cannot use ${dir} (${code}): the recorder has to be able to write there`,
    {
      cause: error,
    },
  );
}

function recorderId(file: string): string {
  try {
    const id = readFileSync(file, 'utf8').trim();
    if (/^[0-9a-f]{16}$/.test(id)) return id;
    throw new RecorderError(
      'SPOOL_UNUSABLE',
      `${file} holds no recorder id: restore it, or start with an empty spool`,
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const id = randomBytes(8).toString('hex');
  writeFileSync(file, `${id}\n`, { mode: 0o600, flag: 'wx' });
  return id;
}

/** What a directory's file system can take. @throws ErrnoException */
export function freeBytes(dir: string): number {
  const { bavail, bsize } = statfsSync(dir);
  return bavail * bsize;
}

/** What the reels of a journal directory take, and the reserve. @throws ErrnoException */
export function bytesIn(dir: string): number {
  let bytes = 0;
  for (const name of readdirSync(dir, { recursive: true, encoding: 'utf8' })) {
    bytes += statSync(join(dir, name), { throwIfNoEntry: false })?.size ?? 0;
  }
  return bytes;
}

function removeIfEmpty(dir: string): void {
  try {
    rmdirSync(dir);
  } catch {
    // Reels that are not sealed and sent yet: the next start goes on with them.
  }
}

/** At the end: places with nothing left in them are forgotten. */
function noteWhatIsLeft(file: string, places: readonly string[]): void {
  try {
    keepPlaces(
      file,
      places.filter((dir) => existsSync(dir)),
    );
  } catch {
    // The spool is gone or read-only. What stays noted is looked for in vain at worst.
  }
}

interface Place {
  readonly dir: string;
  readonly journal: 'memory' | 'disk';
}

/** @throws RecorderError `JOURNAL_NOT_IN_MEMORY` */
function journalPlace(options: SpoolOptions, spoolDir: string, recorder: string): Place {
  const given = options.journalDir === undefined ? null : resolve(options.journalDir);
  if (given !== null) mkdirSync(given, { recursive: true, mode: 0o700 });
  const base = given === null ? memoryPlace(options.env) : isInMemory(given) ? given : null;
  if (base !== null) return { dir: join(base, recorder), journal: 'memory' };
  if (!options.onDisk) {
    const found = given === null ? 'neither XDG_RUNTIME_DIR nor /dev/shm is' : `${given} is not`;
    throw new RecorderError(
      'JOURNAL_NOT_IN_MEMORY',
      `${found} memory-backed, and the journal holds statements with their secrets: ` +
        'point journal.dir at a tmpfs, or accept a disk with journal.onDisk',
    );
  }
  const disk = given ?? join(spoolDir, 'journal');
  mkdirSync(disk, { recursive: true, mode: 0o700 });
  return { dir: join(disk, recorder), journal: 'disk' };
}

/** Our directory in the first memory-backed place that lets us make one. */
function memoryPlace(env: SpoolOptions['env']): string | null {
  for (const base of [env.XDG_RUNTIME_DIR, '/dev/shm']) {
    if (base === undefined || base === '') continue;
    const dir = join(base, `pgtape-${process.getuid?.() ?? 0}`);
    try {
      privateDirectory(dir);
      if (isInMemory(dir)) return dir;
    } catch {
      // Not ours, not there, or not writable: the next one.
    }
  }
  return null;
}

/** Takes the spool. @throws RecorderError `SPOOL_LOCKED`, `SPOOL_UNUSABLE`, `JOURNAL_NOT_IN_MEMORY` */
export async function openSpool(options: SpoolOptions): Promise<Spool> {
  const spoolDir = resolve(options.spoolDir);
  let lock: SpoolLock;
  try {
    mkdirSync(spoolDir, { recursive: true, mode: 0o700 });
    lock = await lockSpool(join(spoolDir, 'lock'), options.env.POD_UID);
  } catch (error) {
    throw unusable(spoolDir, error);
  }
  try {
    const recorder = recorderId(join(spoolDir, 'recorder-id'));
    const outboxDir = join(spoolDir, 'outbox');
    privateDirectory(outboxDir);
    const place = journalPlace(options, spoolDir, recorder);
    const placesFile = join(spoolDir, 'journal-place');
    const former = formerPlaces(placesFile, place.dir, recorder);
    privateDirectory(place.dir);
    keepPlaces(placesFile, [place.dir, ...former.found]);
    const reserve = join(place.dir, reserveName);
    rmSync(reserve, { force: true });
    const warnings =
      place.journal === 'disk'
        ? [`the journal lies on a disk (${place.dir}): statements reach it with their secrets`]
        : [];
    return {
      recorder,
      journalDir: place.dir,
      outboxDir,
      journal: place.journal,
      journalFreeBytes: freeBytes(place.dir),
      former,
      warnings,
      lock,
      leave() {
        rmSync(reserve, { force: true });
        removeIfEmpty(place.dir);
        noteWhatIsLeft(placesFile, [place.dir, ...former.found]);
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
    throw unusable(spoolDir, error);
  }
}
