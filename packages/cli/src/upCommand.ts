/** `pgtape up`: a PostgreSQL, a vault and a recorder in front, on this machine, until Ctrl-C. */
import { createHash, randomBytes } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isRunning } from '@pgtape/process';
import type { EmbeddedPostgres } from '@pgtape/testkit';
import { Command, InvalidArgumentError } from 'commander';
import { lastLines, type RunningChild, startChild } from './childProcess.ts';
import { CommandError, exitCode, throwIfStopped } from './exitCode.ts';
import type { Io } from './io.ts';
import { paintFor } from './paint.ts';
import { Progress } from './progress.ts';
import {
  type ChildLayout,
  connectionString,
  recorderYaml,
  type UpLayout,
  type UpOptions,
  upLayout,
  vaultUrl,
  vaultYaml,
} from './upLayout.ts';
import { takeUpLock } from './upLock.ts';

const recorderGraceMs = 15_000;
const vaultGraceMs = 10_000;
const serverPollMs = 500;

const help = `
Examples:
  $ ./pgtape up
  $ ./pgtape up --port 5544 --dir /srv/pgtape-try
  $ ./pgtape up --otlp http://127.0.0.1:4317     spans go to a Jaeger or Tempo, too

What it makes lies in --dir: the archive, the recorder's spool, logs and configuration files. A second
start finds it and goes on. Run by root, PostgreSQL runs as 'nobody'; where 'nobody' cannot reach --dir,
the cluster lies in /var/lib/pgtape instead.
`;

function parsePort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new InvalidArgumentError('a port is 1 to 65535.');
  return port;
}

function probePort(port: number): Promise<string | null> {
  return new Promise((done) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => done(error.code ?? 'unknown'));
    server.listen(port, '127.0.0.1', () => server.close(() => done(null)));
  });
}

/** The children of a killed `up` notice and end in order, which takes them a moment: `patienceMs` is for that. */
async function requirePort(
  io: Io,
  port: number,
  what: string,
  flag: string,
  patienceMs: number,
): Promise<void> {
  let code = await probePort(port);
  for (let waited = 0; code === 'EADDRINUSE' && waited < patienceMs; waited += 200) {
    await sleep(200);
    throwIfStopped(io);
    code = await probePort(port);
  }
  if (code === null) return;
  const why = code === 'EADDRINUSE' ? 'is in use' : `cannot be opened (${code})`;
  throw new CommandError('PORT_IN_USE', `port ${port} for ${what} ${why}`, {
    exit: exitCode.environment,
    advice: `Choose another one: ./pgtape up ${flag} ${port + 100}`,
  });
}

/** Makes a directory and those above it, one by one: node's own `recursive` never ends below /proc. */
function makeDirectory(dir: string, mode: number): void {
  if (existsSync(dir)) return;
  makeDirectory(dirname(dir), mode);
  mkdirSync(dir, { mode });
}

function prepareDirectory(layout: UpLayout): void {
  try {
    const isRoot = process.getuid?.() === 0;
    makeDirectory(layout.dir, isRoot ? 0o755 : 0o700);
    for (const dir of [layout.archiveDir, layout.spoolDir]) makeDirectory(dir, 0o700);
    accessSync(layout.dir, constants.W_OK);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? '';
    throw new CommandError('DIRECTORY_NOT_WRITABLE', `cannot write to ${layout.dir} (${code})`, {
      exit: exitCode.environment,
      advice: 'Give a directory you may write to: ./pgtape up --dir DIRECTORY',
      cause,
    });
  }
}

function secretOf(file: string, bytes: number): string {
  if (existsSync(file)) return readFileSync(file, 'utf8').trim();
  const secret = randomBytes(bytes).toString('base64url');
  writeFileSync(file, `${secret}\n`, { mode: 0o600 });
  return secret;
}

/** A new one at each start: who read the old one's file reads nothing any more. */
function writeToken(layout: UpLayout): void {
  const token = randomBytes(32).toString('base64url');
  // A file that was there keeps its mode, so it goes first.
  for (const file of [layout.tokenFile, layout.tokenHashFile]) rmSync(file, { force: true });
  writeFileSync(layout.tokenFile, `${token}\n`, { mode: 0o600 });
  const hash = createHash('sha256').update(token).digest('hex');
  writeFileSync(layout.tokenHashFile, `${hash}\n`, { mode: 0o600 });
}

