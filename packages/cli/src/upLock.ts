/** The lock that keeps two `pgtape up` from sharing one directory; a lock whose process is gone is taken over. */
import {
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { isSameProcess, startOf } from '@pgtape/process';
import { CommandError, exitCode } from './exitCode.ts';

export interface UpHolder {
  readonly pid: number;
  /** Start time of the process: a pid may be used again. */
  readonly born: string;
  /** What clients connect with; null while it is starting. */
  readonly connection: string | null;
  /** Where its evidence is read; null while it is starting. */
  readonly vault: UpVault | null;
}

export interface UpVault {
  /** As `http://127.0.0.1:7417`. */
  readonly url: string;
  /** Absolute path of the file with the token of whoever started it. */
  readonly tokenFile: string;
}

export interface UpLock {
  /** True when a dead process's lock was taken over. */
  readonly stale: boolean;
  /** Tells others what to connect with. */
  announce(connection: string, vault: UpVault): void;
  release(): void;
}

/** A takeover takes milliseconds; one that is older was left behind by a crash. */
const takeoverMsMax = 10_000;

function isAlive(holder: UpHolder): boolean {
  return isSameProcess(holder.pid, holder.born);
}

function readHolder(file: string): UpHolder | null {
  try {
    const holder = JSON.parse(readFileSync(file, 'utf8')) as UpHolder;
    return Number.isInteger(holder.pid) ? holder : null;
  } catch {
    return null;
  }
}

/** Who holds the lock now; null: nobody that lives. */
export function upHolder(file: string): UpHolder | null {
  const holder = readHolder(file);
  return holder !== null && isAlive(holder) ? holder : null;
}

function refuse(holder: UpHolder): never {
  const { pid, connection } = holder;
  const what =
    connection === null ? `starting here (pid ${pid})` : `running here (pid ${pid}): ${connection}`;
  throw new CommandError('ALREADY_UP', `pgtape up is already ${what}`, {
    exit: exitCode.environment,
    advice: 'Use it, stop it with Ctrl-C where it runs, or give this one another --dir and --port.',
  });
}

function errnoOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

/** Puts `own` in the place of a dead holder's lock. Only one at a time may judge and replace it. */
function takeOver(file: string, own: string): void {
  const guard = `${file}.takeover`;
  const age = Date.now() - (statSync(guard, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
  if (age > takeoverMsMax) rmdirSync(guard);
  try {
    mkdirSync(guard);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
    throw new CommandError(
      'LOCK_CONTENDED',
      `another pgtape up is starting in the same directory (${file})`,
      {
        exit: exitCode.environment,
      },
    );
  }
  try {
    const holder = upHolder(file);
    if (holder !== null) refuse(holder);
    renameSync(own, file);
  } finally {
    rmdirSync(guard);
  }
}

/**
 * Takes the lock or says who has it. The lock appears with its content, so nobody reads half a one.
 * @throws CommandError `ALREADY_UP` while its holder lives, `LOCK_CONTENDED`
 */
export function takeUpLock(file: string): UpLock {
  const own = `${file}.${process.pid}`;
  const write = (connection: string | null, vault: UpVault | null): void => {
    const holder: UpHolder = { pid: process.pid, born: startOf(process.pid), connection, vault };
    writeFileSync(own, `${JSON.stringify(holder)}\n`, { mode: 0o600 });
  };
  write(null, null);
  let stale = false;
  try {
    try {
      linkSync(own, file);
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
      const holder = upHolder(file);
      if (holder !== null) refuse(holder);
      takeOver(file, own);
      stale = true;
    }
  } finally {
    rmSync(own, { force: true });
  }
  return {
    stale,
    announce(connection, vault) {
      write(connection, vault);
      renameSync(own, file);
    },
    release() {
      if (readHolder(file)?.pid === process.pid) rmSync(file, { force: true });
    },
  };
}
