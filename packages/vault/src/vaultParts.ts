/** Owns making the vault's parts and joining them; it refuses to listen on anything. */
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { GrpcClient } from '@pgtape/otlp';
import { Metrics, readSecretFile, type SystemClock, systemClock } from '@pgtape/process';
import { makeDirectoryDurably, nodeDisk, type Store } from '@pgtape/store';
import type { Logger } from 'pino';
import type { Alerts } from './alerts.ts';
import { Archive } from './archive.ts';
import { type ArchiveLock, takeLock } from './archiveLock.ts';
import { storeKindOf } from './archivePlace.ts';
import type { Cluster } from './cluster.ts';
import type { VaultConfig } from './config.ts';
import { secretFiles } from './enrolmentSecrets.ts';
import { Enrolments } from './enrolments.ts';
import { type ForwardClient, Forwarder } from './forwarder.ts';
import type { GrantSources } from './grants.ts';
import { type Holding, holdParts } from './holdParts.ts';
import type { Holds } from './holds.ts';
import { type HttpParts, makeHttpParts } from './httpParts.ts';
import { readJwks } from './jwksPlace.ts';
import { jwksTokens } from './jwksTokens.ts';
import { kubernetesTokens } from './kubernetesTokens.ts';
import { LiveTail } from './liveTail.ts';
import { OrphanedReels } from './orphanedReels.ts';
import { OwnHistory, ownRecords } from './ownHistory.ts';
import { ownReel } from './ownReel.ts';
import { vaultIdOf } from './ownReels.ts';
import { PolicyWatch } from './policyWatch.ts';
import { Quarantine } from './quarantine.ts';
import { Receiver } from './receiver.ts';
import { reelEvents } from './reelEvents.ts';
import { restoreReels } from './reelRestore.ts';
import type { ReelWatcher } from './reelWatcher.ts';
import { ReviewBudget } from './reviewBudget.ts';
import { ownEnrolment, SegmentLog } from './segmentLog.ts';
import { readPem } from './tlsFiles.ts';
import { TokenJudge } from './tokenJudge.ts';
import { VaultError } from './vaultError.ts';
import { Health } from './vaultHealth.ts';
import type { VaultLog } from './vaultLog.ts';
import { holdMetrics, logMetrics, type VaultMetrics, vaultMetrics } from './vaultMetrics.ts';
import type { VaultReel } from './vaultReel.ts';
import type { ProvenLock } from './wormProbe.ts';

/** What tests put in the place of the real thing. */
export interface VaultDeps {
  /** Instead of what `archive.store` names; the vault's lock lies in its directory all the same. */
  readonly store?: Store;
  readonly log?: Logger;
  /** Of pgtape. */
  readonly version?: string;
  readonly forwardClient?: ForwardClient;
}

/** What must stand before the parts can be made. */
export interface VaultGround {
  readonly store: Store;
  readonly proven: ProvenLock;
  readonly lock: ArchiveLock;
  readonly vaultLog: VaultLog;
  /** null: nothing is asked of one. */
  readonly cluster: Cluster | null;
  readonly log: Logger;
}

export interface VaultParts {
  readonly clock: SystemClock;
  readonly vaultLog: VaultLog;
  readonly segmentLog: SegmentLog;
  readonly receiver: Receiver;
  readonly reel: VaultReel;
  readonly alerts: Alerts;
  readonly watcher: ReelWatcher;
  readonly policies: PolicyWatch;
  readonly orphans: OrphanedReels;
  /** Learns from the archive which reels are open. Rejects with StoreError. */
  readonly restore: () => Promise<void>;
  readonly enrolments: Enrolments;
  readonly quarantine: Quarantine;
  readonly holds: Holds;
  readonly holding: Holding;
  readonly store: Store;
  /** What protects the archive, as tried at this start. */
  readonly proven: ProvenLock;
  readonly forwarder: Forwarder | null;
  readonly tail: LiveTail;
  readonly health: Health;
  readonly metrics: VaultMetrics;
  readonly metricsText: () => Promise<string>;
  readonly http: HttpParts;
  readonly log: Logger;
}

/** Less than a recorder waits for an answer. */
const ENROLMENT_PATIENCE_MS = 2000;
const FORWARD_GRACE_MS = 2000;
const FORWARD_BACKOFF_MS = { first: 200, max: 30_000 };

/** Makes the directory where it is missing. Throws VaultError `ARCHIVE_LOCKED`, `ARCHIVE_UNUSABLE`. */
export async function lockArchive(dir: string, log: Logger): Promise<ArchiveLock> {
  const path = resolve(dir);
  try {
    await makeDirectoryDurably(path, nodeDisk);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new VaultError(
      'ARCHIVE_UNUSABLE',
      `the vault's directory ${path} cannot be used: ${message}`,
      error,
    );
  }
  return await takeLock(path, log);
}

