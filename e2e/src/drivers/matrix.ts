/** Every driver over every transport: transcripts against the direct run's, the archive against the server's log. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '@pgtape/testkit';
import { verify } from '../probes.ts';
import { tapedSessions } from '../serverLog.ts';
import { type ArchivedRecord, type Stack, startStack } from '../stack.ts';
import { agreement, differenceOf } from './agreement.ts';
import { builtScenario } from './builds.ts';
import { type Driver, steps } from './driver.ts';
import { completeLog, databaseOf, freshDatabase, unsettled } from './scenarioDatabase.ts';
import { firstDifference, runScenario, type Target, type Transcript } from './scenarioRun.ts';
import { jsonLogFile, jsonLogSettings, logLength, serverExecutions } from './serverExecutions.ts';
import { type NamedDifference, tapeExecutions } from './tapeExecutions.ts';
import { startLeg, type Transport } from './transports.ts';

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
}

interface Ran {
  readonly driver: Driver;
  readonly findings: readonly string[];
  readonly transcript: Transcript | null;
  readonly seconds: number;
}

const password = 'driver-password';

function targetAt(server: EmbeddedPostgres, port: number, driver: Driver): Target {
  const { host, user } = server;
  return { host, port, user, password: server.password, database: databaseOf(driver.name) };
}

async function play(
  server: EmbeddedPostgres,
  port: number,
  driver: Driver,
  dir: string,
): Promise<Transcript> {
  await freshDatabase(server, databaseOf(driver.name));
  return runScenario(driver, dir, targetAt(server, port, driver));
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
  log: string,
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
    if (!/^(sasl|scram)/.test(String(opened?.auth))) findings.push(`auth ${opened?.auth}`);
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
  server: EmbeddedPostgres,
  transport: Transport,
  built: ReadonlyMap<Driver, { readonly dir: string; readonly direct: Transcript }>,
  onProgress: (text: string) => void,
): Promise<Cell[]> {
  const from = logLength(jsonLogFile(server.dataDir));
  const serverLeg = await startLeg(transport, server.port);
  let stack: Stack | null = null;
  try {
    stack = await startStack({ postgres: { ...server, port: serverLeg.port } });
    const clientLeg = await startLeg(transport, stack.ports.recorder);
    const all: Ran[] = [];
    try {
      for (const [driver, { dir, direct }] of built) {
        const began = performance.now();
        const findings: string[] = [];
        let transcript: Transcript | null = null;
        try {
          transcript = await play(server, clientLeg.port, driver, dir);
          const difference = firstDifference(direct, transcript);
          findings.push(...missing(transcript), ...(difference === null ? [] : [difference]));
        } catch (error) {
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
  const { onProgress } = options;
  const dirs = options.drivers.map((driver) => [driver, builtScenario(driver, onProgress)] as const);
  const home = mkdtempSync(join(tmpdir(), 'pgtape-drivers-'));
  const serverDir = join(tmpdir(), `${basename(home)}-postgres`);
  const server = await startEmbeddedPostgres({ dir: serverDir, password, settings: jsonLogSettings });
  try {
    const built = new Map<Driver, { readonly dir: string; readonly direct: Transcript }>();
    for (const [driver, dir] of dirs) {
      const direct = await play(server, server.port, driver, dir);
      built.set(driver, { dir, direct });
      onProgress(`direct: ${driver.name}, ${direct.lines.length} lines`);
    }
    const cells: Cell[] = [];
    for (const transport of options.transports) {
      cells.push(...(await throughRecorder(server, transport, built, onProgress)));
    }
    return cells;
  } finally {
    await server.stop();
    rmSync(serverDir, { recursive: true, force: true });
    rmSync(home, { recursive: true, force: true });
  }
}
