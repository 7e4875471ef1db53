/** Exit codes of every pgtape command; documented in `pgtape --help`. */
import type { Io, StopReason } from './io.ts';

export const exitCode = {
  /** Done, nothing wrong. */
  fine: 0,
  /** The command worked and found something wrong: a verdict worse than `open`, a search without a hit. */
  found: 1,
  /** The command line or a configuration file is wrong. */
  usage: 2,
  /** Something the command needs is not there or not ours: a port, a directory, a lock, an archive. */
  environment: 3,
  /** A failure that should not be; the message carries a code to report. */
  failure: 4,
  /** Stopped by a signal before it had read everything: no verdict, and no hits that may be counted on. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCode)[keyof typeof exitCode];

/** An error that ends a command with a sentence for the person and a stable code for scripts. */
export class CommandError extends Error {
  readonly code: string;
  readonly exit: ExitCode;
  readonly advice: string | null;

  constructor(code: string, message: string, options: { exit: ExitCode; advice?: string; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.name = 'CommandError';
    this.code = code;
    this.exit = options.exit;
    this.advice = options.advice ?? null;
  }
}

/** Ends a command that was told to stop before it was done. */
export class Stopped extends Error {
  readonly reason: StopReason;

  constructor(reason: StopReason) {
    super('stopped before the end');
    this.name = 'Stopped';
    this.reason = reason;
  }
}

/** @throws Stopped when the command was told to stop */
export function throwIfStopped(io: Io): void {
  if (io.stop.aborted) throw new Stopped(io.stop.reason as StopReason);
}
