/** Every driver over every transport: transcripts against the direct run's, the archive against the server's log. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '@pgtape/testkit';
import { type Identity, makeIdentity, recorderTls } from '../identity.ts';
import { type LogEntry, oracleLogFile, oracleSettings } from '../jsonLog.ts';
import { verify } from '../probes.ts';
import { tapedSessions } from '../serverLog.ts';
import { type ArchivedRecord, type Stack, startStack } from '../stack.ts';
import { startLeg, type Transport } from '../transport.ts';
import { agreement, differenceOf } from './agreement.ts';
import { builtScenario } from './builds.ts';
import { type Driver, steps } from './driver.ts';
import { completeLog, databaseOf, freshDatabase, major, unsettled } from './scenarioDatabase.ts';
import { firstDifference, runScenario, type Target, type Transcript } from './scenarioRun.ts';
import { serverExecutions } from './serverExecutions.ts';
import { type NamedDifference, tapeExecutions } from './tapeExecutions.ts';

/** One driver over one transport. */
export interface Cell {
  readonly driver: string;
  readonly transport: string;
  readonly lines: number;
  readonly steps: number;
  readonly sessions: number;
  readonly statements: number;
  readonly compared: number;
  readonly tolerated: Readonly<Partial<Record<NamedDifference, number>>>;
  /** Everything that is not as it must be; empty when all is well. */
  readonly findings: readonly string[];
  readonly seconds: number;
}

export interface MatrixOptions {
  readonly drivers: readonly Driver[];
  readonly transports: readonly Transport[];
  readonly onProgress: (text: string) => void;
  /** Aborted, it ends what it started and rejects. */
  readonly signal?: AbortSignal;
}

interface Ran {
  readonly driver: Driver;
  readonly findings: readonly string[];
  readonly transcript: Transcript | null;
  readonly seconds: number;
}

/** What all runs share. */
interface Place {
  readonly server: EmbeddedPostgres;
  readonly identity: Identity;
  readonly onProgress: (text: string) => void;
  readonly signal: AbortSignal;
}

interface Built {
  readonly dir: string;
  /** Transcripts of the direct runs, by whether they were in TLS. */
  readonly direct: ReadonlyMap<boolean, Transcript>;
}

const password = 'driver-password';

function targetAt({ server, identity }: Place, port: number, driver: Driver, tls: boolean): Target {
  const { host, user } = server;
  const plain = { host, port, user, password: server.password, database: databaseOf(driver.name) };
  return tls ? { ...plain, caFile: identity.caFile, channelBinding: driver.scram === 'plus' } : plain;
}

/** What the tape must say of how the client was authenticated. */
const authOf = (driver: Driver, tls: boolean): string =>
  tls && driver.scram === 'plus' ? 'SCRAM-SHA-256-PLUS' : 'SCRAM-SHA-256';

async function play(
  place: Place,
  port: number,
  driver: Driver,
  dir: string,
  tls: boolean,
): Promise<Transcript> {
  await freshDatabase(place.server, databaseOf(driver.name));
  return runScenario(driver, dir, targetAt(place, port, driver, tls), place.signal);
}

function missing(transcript: Transcript): string[] {
  return steps.filter((step) => !transcript.steps.has(step)).map((step) => `the scenario lacks ${step}`);
}

/** What the tape of one driver's sessions says, against the server's log. */
async function judged(
  server: EmbeddedPostgres,
  ran: Ran,
  transport: Transport,
  records: readonly ArchivedRecord[],
  log: readonly LogEntry[],
): Promise<Cell> {
  const database = databaseOf(ran.driver.name);
  const mine = tapedSessions(records).filter(({ records: own }) =>
    own.some(({ kind, database: name }) => kind === 'opened' && name === database),
  );
  const byPid = serverExecutions(log, database);
  const findings = [...ran.findings];
  const tolerated: Partial<Record<NamedDifference, number>> = {};
  let compared = 0;
  for (const session of mine) {
    for (const { kind, reason } of session.records) if (kind === 'gap') findings.push(`gap ${reason}`);
    const opened = session.records.find(({ kind }) => kind === 'opened');
    const tls = transport.tls === true;
    if (opened?.auth !== authOf(ran.driver, tls)) findings.push(`auth ${opened?.auth}`);
    if (opened?.tls !== tls || (opened.tls_server !== undefined) !== tls) findings.push(`tls ${opened?.tls}`);
    const told = agreement(tapeExecutions(session), byPid.get(session.pid) ?? []);
    byPid.delete(session.pid);
    compared += told.compared;
    findings.push(...told.findings, ...(await unsettled(server, database, told.questions)));
    for (const word of [...told.tolerated, ...told.questions.map(differenceOf)])
      tolerated[word] = (tolerated[word] ?? 0) + 1;
  }
  for (const [pid, list] of byPid) findings.push(`backend ${pid} is not on tape: ${list.length} executions`);
  const statements = mine.flatMap((session) => session.records.filter(({ kind }) => kind === 'statement'));
  return {
    driver: ran.driver.name,
    transport: transport.name,
    lines: ran.transcript?.lines.length ?? 0,
    steps: ran.transcript?.steps.size ?? 0,
    sessions: mine.length,
    statements: statements.length,
    compared,
    tolerated,
    findings,
    seconds: ran.seconds,
  };
}

