/** Exit codes of every pgtape command; documented in `pgtape --help`. */
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
