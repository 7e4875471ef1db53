/** CPU time of a process on Linux, by what its threads do (proc(5)). */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** CPU microseconds of a process's threads by what they do. */
export interface Cpu {
  readonly all: number;
  /** The process's first thread: the recorder's relay. */
  readonly main: number;
  /** Node's worker threads: the recorder's evidence worker. */
  readonly worker: number;
}

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** utime + stime of proc(5) `stat`, microseconds. */
function cpuUsOf(file: string): number {
  const text = readFileSync(file, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1e6) / ticksPerSecond;
}

/** schedstat counts nanoseconds on the CPU per thread: finer than the clock ticks of `stat`. */
function threadUs(pid: number, thread: string): number {
  try {
    const [ns] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ');
    return Number(ns) / 1000;
  } catch {
    return cpuUsOf(`/proc/${pid}/task/${thread}/stat`);
  }
}

export const noCpu: Cpu = { all: 0, main: 0, worker: 0 };

export function cpuOf(pid: number): Cpu {
  let { all, worker } = noCpu;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const us = threadUs(pid, thread);
    all += us;
    if (readFileSync(`/proc/${pid}/task/${thread}/comm`, 'utf8').startsWith('WorkerThread')) worker += us;
  }
  return { all, main: threadUs(pid, String(pid)), worker };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}
