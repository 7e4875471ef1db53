/** A whole pgtape for one test: PostgreSQL, vault and recorder as real processes on free ports, in a directory of its own. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningChild, startChild } from '@pgtape/cli';
import { decodeObject } from '@pgtape/evidence';
import { type EmbeddedPostgres, freePort, startEmbeddedPostgres } from '@pgtape/testkit';

export interface StackOptions {
  readonly settings?: Readonly<Record<string, string>>;
  readonly hba?: readonly string[];
  /** Tracing backend the vault forwards to. */
  readonly forward?: string;
  readonly segmentSeconds?: number;
  /** PEM; the server speaks TLS. */
  readonly tls?: { readonly certificate: string; readonly key: string; readonly clientCa?: string };
  /** Further keys of the recorder's configuration, by section. */
  readonly recorder?: Readonly<Record<string, unknown>>;
  /** Further keys of its `spool`. */
  readonly spool?: Readonly<Record<string, unknown>>;
  /** Further keys of the vault's configuration; `archive` and `http` are joined with the stack's own. */
  readonly vault?: { readonly archive?: object; readonly http?: object; readonly [key: string]: unknown };
  /** Further environment of the vault. */
  readonly vaultEnv?: Readonly<Record<string, string>>;
  readonly trustUpstream?: boolean;
  /** Longest that a stopping recorder seals and sends. */
  readonly stopGraceSeconds?: number;
  /** Replaces the embedded server by one already running. */
  readonly postgres?: EmbeddedPostgres;
}

export interface Ports {
  readonly recorder: number;
  readonly health: number;
  readonly otlp: number;
  readonly http: number;
}

export interface ArchivedRecord {
  readonly kind: string;
  readonly reel: string;
  readonly seq: number;
  readonly session?: string;
  readonly n?: number;
  readonly [field: string]: unknown;
}

export interface Stack {
  readonly dir: string;
  readonly archiveDir: string;
  readonly journalDir: string;
  readonly ports: Ports;
  readonly postgres: EmbeddedPostgres;
  /** Through the recorder. */
  readonly url: string;
  /** Around it. */
  readonly directUrl: string;
  recorder: RunningChild;
  vault: RunningChild;
  startRecorder(): Promise<RunningChild>;
  startVault(): Promise<RunningChild>;
  /** Every record of the archive, reel by reel, in order. */
  records(): ArchivedRecord[];
  /** Stops recorder and vault in order: afterwards the archive is final. */
  settle(): Promise<void>;
  stop(): Promise<void>;
}

const password = 'e2e-password';

/** Records of an archive that grows, of recorders or of vaults: each is read once. */
export class ArchiveReader {
  readonly #reelRoot: string;
  readonly #by: 'recorder' | 'vault';
  readonly #read = new Set<string>();
  readonly #vaults = new Set<string>();

  constructor(root: string, by: 'recorder' | 'vault' = 'recorder') {
    this.#reelRoot = join(root, 'reel');
    this.#by = by;
  }