async function throughRecorder(
  place: Place,
  transport: Transport,
  built: ReadonlyMap<Driver, Built>,
): Promise<Cell[]> {
  const { server, identity, onProgress } = place;
  const tls = transport.tls === true;
  const from = statSync(oracleLogFile(server.dataDir, major)).size;
  const serverLeg = await startLeg(transport, server.port);
  let stack: Stack | null = null;
  try {
    stack = await startStack({
      postgres: { ...server, port: serverLeg.port },
      ...(tls ? { recorder: recorderTls(identity) } : {}),
    });
    const clientLeg = await startLeg(transport, stack.ports.recorder);
    const all: Ran[] = [];
    try {
      for (const [driver, { dir, direct }] of built) {
        const began = performance.now();
        const findings: string[] = [];
        let transcript: Transcript | null = null;
        try {
          transcript = await play(place, clientLeg.port, driver, dir, tls);
          const difference = firstDifference(direct.get(tls) as Transcript, transcript);
          findings.push(...missing(transcript), ...(difference === null ? [] : [difference]));
        } catch (error) {
          place.signal.throwIfAborted();
          findings.push((error as Error).message);
        }
        const seconds = (performance.now() - began) / 1000;
        onProgress(`${transport.name}: ${driver.name} ${seconds.toFixed(1)} s, ${findings.length} findings`);
        all.push({ driver, findings, transcript, seconds });
      }
    } finally {
      await clientLeg.stop();
    }
    await stack.settle();
    const databases = all.map(({ driver }) => databaseOf(driver.name));
    const log = await completeLog(server, databases, from);
    const records = stack.records();
    const { verdict } = verify(stack.archiveDir);
    const cells: Cell[] = [];
    for (const ran of all) {
      const cell = await judged(server, ran, transport, records, log);
      cells.push(
        verdict === 'complete'
          ? cell
          : { ...cell, findings: [...cell.findings, `pgtape verify says ${verdict}`] },
      );
    }
    return cells;
  } finally {
    await stack?.stop();
    await serverLeg.stop();
  }
}

/** Builds what is not built, runs everything, and stops what it started. */
export async function runMatrix(options: MatrixOptions): Promise<Cell[]> {
  const { drivers, transports, onProgress, signal = new AbortController().signal } = options;
  const dirs = drivers.map((driver) => [driver, builtScenario(driver, onProgress)] as const);
  const home = mkdtempSync(join(tmpdir(), 'pgtape-drivers-'));
  const serverDir = join(tmpdir(), `${basename(home)}-postgres`);
  const identity = makeIdentity(home);
  const server = await startEmbeddedPostgres({
    dir: serverDir,
    password,
    settings: oracleSettings(major),
    tls: identity,
  });
  const place: Place = { server, identity, onProgress, signal };
  try {
    const built = new Map<Driver, Built>();
    const kinds = [...new Set(transports.map(({ tls }) => tls === true))];
    for (const [driver, dir] of dirs) {
      const direct = new Map<boolean, Transcript>();
      for (const tls of kinds) direct.set(tls, await play(place, server.port, driver, dir, tls));
      built.set(driver, { dir, direct });
      onProgress(`direct: ${driver.name}, ${direct.get(kinds[0] === true)?.lines.length} lines`);
    }
    const cells: Cell[] = [];
    for (const transport of transports) cells.push(...(await throughRecorder(place, transport, built)));
    return cells;
  } finally {
    await server.stop();
    rmSync(serverDir, { recursive: true, force: true });
    rmSync(home, { recursive: true, force: true });
  }
}
