/** Runs `pgtape recorder` and `pgtape vault` as children of `pgtape up`: readiness over IPC, logs to a file, orderly end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isRunning } from '@pgtape/process';
import { CommandError, exitCode } from './exitCode.ts';

/** What a child says once it serves. */
export interface ReadyMessage {
  readonly kind: 'ready';
  readonly detail: Readonly<Record<string, string | number>>;
}

export interface RunningChild {
  readonly name: string;
  readonly pid: number;
  readonly ready: ReadyMessage;
  /** Resolves with its exit code when it ends, wanted or not. */
  readonly ended: Promise<number>;
  /** Asks it to live on, when it is orphaned, until the process `pid` has ended. */
  outlive(pid: number): void;
  /** SIGTERM, and SIGKILL when it has not ended after `graceMs`; 0: SIGKILL at once. */
  stop(graceMs: number): Promise<number>;
}

/** What a parent asks of a child. */
interface OutliveMessage {
  readonly kind: 'outlive';
  readonly pid: number;
}

const readyTimeoutMs = 30_000;
/** Longest that an orphan waits for the process it is to outlive. */
const outliveMs = 20_000;
const pollMs = 50;

/** The end of a log file. */
export function lastLines(file: string, count: number): string {
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-count).join('\n');
}

/** `environment` instead of this process's own. */
export type ChildEnvironment = Readonly<Record<string, string | undefined>>;

function launch(args: readonly string[], logFile: string, environment?: ChildEnvironment): ChildProcess {
  const log = openSync(logFile, 'a', 0o600);
  const main = fileURLToPath(new URL('./main.js', import.meta.url));
  const child = spawn(process.execPath, ['--enable-source-maps', main, ...args], {
    stdio: ['ignore', log, log, 'ipc'],
    // Ctrl-C reaches only `up`, which then ends its children in order.
    detached: true,
    ...(environment === undefined ? {} : { env: environment }),
  });
  closeSync(log);
  return child;
}

/**
 * Starts a command of this build and waits until it says that it serves.
 * @throws CommandError `CHILD_FAILED` with the end of its log
 */
export async function startChild(
  name: string,
  args: readonly string[],
  logFile: string,
  environment?: ChildEnvironment,
): Promise<RunningChild> {
  const child = launch(args, logFile, environment);
  const ended = new Promise<number>((resolve) => {
    child.once('exit', (code, signal) =>
      resolve(code ?? (signal === null ? -1 : 128 + constants.signals[signal])),
    );
    child.once('error', () => resolve(-1));
  });
  const ready = new Promise<ReadyMessage>((resolve) => {
    child.on('message', (message: ReadyMessage) => {
      if (message.kind === 'ready') resolve(message);
    });
  });
  const timeout = new Promise<null>((resolve) => setTimeout(resolve, readyTimeoutMs, null).unref());
  const first = await Promise.race([ready, ended, timeout]);
  if (first === null || typeof first === 'number') {
    child.kill('SIGKILL');
    throw new CommandError('CHILD_FAILED', `the ${name} did not start:\n${lastLines(logFile, 6)}`, {
      exit: exitCode.environment,
      advice: `Its whole log: ${logFile}`,
    });
  }
  return {
    name,
    pid: child.pid as number,
    ready: first,
    ended,
    outlive(pid) {
      if (child.connected) child.send({ kind: 'outlive', pid } satisfies OutliveMessage);
    },
    async stop(graceMs) {
      child.kill(graceMs === 0 ? 'SIGKILL' : 'SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), graceMs);
      const code = await ended;
      clearTimeout(late);
      return code;
    },
  };
}

async function untilGone(pid: number): Promise<void> {
  for (let waited = 0; isRunning(pid) && waited < outliveMs; waited += pollMs) await sleep(pollMs);
}

/** In a child: tells the parent that it serves, and ends when the parent, and whom it is to outlive, have gone. */
export function announceReady(detail: ReadyMessage['detail'], onOrphaned: () => void): void {
  if (process.send === undefined) return;
  let elder: number | null = null;
  process.on('message', (message: OutliveMessage) => {
    if (message.kind === 'outlive') elder = message.pid;
  });
  process.once('disconnect', () => {
    if (elder === null) onOrphaned();
    else void untilGone(elder).then(onOrphaned);
  });
  process.send({ kind: 'ready', detail } satisfies ReadyMessage);
}
