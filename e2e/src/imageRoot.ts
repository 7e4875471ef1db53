/** The root of pgtape's image as `scripts/image` fills it, so that its entrypoint runs here as it does in a container. */
import { execFileSync, spawn } from 'node:child_process';
import { openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('../../scripts/image', import.meta.url));

/** The image's root directory, bundles made anew. */
export function imageRoot(): string {
  const context = execFileSync(script, ['--context'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return join(context.trim(), 'rootfs');
}

export interface Entrypoint {
  /** Of the first process: the supervisor of a recorder. */
  readonly pid: number;
  readonly ended: Promise<number | null>;
}

/** Starts the image's entrypoint; its output goes to `logFile`. */
export function startEntrypoint(root: string, args: readonly string[], logFile: string): Entrypoint {
  const log = openSync(logFile, 'a', 0o600);
  const child = spawn(join(root, 'usr/bin/pgtape'), args, {
    stdio: ['ignore', log, log],
    // What a container has, and nothing of this process's own.
    env: { PATH: process.env.PATH, PGTAPE_LIB: join(root, 'usr/lib/pgtape') },
  });
  return {
    pid: child.pid as number,
    ended: new Promise((resolve) => child.once('exit', (code) => resolve(code))),
  };
}

export function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Process ids of the children of a process. */
export function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
}

/** Resident memory of a process, bytes: all of it, and what is not of files. */
export function residentBytes(pid: number): { readonly all: number; readonly anonymous: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kilobytes = (field: string): number =>
    Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) * 1024;
  return { all: kilobytes('VmRSS'), anonymous: kilobytes('RssAnon') };
}