/** Joins the parts; starts nothing. */
export function makeParts(
  config: VaultConfig,
  deps: VaultDeps,
  { store, proven, lock, vaultLog, cluster, log }: VaultGround,
): VaultParts {
  const { sequencer } = vaultLog;
  const clock = systemClock();
  const startedMs = clock.wallUs() / 1000;
  const registry = new Metrics();
  // The gauges look at parts made below, and only when someone asks for metrics.
  type Gauged = 'receiver' | 'forwarder' | 'tail' | 'reel' | 'alerts' | 'watcher';
  const late: Partial<Pick<VaultParts, Gauged>> & { http?: HttpParts } = {};
  const metrics = vaultMetrics(registry, {
    inflightBytes: () => late.receiver?.inflightBytes ?? 0,
    reelsKnown: () => late.receiver?.tailsKnown ?? 0,
    forwardQueueBytes: () => late.forwarder?.queueBytes ?? 0,
    tailClients: () => late.tail?.clients ?? 0,
    reelWaiting: () => late.reel?.waiting ?? 0,
    alerts: () => late.alerts?.counts() ?? new Map(),
    reels: (state) => late.watcher?.count(state) ?? 0,
    skewMs: () => late.watcher?.largestSkewMs() ?? 0,
    grants: () => late.http?.reading.grants.live ?? 0,
    readBytes: () => late.http?.reading.budget.bytes ?? 0,
  });
  logMetrics(registry, {
    size: () => sequencer.publishedSize,
    pending: () => sequencer.pending,
    checkpointAge: () => Math.max(0, clock.wallUs() / 1e6 - (vaultLog.checkpointAt() ?? startedMs) / 1000),
  });
  const health = new Health({
    now: () => clock.monoMs(),
    holdsLock: () => lock.held(),
    logFenced: () => sequencer.fenced,
  });
  const tail = new LiveTail(config.tail.bufferBytesMax, (lines) => metrics.tailLagged(lines));
  const forwarder = makeForwarder(config.forward, deps, metrics, log);
  const { holds, objects, holding } = holdParts({
    config,
    store,
    clock,
    log,
    append: (entry, patienceMs) => reel.append(entry, patienceMs),
    removed: (detail) => late.alerts?.raise('worm', detail),
  });
  holdMetrics(registry, () => holds.activeCount);
  const archive = new Archive(store, objects);
  const vaultId = vaultIdOf(config.name);
  const segmentLog = new SegmentLog({
    archive,
    sequencer,
    enrolmentOf: (segment) => ownEnrolment(segment, vaultId),
    wallUs: () => clock.wallUs(),
    unreadable: (error) =>
      log.error({ err: error }, 'a stored segment has no leaf in the log, and gets none'),
  });
  const reel: VaultReel = ownReel({
    name: config.name,
    version: deps.version ?? '0.1.0',
    store: storeKindOf(config),
    lock: proven.lock,
    log: vaultLog.origin,
    config,
    archive,
    sequence: segmentLog.record,
    clock,
    // What is stored behind a fence would stand in the archive behind the end that the next vault names.
    holdsLock: () => lock.held() && !sequencer.fenced,
    failed: (error) => {
      health.storeFailed(error);
      log.error({ err: error }, "the vault's own reel was not written; trying again");
    },
    stored: ({ segment }) => metrics.ownRecords(segment.records),
  });
  const events = reelEvents({
    reel,
    metrics,
    health,
    log,
    wallMs: () => clock.wallUs() / 1000,
    now: () => clock.monoMs(),
    every: (ms, run) => {
      const timer = setInterval(run, ms);
      timer.unref();
      return () => clearInterval(timer);
    },
  });
  const quarantine = new Quarantine(store, config.limits.quarantineBytesMax);
  const warn = (problem: string): void => log.error({ problem }, 'not used for enrolment until corrected');
  const history = new OwnHistory(() => ownRecords(archive, vaultId));
  const tokens = tokensOf(config.enrolment, cluster, metrics, clock);
  const enrolments = new Enrolments({
    required: config.enrolment.required,
    secrets: secretFiles(config, readSecretFile, warn).secrets,
    tokens,
    append: (entry) => reel.append(entry, ENROLMENT_PATIENCE_MS),
    started: segmentLog.started,
    history: async function* () {
      yield* (await history.load()).enrolments;
    },
  });
  const receiver = new Receiver({
    archive,
    vaultId,
    quarantine,
    enrolments,
    sequence: segmentLog.record,
    events: events.receiver,
    inflightBytesMax: config.limits.inflightBytesMax,
    tailsMax: config.limits.reelsMax,
    now: () => clock.monoMs(),
    holdsLock: () => lock.held(),
  });
  const { alerts, watcher } = events;
  const policies = new PolicyWatch({
    alerts,
    tell: events.tell,
    enrolmentOf: (reel) => enrolments.of(reel),
    isWatched: (reel) => watcher.isWatched(reel),
    told: async () => (await history.load()).published,
    now: () => clock.monoMs(),
    settleMs: (config.published?.settleSeconds ?? 0) * 1000,
  });
  const orphans = new OrphanedReels({
    load: enrolments.load,
    reels: () => watcher.list(),
    enrolmentOf: (reel) => enrolments.of(reel),
    isGone: async (pod) => (await tokens?.isGone(pod)) ?? false,
    orphaned: (reel, pod, isOld) => watcher.orphaned(reel, pod, isOld),
    now: () => clock.monoMs(),
    wallMs: () => clock.wallUs() / 1000,
  });
  const record: GrantSources['record'] = async (access) => {
    await reel.append({ kind: 'access', ...access }, config.http.recordSeconds * 1000);
  };
  const http = makeHttpParts(config.http, store, record, metrics, cluster, log);
  Object.assign(late, { receiver, forwarder, tail, reel, alerts, watcher, http });
  const metricsText = (): Promise<string> => registry.text();
  return {
    clock,
    vaultLog,
    segmentLog,
    receiver,
    reel,
    alerts,
    watcher,
    policies,
    orphans,
    restore: async () => {
      await enrolments.load();
      await restoreReels({
        lastNames: () => archive.lastNames(),
        segment: (name) => archive.segment(name),
        past: history.load,
        alerts,
        watcher: {
          isWatched: (reel) => watcher.isWatched(reel),
          restored: (segment, known) => {
            watcher.restored(segment, known);
            policies.arrived(segment);
          },
        },
        vaultId,
      });
    },
    enrolments,
    quarantine,
    holds,
    holding,
    store,
    proven,
    forwarder,
    tail,
    health,
    metrics,
    metricsText,
    http,
    log,
  };
}