  /** Record lines of the objects that came since it was asked last, in the order of their keys, one object at a time. */
  *fresh(): Generator<ArchivedRecord> {
    const files = readdirSync(this.#reelRoot, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.jsonl.zst') && !this.#read.has(file))
      .sort();
    for (const file of files) {
      const text = Buffer.from(decodeObject(readFileSync(join(this.#reelRoot, file)))).toString('utf8');
      this.#read.add(file);
      for (const line of text.trimEnd().split('\n').slice(1, -1)) {
        const record = JSON.parse(line) as ArchivedRecord;
        // The first record of a reel.
        if (record.kind === 'vault_opened') this.#vaults.add(record.reel);
        if (this.#vaults.has(record.reel) === (this.#by === 'vault')) yield record;
      }
    }
  }
}

/** Every record line under `root` of recorders, or of vaults, in the order of object keys, one object at a time. */
export function* readArchive(root: string, by: 'recorder' | 'vault' = 'recorder'): Generator<ArchivedRecord> {
  yield* new ArchiveReader(root, by).fresh();
}

/** All of them at once. */
export const archivedRecords = (root: string): ArchivedRecord[] => [...readArchive(root)];

function section(options: StackOptions, name: 'listen' | 'upstream' | 'vault'): object {
  return (options.recorder?.[name] as object | undefined) ?? {};
}

function writeConfigs(dir: string, ports: Ports, upstreamPort: number, options: StackOptions): void {
  const { archive, http, ...more } = options.vault ?? {};
  const vault = {
    ...more,
    otlp: { host: '127.0.0.1', port: ports.otlp },
    http: { host: '127.0.0.1', port: ports.http, ...http },
    archive: { store: join(dir, 'archive'), ...archive },
    ...(options.forward === undefined ? {} : { forward: { url: options.forward } }),
  };
  const recorder = {
    name: 'e2e',
    ...options.recorder,
    listen: { host: '127.0.0.1', port: ports.recorder, ...section(options, 'listen') },
    upstream: { host: '127.0.0.1', port: upstreamPort, ...section(options, 'upstream') },
    trustUpstream: options.trustUpstream ?? false,
    spool: { ...options.spool, dir: join(dir, 'spool') },
    journal: { dir: join('/dev/shm', dir.replaceAll('/', '_')) },
    segment: { maxSeconds: options.segmentSeconds ?? 0.5 },
    vault: { url: `http://127.0.0.1:${ports.otlp}`, ...section(options, 'vault') },
    ...(options.stopGraceSeconds === undefined ? {} : { stopGraceSeconds: options.stopGraceSeconds }),
    health: { host: '127.0.0.1', port: ports.health },
  };
  // JSON is YAML.
  writeFileSync(join(dir, 'vault.yaml'), JSON.stringify(vault));
  writeFileSync(join(dir, 'recorder.yaml'), JSON.stringify(recorder));
}

/** Starts everything; the caller stops it. */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const dir = mkdtempSync(join(tmpdir(), 'pgtape-e2e-'));
  const journalDir = join('/dev/shm', dir.replaceAll('/', '_'));
  const postgres =
    options.postgres ??
    (await startEmbeddedPostgres({
      dir: join(tmpdir(), `${dir.split('/').at(-1)}-postgres`),
      password,
      ...(options.settings === undefined ? {} : { settings: options.settings }),
      ...(options.hba === undefined ? {} : { hba: options.hba }),
      ...(options.tls === undefined ? {} : { tls: options.tls }),
    }));
  const ports: Ports = {
    recorder: await freePort(),
    health: await freePort(),
    otlp: await freePort(),
    http: await freePort(),
  };
  mkdirSync(join(dir, 'spool'), { recursive: true });
  mkdirSync(journalDir, { recursive: true, mode: 0o700 });
  writeConfigs(dir, ports, postgres.port, options);
  const start = (name: 'vault' | 'recorder') => (): Promise<RunningChild> =>
    startChild(
      name,
      [name, '--config', join(dir, `${name}.yaml`)],
      join(dir, `${name}.log`),
      name === 'vault' && options.vaultEnv !== undefined
        ? { ...process.env, ...options.vaultEnv }
        : undefined,
    );
  const stopPostgres = async (): Promise<void> => {
    if (options.postgres !== undefined) return;
    await postgres.stop();
    rmSync(join(postgres.dataDir, '..'), { recursive: true, force: true });
  };
  let vault: RunningChild | null = null;
  let recorder: RunningChild;
  try {
    vault = await start('vault')();
    recorder = await start('recorder')();
  } catch (error) {
    await vault?.stop(5000);
    await stopPostgres();
    throw error;
  }
  const url = (port: number): string => `postgres://postgres:${postgres.password}@127.0.0.1:${port}/postgres`;
  const stack: Stack = {
    dir,
    archiveDir: join(dir, 'archive'),
    journalDir,
    ports,
    postgres,
    url: url(ports.recorder),
    directUrl: url(postgres.port),
    recorder,
    vault,
    startRecorder: start('recorder'),
    startVault: start('vault'),
    records: () => archivedRecords(join(dir, 'archive')),
    async settle() {
      await stack.recorder.stop(20_000);
      await stack.vault.stop(10_000);
    },
    async stop() {
      await stack.settle();
      await stopPostgres();
      rmSync(dir, { recursive: true, force: true });
      rmSync(journalDir, { recursive: true, force: true });
    },
  };
  return stack;
}
