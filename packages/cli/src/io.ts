/** What a command may touch of its process: streams, environment, signals. Tests pass their own. */
export interface Output {
  write(text: string): boolean;
  readonly isTTY: boolean;
  readonly columns: number;
}

export interface Io {
  readonly out: Output;
  readonly err: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Aborted by the first SIGINT or SIGTERM. */
  readonly stop: AbortSignal;
  /** Wall clock, milliseconds since 1970. */
  now(): number;
  /** Sets the exit code; the worst one said wins. */
  exit(code: number): void;
}

/** The real process as `Io`. The one place of the command line that reads `process.env`. */
export function processIo(env: Readonly<Record<string, string | undefined>>): Io {
  const stop = new AbortController();
  const onSignal = (): void => {
    if (stop.signal.aborted) process.exit(130);
    stop.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  const output = (stream: NodeJS.WriteStream): Output => ({
    write: (text) => stream.write(text),
    get isTTY() {
      return stream.isTTY === true;
    },
    get columns() {
      return stream.columns ?? 80;
    },
  });
  // A reader that went away (`| head`) is no error of ours.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
  });
  return {
    out: output(process.stdout),
    err: output(process.stderr),
    env,
    cwd: process.cwd(),
    stop: stop.signal,
    now: () => Date.now(),
    exit(code) {
      process.exitCode = Math.max(Number(process.exitCode ?? 0), code);
    },
  };
}
