/** What a command may touch of its process: streams, keys, environment, signals. Tests pass their own. */

import { hangupIgnored } from './hangup.ts';
import { keyboard, type Press } from './keyboard.ts';
import type { VaultAccess } from './vaultClient.ts';

export interface Output {
  /** False when the reader is slow: wait for `drained` before the next write. */
  write(chunk: string | Uint8Array): boolean;
  /** Resolves when what was written has gone out, or nobody reads any more. */
  drained(): Promise<void>;
  readonly isTTY: boolean;
  readonly columns: number;
}

/** Why a command is to stop: a signal, or nobody reads its output any more. */
export type StopReason = 'signal' | 'output_closed';

export interface Io {
  readonly out: Output;
  readonly err: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Aborted, with a `StopReason`, by the first SIGINT, SIGTERM or SIGHUP, and when standard output is closed. */
  readonly stop: AbortSignal;
  /** A vault that was reached for this command and is asked where none is named; null, absent: there is none. */
  readonly reachedVault?: () => VaultAccess | null;
  /** From now on a hangup does this; it ends the command no more. */
  onHangup(act: () => void): void;
  /** Waits for a key of the person; what is no terminal gives a press for each line, and for its end. */
  press(): Promise<Press>;
  /** Wall clock, milliseconds since 1970. */
  now(): number;
  /** Sets the exit code; the worst one said wins. */
  exit(code: number): void;
}

/** The same, for commands that ask the vault that `reachedVault` gives. */
export function reaching(io: Io, reachedVault: () => VaultAccess | null): Io {
  return {
    out: io.out,
    err: io.err,
    env: io.env,
    cwd: io.cwd,
    stop: io.stop,
    reachedVault,
    onHangup: (act) => io.onHangup(act),
    press: () => io.press(),
    now: () => io.now(),
    exit: (code) => io.exit(code),
  };
}

/** Writes and, where the reader is slow, waits for it. */
export async function put(output: Output, chunk: string | Uint8Array): Promise<void> {
  if (!output.write(chunk)) await output.drained();
}

function processOutput(stream: NodeJS.WriteStream, onClosed: () => void): Output {
  let isGone = false;
  let wake: () => void = () => {};
  // A reader that went away (`| head`), or a terminal that was closed, is no error of ours.
  stream.on('error', () => {
    isGone = true;
    wake();
    onClosed();
  });
  return {
    write: (chunk) => isGone || stream.write(chunk),
    drained: () =>
      isGone || !stream.writableNeedDrain
        ? Promise.resolve()
        : new Promise((resolve) => {
            wake = resolve;
            stream.once('drain', resolve);
          }),
    get isTTY() {
      return stream.isTTY === true;
    },
    get columns() {
      return stream.columns ?? 80;
    },
  };
}

/**
 * A second signal so soon is the first one's echo (make passes SIGTERM on, and its group gets it as well); a later
 * one is a person who will not wait.
 */
const echoMs = 1000;

/** The real process as `Io`. The one place of the command line that is given `process.env`. */
export function processIo(env: Readonly<Record<string, string | undefined>>): Io {
  const stop = new AbortController();
  const end = (reason: StopReason): void => stop.abort(reason);
  let signalledMs = 0;
  const onSignal = (): void => {
    if (stop.signal.reason !== 'signal') signalledMs = performance.now();
    else if (performance.now() - signalledMs > echoMs) process.exit(130);
    end('signal');
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  // A closed terminal ends a command in order; under nohup it does not end it at all.
  const endOnHangup = (): void => end('signal');
  if (!hangupIgnored()) process.on('SIGHUP', endOnHangup);
  return {
    out: processOutput(process.stdout, () => end('output_closed')),
    err: processOutput(process.stderr, () => {}),
    env,
    cwd: process.cwd(),
    stop: stop.signal,
    press: keyboard(process.stdin, stop.signal),
    onHangup(act) {
      process.off('SIGHUP', endOnHangup);
      process.on('SIGHUP', act);
    },
    now: () => Date.now(),
    exit(code) {
      process.exitCode = Math.max(Number(process.exitCode ?? 0), code);
    },
  };
}
