/**
 * Owns the vault process's composition: what is started, in which order, and ended in the other. It decides
 * nothing.
 */
import { exportTracePath, GrpcServer } from '@pgtape/otlp';
import { logger } from '@pgtape/process';
import { errnoOf } from '@pgtape/store';
import type { Logger } from 'pino';
import { openArchive, stateDirOf } from './archivePlace.ts';
import { type Cluster, needsCluster, openCluster } from './cluster.ts';
import type { VaultConfig } from './config.ts';
import { addHoldRoutes } from './holdRoutes.ts';
import { type HttpServer, startHttp } from './http.ts';
import { logEvents, openLogOf } from './logParts.ts';
import { addObjectRoutes } from './objectRoutes.ts';
import { addProbeRoute, type ProbeSources } from './probeRoute.ts';
import { followPublished } from './publishedSource.ts';
import { addStatusRoutes } from './statusRoutes.ts';
import { addTailRoute } from './tailRoute.ts';
import { type ServerTls, serverTls, TlsFiles } from './tlsFiles.ts';
import { exportTraces } from './traceService.ts';
import { VaultError } from './vaultError.ts';
import { openVaultLog } from './vaultLog.ts';
import { lockArchive, makeParts, type VaultDeps, type VaultParts } from './vaultParts.ts';
import { statusOf, type VaultStatus } from './vaultStatus.ts';
import { doubtsOf, type ProvenLock, proveLock } from './wormProbe.ts';

export interface ListeningAt {
  readonly host: string;
  readonly port: number;
}

/** A running vault. */
export interface Vault {
  readonly otlp: ListeningAt;
  readonly http: ListeningAt;
  status(): VaultStatus;
  /** Stops listening, finishes what is being received, lets the archive go. */
  close(): Promise<void>;
}

