/** Where one suite runs: a server of its own, and either nothing before it or a whole pgtape over some transport. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '@pgtape/testkit';
import pg from 'pg';
import { type Identity, makeIdentity, recorderTls } from '../identity.ts';
import { oracleLogFile, oracleSettings } from '../jsonLog.ts';
import { type ArchivedRecord, readArchive, startStack } from '../stack.ts';
import { type Leg, startLeg, type Transport } from '../transport.ts';
import type { Build } from './builds.ts';
import { slimRecords } from './tapeEvents.ts';

export const transports: readonly Transport[] = [
  { name: 'plain' },
  { name: 'TLS', tls: true },
  { name: 'pieces of 8 KiB', pieceBytes: 8192 },
  { name: 'pieces of 3 bytes', pieceBytes: 3 },
  { name: 'pieces of 1 byte', pieceBytes: 1 },
];

export interface Place {
  readonly postgres: EmbeddedPostgres;
  /** Where the suite's clients connect. */
  readonly port: number;
  readonly serverLog: string;
  /** Asks the server itself, around the recorder; rows as text. */
  ask(sql: string): Promise<Record<string, string>[]>;
  /** Ends pgtape in order and the server after it; the tape and the log are whole then. */
  finish(): Promise<ArchivedRecord[]>;
  /** Stops and removes everything. */
  clear(): Promise<void>;
}

export interface PlaceOptions {
  readonly build: Build;
  /** Null: clients reach the server itself. */
  readonly transport: Transport | null;
  /** The server, and a recorder before it, offer TLS. */
  readonly tls: boolean;
  /** Clients are let in without a password: suites whose roles have none. */
  readonly trust: boolean;
}

/** Name of what the runner itself asks of a server, around the recorder. */
export const aroundName = 'pgtape-fidelity-around';

const drainSeconds = 900;

let number = 0;

function startServer({ build, trust }: PlaceOptions, identity: Identity | null): Promise<EmbeddedPostgres> {
  number += 1;
  return startEmbeddedPostgres({
    dir: join(tmpdir(), `pgtape-fidelity-${process.pid}-${number}`),
    password: 'fidelity-password',
    runtime: build.runtime,
    settings: {
      ...oracleSettings(build.major),
      shared_preload_libraries: 'pg_stat_statements',
      'pg_stat_statements.max': '100000',
      max_connections: '200',
      fsync: 'off',
      max_prepared_transactions: '10',
    },
    ...(trust && { hba: ['host all all 127.0.0.1/32 trust'] }),
    ...(identity !== null && { tls: identity }),
  });
}

async function ask(postgres: EmbeddedPostgres, sql: string): Promise<Record<string, string>[]> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port: postgres.port,
    user: 'postgres',
    password: postgres.password,
    database: 'postgres',
    application_name: aroundName,
  });
  await client.connect();
  try {
    return (await client.query<Record<string, string>>(sql)).rows;
  } finally {
    await client.end();
  }
}

/** A suite whose clients went round TLS has shown nothing about it. */
function assertTls(records: readonly ArchivedRecord[]): void {
  const sessions = records.filter(({ kind, ready }) => kind === 'opened' && ready === true);
  const plain = sessions.filter(({ tls, tls_server }) => tls !== true || tls_server === undefined);
  if (sessions.length > 0 && plain.length === 0) return;
  throw new Error(`${plain.length} of ${sessions.length} sessions were not in TLS on both legs`);
}

/** Starts it; the caller clears it. */
export async function startPlace(options: PlaceOptions): Promise<Place> {
  const { transport, trust } = options;
  const home = mkdtempSync(join(tmpdir(), 'pgtape-fidelity-tls-'));
  const identity = options.tls ? makeIdentity(home) : null;
  const postgres = await startServer(options, identity);
  const removeServer = async (): Promise<void> => {
    await postgres.stop();
    for (const dir of [join(postgres.dataDir, '..'), home]) rmSync(dir, { recursive: true, force: true });
  };
  const serverLog = oracleLogFile(postgres.dataDir, options.build.major);
  if (transport === null) {
    return {
      postgres,
      port: postgres.port,
      serverLog,
      ask: (sql) => ask(postgres, sql),
      finish: async () => {
        await postgres.stop();
        return [];
      },
      clear: removeServer,
    };
  }
  const legs: Leg[] = [];
  const leg = async (targetPort: number): Promise<number> => {
    const made = await startLeg(transport, targetPort);
    legs.push(made);
    return made.port;
  };
  const clear = async (): Promise<void> => {
    for (const open of legs) await open.stop();
    await removeServer();
  };
  const behind = await leg(postgres.port);
  const stack = await startStack({
    postgres: { ...postgres, port: behind },
    trustUpstream: trust,
    ...(identity !== null && { recorder: recorderTls(identity) }),
    stopGraceSeconds: drainSeconds,
  }).catch(async (error: unknown) => {
    await clear();
    throw error;
  });
  return {
    postgres,
    port: await leg(stack.ports.recorder),
    serverLog,
    ask: (sql) => ask(postgres, sql),
    finish: async () => {
      // Half a million statements in a few seconds take longer than that to seal and send.
      await stack.recorder.stop(drainSeconds * 1000);
      await stack.settle();
      await postgres.stop();
      const records = slimRecords(readArchive(stack.archiveDir));
      if (identity !== null) assertTls(records);
      return records;
    },
    clear: async () => {
      await stack.stop();
      await clear();
    },
  };
}
