/**
 * Owns the lock that keeps a second recorder off a spool. A lock whose holder is dead is taken over; one
 * whose holder cannot be seen (another container's process) is stale when it has not been touched for a
 * while. In a pod a container starts only when the one before it has ended: its lock needs no waiting for.
 */
import { linkSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { lifeOf, ourIdentity, ProcessIdentity } from '@pgtape/process';
import { z } from 'zod';
import { RecorderError } from './recorderError.ts';

export interface SpoolLock {
  /** Says that the holder lives; at least every `staleMs / 2`. @returns false when somebody else holds the lock now */
  touch(): boolean;
  release(): void;
}

/** A holder that cannot be looked up is taken for dead after this long without a touch. */
const staleMs = 10_000;

function readOr(fallback: string, read: () => string): string {
  try {
    return read();
  } catch {
    return fallback;
  }
}

/** `pod`: UID of the pod that the recorder's container is of. */
const Holder = ProcessIdentity.extend({ pod: z.string().min(1).optional() });

/** `unknown`: its process cannot be looked up from here, or the file is no lock. */
function judge(text: string, pod: string | undefined): 'dead' | 'alive' | 'unknown' {
  try {
    const holder = Holder.parse(JSON.parse(text));
    const us = ourIdentity();
    const isFormerContainer =
      pod !== undefined && holder.pod === pod && holder.boot === us.boot && holder.namespace !== us.namespace;
    return isFormerContainer ? 'dead' : lifeOf(holder, us);
  } catch {
    return 'unknown';
  }
}

async function isUntouched(file: string): Promise<boolean> {
  const touched = (): number => Number(readOr('0', () => String(statSync(file).mtimeMs)));
  const before = touched();
  for (let waited = 0; waited < staleMs; waited += 250) {
    await sleep(250);
    if (touched() !== before) return false;
  }
  return true;
}

function giveBack(aside: string, file: string): void {
  try {
    linkSync(aside, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** Puts a dead holder's lock aside; false: it was not that lock any more. */
function putAside(file: string, judged: string, aside: string): boolean {
  try {
    renameSync(file, aside);
  } catch {
    return false;
  }
  const isJudged = readOr('', () => readFileSync(aside, 'utf8')) === judged;
  // Somebody else took over in between and this is his lock: give it back, unless a third has one already.
  if (!isJudged) giveBack(aside, file);
  rmSync(aside, { force: true });
  return isJudged;
}

function locked(file: string, text: string): RecorderError {
  const pid = /"pid":(\d+)/.exec(text)?.[1] ?? 'unknown';
  return new RecorderError(
    'SPOOL_LOCKED',
    `another recorder (pid ${pid}) uses this spool (${file}): ` +
      'stop it, or give this one a spool.dir of its own',
  );
}

/**
 * `pod`: UID of the pod that this process is the recorder of.
 * @throws RecorderError `SPOOL_LOCKED`
 */
export async function lockSpool(file: string, pod?: string): Promise<SpoolLock> {
  const own = `${file}.${process.pid}.${performance.now()}`;
  const text = JSON.stringify({ ...ourIdentity(), ...(pod === undefined ? {} : { pod }) });
  writeFileSync(own, text, { mode: 0o600 });
  try {
    for (let attempt = 0; attempt < 3; attempt += 1) {
      try {
        // Unlike a rename a link never replaces: of two recorders one gets it.
        linkSync(own, file);
        return heldLock(file, text);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const held = readOr('', () => readFileSync(file, 'utf8'));
      const verdict = judge(held, pod);
      if (verdict === 'alive') throw locked(file, held);
      if (verdict === 'unknown' && !(await isUntouched(file))) throw locked(file, held);
      putAside(file, held, `${own}.stale`);
    }
    throw locked(file, '');
  } finally {
    rmSync(own, { force: true });
  }
}

/** Somebody removed the file: ours again, unless another was quicker. */
function retake(file: string, text: string): boolean {
  try {
    writeFileSync(file, text, { mode: 0o600, flag: 'wx' });
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'EEXIST';
  }
}

function heldLock(file: string, text: string): SpoolLock {
  return {
    touch() {
      const now = new Date();
      try {
        if (readFileSync(file, 'utf8') !== text) return false;
        utimesSync(file, now, now);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return retake(file, text);
        // The spool is read-only or fails: the journal and the outbox will say so where it matters.
      }
      return true;
    },
    release() {
      if (readOr('', () => readFileSync(file, 'utf8')) === text) rmSync(file, { force: true });
    },
  };
}