/** null: tokens say nothing here. */
function tokensOf(
  { kubernetes, jwks }: VaultConfig['enrolment'],
  cluster: Cluster | null,
  { reviewed }: VaultMetrics,
  clock: SystemClock,
): TokenJudge | null {
  const nowMs = (): number => clock.wallUs() / 1000;
  if (kubernetes !== undefined && cluster !== null) {
    const { audience } = kubernetes;
    return new TokenJudge({
      audience,
      nowMs,
      budget: new ReviewBudget({
        now: () => clock.monoMs(),
        counted: (outcome) => reviewed('recorder', outcome),
      }),
      ...kubernetesTokens(cluster.connection, cluster.objects, audience),
    });
  }
  if (jwks === undefined) return null;
  const { audience, issuer } = jwks;
  const read = (): Promise<string> => readJwks(jwks);
  // Keys are read seldom, whoever shows what: nobody else is asked.
  const judged = jwksTokens({ issuer, read, nowMs: () => clock.monoMs() });
  return new TokenJudge({ audience, nowMs, budget: null, ...judged });
}

function makeForwarder(
  config: VaultConfig['forward'],
  deps: VaultDeps,
  metrics: VaultMetrics,
  log: Logger,
): Forwarder | null {
  const { url, caFile, queueBytesMax, timeoutMs } = config;
  if (url === undefined) return null;
  const tls = caFile === undefined ? {} : { tls: { ca: readPem(caFile, 'forward.caFile') } };
  return new Forwarder({
    client: deps.forwardClient ?? new GrpcClient({ url, ...tls }),
    events: {
      forwarded: (bytes) => metrics.forwarded(bytes),
      dropped: (reason, detail) => {
        metrics.forwardDropped(reason);
        log.warn({ reason, detail }, 'views were not forwarded; the archive has the evidence');
      },
      failed: (detail) => {
        metrics.forwardError();
        log.debug({ detail, url }, 'forwarding failed; trying again');
      },
    },
    queueBytesMax,
    timeoutMs,
    backoffMs: FORWARD_BACKOFF_MS,
    graceMs: FORWARD_GRACE_MS,
    sleep: (ms, wake) => delay(ms, undefined, { signal: wake }).catch(() => undefined),
    random: Math.random,
  });
}