/** Ends what was started, the last first; everything is tried, the first failure is thrown. */
class Endings {
  readonly #endings: (() => Promise<void>)[] = [];
  add(end: () => Promise<void>): void {
    this.#endings.unshift(end);
  }
  async run(): Promise<void> {
    const failures: unknown[] = [];
    for (const end of this.#endings.splice(0)) await end().catch((error) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  }
}

/**
 * Starts a vault.
 * @throws VaultError; nothing is left running then
 */
export async function startVault(config: VaultConfig, deps: VaultDeps = {}): Promise<Vault> {
  const endings = new Endings();
  try {
    return await compose(config, deps, endings);
  } catch (error) {
    await endings.run().catch(() => undefined);
    throw error;
  }
}

async function compose(config: VaultConfig, deps: VaultDeps, endings: Endings): Promise<Vault> {
  const log = deps.log ?? logger('vault', config.log.level);
  const tls = serverTls('otlp', config.otlp);
  const httpTls = serverTls('http', config.http);
  const cluster = needsCluster(config) ? await openCluster(config.kubernetes) : null;
  endings.add(async () => cluster?.close());
  const lock = await lockArchive(stateDirOf(config), log);
  endings.add(() => lock.release());
  const opened = deps.store === undefined ? await openArchive(config) : { store: deps.store, attempts: null };
  const proven = await proveLock(config, opened);
  const { store } = opened;
  let made: VaultParts | null = null;
  const vaultLog = await openLogOf(
    config,
    store,
    lock,
    logEvents(() => made, log),
  );
  endings.add(() => vaultLog.close());
  const parts = makeParts(config, deps, { store, proven, lock, vaultLog, cluster, log });
  made = parts;
  const { receiver, reel, holds, forwarder, health, segmentLog } = parts;
  endings.add(() => reel.close());
  endings.add(() => holds.close());
  if (forwarder !== null) endings.add(() => forwarder.close());
  endings.add(() => receiver.close());
  await openVaultLog(vaultLog)
    .then(() => segmentLog.prepare())
    .catch((error: Error) => {
      if (error instanceof VaultError) throw error;
      health.storeFailed(error);
      log.error({ err: error }, 'the log was not read; the first segment tries again');
    });
  // Behind the log's catching up, whose listing of the archive tells it everything.
  await receiver.prepare().catch((error: Error) => {
    health.storeFailed(error);
    log.error({ err: error }, 'the archive was not read; the first segment tries again');
  });
  await resumeAlerts(parts).catch((error: Error) => {
    health.storeFailed(error);
    log.error({ err: error }, 'the quarantine was not read: what lies there is not among the alerts');
  });
  const server = new GrpcServer({
    handlers: new Map([[exportTracePath, (message, call) => exportTraces(parts, message, call)]]),
    maxMessageBytes: config.limits.messageBytesMax,
    nowMs: () => parts.clock.wallUs() / 1000,
    ...(tls === undefined ? {} : { tls }),
  });
  const otlp = await listening('otlp', config.otlp, () => server.listen(config.otlp.host, config.otlp.port));
  endings.add(() => server.close());
  const http = await listening('http', config.http, () => listenHttp(config, otlp, httpTls, parts));
  endings.add(() => http.close());
  watchTls(
    [
      { key: 'otlp', config: config.otlp, first: tls, server },
      { key: 'http', config: config.http, first: httpTls, server: http },
    ],
    log,
    endings,
  );
  endings.add(async () => health.closing());
  vaultLog.start();
  reel.start();
  tellProven(parts, proven);
  parts.watcher.start();
  endings.add(async () => parts.watcher.close());
  followPolicies(config, cluster, parts, endings);
  followPods(config, cluster, parts, endings);
  parts.restore().catch((error: Error) => {
    health.storeFailed(error);
    log.error(
      { err: error },
      'reels that were open before were not looked up; they are watched when they send',
    );
  });
  holds.start();
  const at = { host: http.host, port: http.port };
  log.info({ otlp, http: at, archive: config.archive.store }, 'vault is ready');
  return { otlp, http: at, status: () => statusOf(config, otlp, parts), close: () => endings.run() };
}

/** Waiting reels are looked at this often. */
const POLICY_LOOK_MS = 5000;

function followPolicies(
  { published }: VaultConfig,
  cluster: Cluster | null,
  { policies, log }: VaultParts,
  endings: Endings,
): void {
  if (published === undefined || cluster === null) return;
  const timer = setInterval(() => policies.look(), POLICY_LOOK_MS);
  endings.add(async () => clearInterval(timer));
  endings.add(followPublished(cluster.connection, published, (now) => policies.published(now), log));
}

/** Pods of reels that became quiet are asked for this often. */
const POD_LOOK_MS = 5000;

function followPods(
  { enrolment }: VaultConfig,
  cluster: Cluster | null,
  { orphans }: VaultParts,
  endings: Endings,
): void {
  if (enrolment.kubernetes === undefined || cluster === null) return;
  const timer = setInterval(() => void orphans.look(), POD_LOOK_MS);
  endings.add(async () => clearInterval(timer));
}

interface SecuredListener {
  readonly key: 'otlp' | 'http';
  readonly config: VaultConfig['otlp' | 'http'];
  /** Undefined where it speaks plainly. */
  readonly first: ServerTls | undefined;
  readonly server: { secure(tls: ServerTls, isOtherCa: boolean): void };
}

/** Changed certificates count within this. */
const TLS_LOOK_MS = 1000;

function watchTls(listeners: readonly SecuredListener[], log: Logger, endings: Endings): void {
  const watched = listeners.flatMap(({ key, config, first, server }) => {
    if (first === undefined) return [];
    const files = new TlsFiles(key, config, first, {
      changed: (tls, isOtherCa) => {
        server.secure(tls, isOtherCa);
        log.info({ listener: key, other_ca: isOtherCa }, 'certificates were read anew');
      },
      unusable: (problem) => log.error({ problem }, 'certificates cannot be used'),
    });
    return [files];
  });
  if (watched.length === 0) return;
  const timer = setInterval(() => watched.forEach((files) => void files.poll()), TLS_LOOK_MS);
  endings.add(async () => clearInterval(timer));
}

/** The lock's probe is a record; the vault does not wait for it. */
function tellProven({ reel, vaultLog, alerts, log }: VaultParts, { lock, results }: ProvenLock): void {
  const doubts = doubtsOf({ lock, results });
  if (lock === 'none') log.warn('the archive is tamper-evident only: nothing keeps it from being deleted');
  if (doubts.length > 0) alerts.raise('worm', doubts.join('; '));
  // Published at once: another vault that still runs on this archive is fenced from here on, not at the next checkpoint.
  reel
    .append({ kind: 'probe', at_start: true, lock, results: [...results] })
    .then(() => vaultLog.publish())
    .catch((error: Error) => {
      log.error({ err: error }, "the probe of the archive's lock was not recorded");
    });
}

/** What was quarantined stands until someone has looked at it and taken it away. */
async function resumeAlerts({ quarantine, alerts }: VaultParts): Promise<void> {
  for (const reel of await quarantine.reels()) alerts.resume('forged', 'a segment lies in quarantine', reel);
}

function listenHttp(
  config: VaultConfig,
  otlp: ListeningAt,
  tls: ServerTls | undefined,
  parts: VaultParts,
): Promise<HttpServer> {
  const { health, receiver, tail, reel, log } = parts;
  const { reading, events } = parts.http;
  const status = {
    live: () => health.live(),
    ready: () => health.ready(),
    metrics: parts.metricsText,
    status: () => statusOf(config, otlp, parts),
    tailOf: (reel: string, recorder: string | null) => receiver.tailOf(reel, recorder),
  };
  const probes: ProbeSources = {
    authenticator: reading.authenticator,
    record: (probe) =>
      reel.append({ kind: 'probe', ...probe }, config.http.recordSeconds * 1000).catch((error: Error) => {
        log.error({ err: error }, 'the report of a probe was not recorded');
        throw error;
      }),
  };
  const { host, port } = config.http;
  return startHttp(
    { host, port, tls },
    (app) => {
      addStatusRoutes(app, status, reading.authenticator);
      addObjectRoutes(app, reading);
      addTailRoute(app, reading, tail, config.tail.clientsMax);
      addHoldRoutes(app, { authenticator: reading.authenticator, ...parts.holding });
      addProbeRoute(app, probes);
    },
    events,
  );
}

async function listening<T>(key: 'otlp' | 'http', at: ListeningAt, listen: () => Promise<T>): Promise<T> {
  try {
    return await listen();
  } catch (error) {
    const errno = errnoOf(error);
    const advice =
      errno === 'EADDRINUSE'
        ? `something listens there already; stop it or set ${key}.port`
        : `correct ${key}.host`;
    throw new VaultError(
      'LISTEN_FAILED',
      `cannot listen on ${at.host}:${at.port} (${errno}): ${advice}`,
      error,
    );
  }
}
