/**
 * Owns what the kernel says about who a process is and whether it lives (proc(5)), so that a lock file can name
 * its holder. Knows no locks: what becomes of one whose holder cannot be seen is for its owner to say.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { z } from 'zod';

/** Names one process among all that may ever see the same file. */
export const ProcessIdentity = z.object({
  pid: z.int().positive(),
  host: z.string(),
  /** The kernel's boot id, '' where there is none. */
  boot: z.string(),
  /** The pid's namespace: in two containers the same pid is two processes. */
  namespace: z.string(),
  /** The process's start, clock ticks since boot (proc(5), stat, field 22): a pid is used again. '' where there is no /proc. */
  started: z.string(),
});
export type ProcessIdentity = z.infer<typeof ProcessIdentity>;

function textAt(read: () => string): string {
  try {
    return read().trim();
  } catch {
    return '';
  }
}

/** State letter and start of a process, from the text of /proc/PID/stat; '' for what is not there. */
export function readStat(stat: string): { state: string; started: string } {
  // The second field is the command in parentheses and may hold anything, so fields are counted from its end.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', started: fields[19] ?? '' };
}

function statOf(pid: number): { state: string; started: string } {
  return readStat(textAt(() => readFileSync(`/proc/${pid}/stat`, 'utf8')));
}

/** Id of this boot of the machine; '' where the system does not tell. */
export function bootId(): string {
  return textAt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8'));
}

/** Start of a process in clock ticks since boot; '' when it is not there or the system does not tell. */
export function startOf(pid: number): string {
  return statOf(pid).started;
}

/** This process. */
export function ourIdentity(): ProcessIdentity {
  return {
    pid: process.pid,
    host: hostname(),
    boot: bootId(),
    namespace: textAt(() => readlinkSync('/proc/self/ns/pid')),
    started: startOf(process.pid),
  };
}

/** True while the process is there. A zombie has ended: only its parent has not asked for its exit status yet. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return !/^[ZXx]/.test(statOf(pid).state);
}

/** True while the process that started then has this pid; `started` '' is not asked about. */
export function isSameProcess(pid: number, started: string): boolean {
  return isRunning(pid) && (started === '' || startOf(pid) === started);
}

/**
 * `unknown` when the process cannot be seen from here: another host or container, or another boot of what may be
 * another machine of the same name (cloned images, pods).
 */
export function lifeOf(holder: ProcessIdentity, us: ProcessIdentity): 'alive' | 'dead' | 'unknown' {
  const isHere = holder.host === us.host && holder.boot === us.boot && holder.namespace === us.namespace;
  if (!isHere) return 'unknown';
  return isSameProcess(holder.pid, holder.started) ? 'alive' : 'dead';
}
