/** What a suite is to the runner: something that speaks to a port and says which of its tests passed. */
import { spawn } from 'node:child_process';
import type { Build } from './builds.ts';
import type { MessageCounts } from './libpqTrace.ts';

export interface Target {
  readonly build: Build;
  readonly port: number;
  readonly password: string;
  /** A directory that the server's user can reach and write to, for this run alone. */
  readonly workDir: string;
  /** Where libpq traces every connection of clients that do not trace themselves; null: it does not. */
  readonly traceDir: string | null;
}

export interface SuiteResult {
  /** Names of tests to `ok` or what else was said. */
  readonly tests: Readonly<Record<string, string>>;
  /** What the suite itself printed as its findings (regression.diffs, traces, output), with run-dependent words masked. */
  readonly output: string;
  /** What libpq's trace, begun by the program itself, counted of a session, by its application name. */
  readonly traces?: ReadonlyMap<string, MessageCounts>;
}

export interface Suite {
  readonly name: string;
  /** Majors it exists for. */
  readonly majors: readonly number[];
  /** Its clients have no passwords. */
  readonly trust: boolean;
  /** Each of its messages is one statement, so that pg_stat_statements' calls and rows can be told from the tape's. */
  readonly counted?: true;
  run(target: Target): Promise<SuiteResult>;
}

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a client program of the build to its end; never throws over its exit code. */
export function runProgram(
  program: string,
  args: readonly string[],
  options: {
    readonly cwd?: string;
    readonly env?: Readonly<Record<string, string>>;
    readonly input?: string;
    readonly timeoutMs?: number;
  } = {},
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    // What a client writes, the server's user may have to write too.
    const child = spawn('/bin/sh', ['-c', 'umask 000; exec "$0" "$@"', program, ...args], {
      cwd: options.cwd,
      env: { PATH: process.env.PATH ?? '', LC_ALL: 'C.UTF-8', ...options.env },
      timeout: options.timeoutMs ?? 1_800_000,
      killSignal: 'SIGKILL',
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
    child.once('error', reject);
    child.once('close', (code) =>
      resolve({ code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() }),
    );
  });
}

/** How many tests passed. */
export function passed({ tests }: Pick<SuiteResult, 'tests'>): number {
  return Object.values(tests).filter((verdict) => verdict === 'ok').length;
}

/** The same tests with the same verdicts, and the same output. */
export function sameResult(
  one: Pick<SuiteResult, 'tests' | 'output'>,
  other: Pick<SuiteResult, 'tests' | 'output'>,
): boolean {
  const verdicts = ({ tests }: Pick<SuiteResult, 'tests'>): string =>
    JSON.stringify(Object.entries(tests).sort(([a], [b]) => (a < b ? -1 : 1)));
  return verdicts(one) === verdicts(other) && one.output === other.output;
}