interface Started {
  postgres: EmbeddedPostgres | null;
  vault: RunningChild | null;
  recorder: RunningChild | null;
}

async function startAll(
  options: UpOptions,
  layout: UpLayout,
  password: string,
  progress: Progress,
  started: Started,
): Promise<void> {
  const { startEmbeddedPostgres } = await import('@pgtape/testkit');
  for (const { logFile } of [layout.vault, layout.recorder]) writeFileSync(logFile, '', { mode: 0o600 });
  started.postgres = await startEmbeddedPostgres({
    dir: layout.postgresDir,
    password,
    onProgress: (step) => progress.step(step),
  });
  progress.step('starting the vault');
  writeToken(layout);
  secretOf(layout.enrolmentFile, 32);
  writeFileSync(layout.vault.configFile, vaultYaml(options, layout), { mode: 0o600 });
  started.vault = await startChild(
    'vault',
    ['vault', '--config', layout.vault.configFile],
    layout.vault.logFile,
  );
  progress.step('starting the recorder');
  const recorder = recorderYaml(options, layout, started.postgres.port);
  writeFileSync(layout.recorder.configFile, recorder, { mode: 0o600 });
  started.recorder = await startChild(
    'recorder',
    ['recorder', '--config', layout.recorder.configFile],
    layout.recorder.logFile,
  );
  // Should this process be killed, the tape's end still finds a vault.
  started.vault.outlive(started.recorder.pid);
  progress.done();
}

/** The recorder first, so that the tape's end still reaches the vault; PostgreSQL last. */
async function stopAll(started: Started, progress: Progress): Promise<void> {
  if (started.recorder !== null) {
    progress.step('closing the tape');
    await started.recorder.stop(recorderGraceMs);
  }
  if (started.vault !== null) {
    progress.step('stopping the vault');
    await started.vault.stop(vaultGraceMs);
  }
  if (started.postgres !== null) {
    progress.step('stopping PostgreSQL');
    await started.postgres.stop();
  }
  progress.done();
}

/** Looks now and then whether the server lives; its process is not a child that tells. */
async function untilServerGone(pid: number, stop: AbortSignal): Promise<void> {
  while (isRunning(pid) && !stop.aborted) {
    await sleep(serverPollMs, undefined, { signal: stop }).catch(() => {});
  }
}

/** Waits for the end: null when it was asked for, else what ended by itself. */
async function untilStopped(io: Io, started: Started, layout: UpLayout): Promise<CommandError | null> {
  const { postgres, vault, recorder } = started;
  const ended = (what: string, how: string, logFile: string): CommandError =>
    new CommandError('CHILD_ENDED', `${what} ended by itself${how}`, {
      exit: exitCode.failure,
      advice: `The end of its log, ${logFile}:\n${lastLines(logFile, 4)}`,
    });
  const watch = new AbortController();
  const ends: Promise<CommandError | null>[] = [
    new Promise((done) => {
      if (io.stop.aborted) done(null);
      io.stop.addEventListener('abort', () => done(null), { once: true });
    }),
  ];
  const watched = (child: RunningChild, { logFile }: ChildLayout, forget: () => void): void => {
    ends.push(
      child.ended.then((code) => {
        forget();
        return ended(`the ${child.name}`, ` (exit code ${code})`, logFile);
      }),
    );
  };
  // What has ended by itself is not stopped again: no step may say that it was.
  if (vault !== null)
    watched(vault, layout.vault, () => {
      started.vault = null;
    });
  if (recorder !== null)
    watched(recorder, layout.recorder, () => {
      started.recorder = null;
    });
  if (postgres !== null) {
    ends.push(
      untilServerGone(postgres.pid, watch.signal).then(() => ended('PostgreSQL', '', postgres.logFile)),
    );
  }
  const first = await Promise.race(ends);
  watch.abort();
  return first;
}

