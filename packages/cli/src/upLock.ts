/** The lock that keeps two `pgtape up` from sharing one directory; a lock whose process is gone is taken over. */
import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { CommandError, exitCode } from './exitCode.ts';

interface Holder {
  readonly pid: number;
  /** Start time of the process in clock ticks since boot (proc(5) field 22): a pid may be used again. */
  readonly born: string;
  readonly connection: string;
}

function bornOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

function isAlive(holder: Holder): boolean {
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return holder.born === '' || bornOf(holder.pid) === holder.born;
}

function readHolder(file: string): Holder | null {
  try {
    const holder = JSON.parse(readFileSync(file, 'utf8')) as Holder;
    return Number.isInteger(holder.pid) ? holder : null;
  } catch {
    return null;
  }
}

/**
 * Takes the lock or says who has it.
 * @returns the release, and whether a dead process's lock was taken over
 * @throws CommandError `ALREADY_UP` while its holder lives
 */
export function takeUpLock(file: string, connection: string): { release(): void; stale: boolean } {
  let stale = false;
  for (let attempt = 0; attempt < 2; attempt += 1) {
    try {
      const fd = openSync(file, 'wx', 0o600);
      writeSync(
        fd,
        `${JSON.stringify({ pid: process.pid, born: bornOf(process.pid), connection } satisfies Holder)}\n`,
      );
      closeSync(fd);
      return { release: () => rmSync(file, { force: true }), stale };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const holder = readHolder(file);
      if (holder !== null && isAlive(holder)) {
        throw new CommandError(
          'ALREADY_UP',
          `pgtape up is already running here (pid ${holder.pid}): ${holder.connection}`,
          {
            exit: exitCode.environment,
            advice: 'Use it, stop it with Ctrl-C where it runs, or give this one another --dir and --port.',
          },
        );
      }
      rmSync(file, { force: true });
      stale = true;
    }
  }
  throw new CommandError('LOCK_CONTENDED', `another pgtape up is starting in the same directory (${file})`, {
    exit: exitCode.environment,
  });
}
