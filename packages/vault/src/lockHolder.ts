/**
 * Owns who holds an archive's lock, as written in the lock file, and whether that process can still be alive.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { errnoOf } from '@pgtape/store';
import { z } from 'zod';

const Holder = z.object({
  pid: z.int().positive(),
  host: z.string(),
  /** The kernel's boot id, '' where there is none. */
  boot: z.string(),
  /** The pid's namespace: in two containers the same pid is two processes. */
  namespace: z.string(),
  /** The process's start, clock ticks since boot (proc(5), stat, field 22): a pid is used again. */
  started: z.string(),
  /** Random, so that no two lock files are alike. */
  token: z.string(),
});
export type Holder = z.infer<typeof Holder>;

function textAt(read: () => string): string {
  try {
    return read().trim();
  } catch {
    return '';
  }
}

/** State letter and start of a process, from /proc/PID/stat (proc(5)); '' for what cannot be read. */
export function readStat(stat: string): { state: string; started: string } {
  // The second field is the command in parentheses and may hold anything, so fields are counted from its end.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', started: fields[19] ?? '' };
}

function statOf(pid: number): { state: string; started: string } {
  return readStat(textAt(() => readFileSync(`/proc/${pid}/stat`, 'utf8')));
}

/** This process. */
export function ourselves(token: string): Holder {
  return {
    pid: process.pid,
    host: hostname(),
    boot: textAt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')),
    namespace: textAt(() => readlinkSync('/proc/self/ns/pid')),
    started: statOf(process.pid).started,
    token,
  };
}

/** A lock file's content; null when it is not one. */
export function readHolder(text: string): Holder | null {
  try {
    return Holder.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

/**
 * `unknown` when the process cannot be seen from here: another host or container, or another boot of what may
 * be another machine of the same name.
 */
export function lifeOf(holder: Holder, us: Holder): 'alive' | 'dead' | 'unknown' {
  const here = holder.host === us.host && holder.boot === us.boot && holder.namespace === us.namespace;
  if (!here) return 'unknown';
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if (errnoOf(error) !== 'EPERM') return 'dead';
  }
  const { state, started } = statOf(holder.pid);
  // A zombie has ended; only its parent has not asked for its exit status yet. Its signal 0 still succeeds.
  if (state === 'Z' || state === 'X') return 'dead';
  return holder.started === '' || started === holder.started ? 'alive' : 'dead';
}