function welcome(io: Io, colour: boolean, connection: string, layout: UpLayout, found: boolean): string {
  const paint = paintFor(io, io.out, colour);
  const command = (text: string, what: string): string =>
    `    ${paint.cyan(text.padEnd(24))} ${paint.dim(what)}\n`;
  return [
    `\n  ${paint.bold('On tape.')} Connect with any client${found ? ' (the data of last time is here)' : ''}:\n\n`,
    `    ${paint.bold(connection)}\n\n`,
    '  Then, in another terminal:\n\n',
    command('./pgtape demo', 'no psql? a scripted session of three people'),
    command('./pgtape sessions', 'who was there, and what they did'),
    command('./pgtape verify', 'prove that nothing was changed'),
    `\n  ${paint.dim(`Archive: ${layout.archiveDir}`)}\n`,
    `  ${paint.dim(`Key of its log: ${join(layout.archiveDir, 'log', 'vkey')} (note it elsewhere)`)}\n`,
    `  ${paint.dim('Ctrl-C stops everything and closes the tape.')}\n`,
  ].join('');
}

async function explain(error: unknown): Promise<unknown> {
  const { EmbeddedPostgresError } = await import('@pgtape/testkit');
  if (!(error instanceof EmbeddedPostgresError)) return error;
  return new CommandError(error.code, error.message, { exit: exitCode.environment, cause: error });
}

async function requirePorts(io: Io, options: UpOptions, patienceMs: number): Promise<void> {
  await requirePort(io, options.port, 'the recorder', '--port', patienceMs);
  await requirePort(io, options.vaultOtlpPort, "the vault's OTLP receiver", '--vault-otlp-port', patienceMs);
  await requirePort(io, options.vaultHttpPort, "the vault's HTTP API", '--vault-http-port', patienceMs);
  await requirePort(io, options.healthPort, "the recorder's health", '--health-port', patienceMs);
}

async function up(io: Io, options: UpOptions, colour: boolean): Promise<void> {
  const layout = upLayout(options.dir);
  const paint = paintFor(io, io.err, colour);
  prepareDirectory(layout);
  const lock = takeUpLock(layout.lockFile);
  const progress = new Progress(io.err, paint, () => io.now());
  const started: Started = { postgres: null, vault: null, recorder: null };
  try {
    const password = secretOf(layout.passwordFile, 12);
    const connection = connectionString(password, options.port);
    if (lock.stale)
      io.err.write(`  ${paint.yellow('!')} the last run did not end in order; going on from its data\n`);
    await requirePorts(io, options, lock.stale ? recorderGraceMs + vaultGraceMs : 0);
    await startAll(options, layout, password, progress, started);
    lock.announce(connection, { url: vaultUrl(options), tokenFile: layout.tokenFile });
    io.out.write(welcome(io, colour, connection, layout, started.postgres?.found ?? false));
    const trouble = await untilStopped(io, started, layout);
    io.err.write('\n');
    if (trouble !== null) throw trouble;
  } catch (error) {
    progress.fail();
    throw await explain(error);
  } finally {
    await stopAll(started, progress);
    lock.release();
  }
}

/** Builds the command. */
export function upCommand(io: Io): Command {
  return new Command('up')
    .description('PostgreSQL, a vault and a recorder on this machine; goes on until Ctrl-C')
    .option('--dir <directory>', 'where everything it makes lies', '.pgtape')
    .option('--port <port>', 'where clients connect', parsePort, 5433)
    .option('--otlp <url>', 'also send spans to this OTLP/gRPC endpoint (Jaeger, Tempo)')
    .option('--vault-otlp-port <port>', "the vault's OTLP/gRPC receiver", parsePort, 7418)
    .option('--vault-http-port <port>', "the vault's HTTP API", parsePort, 7417)
    .option('--health-port <port>', "the recorder's health and metrics", parsePort, 7419)
    .addHelpText('after', help)
    .action(async (flags: Record<string, string | number | undefined>, command: Command) => {
      await up(
        io,
        {
          dir: resolve(io.cwd, String(flags.dir)),
          port: Number(flags.port),
          vaultOtlpPort: Number(flags.vaultOtlpPort),
          vaultHttpPort: Number(flags.vaultHttpPort),
          healthPort: Number(flags.healthPort),
          otlp: flags.otlp === undefined ? null : String(flags.otlp),
        },
        command.optsWithGlobals().color !== false,
      );
    });
}
