/**
 * The operator: watches the cluster, answers the webhook in every replica, and in the one that leads makes the cluster what
 * the RecordedDatabases say. Composes the other files and decides nothing itself.
 */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { EventRecorder, KubeError } from '@pgtape/kube';
import { type HealthServer, healthServer, logger, Metrics, systemClock } from '@pgtape/process';
import { problemText } from './applyObjects.ts';
import { keepCertificates } from './certificateKeeper.ts';
import { materialOf } from './certificateSecret.ts';
import { clusterAccess, vaultAuthority } from './clusterAccess.ts';
import { ClusterWatch } from './clusterWatch.ts';
import type { RecordingSettings } from './desiredObjects.ts';
import { admissionAnswer, whySkipped } from './injector.ts';
import { Leadership } from './leadership.ts';
import { LeaderWork } from './leaderWork.ts';
import type { OperatorConfig } from './operatorConfig.ts';
import { operatorMetrics } from './operatorMetrics.ts';
import { Reconciler } from './reconciler.ts';
import { recordedNumbers, watchedPods } from './recordedPods.ts';
import { RecorderWatch } from './recorderWatch.ts';
import { RolloutWork } from './rolloutWork.ts';
import { secondsLeft } from './webhookCertificates.ts';
import { WEBHOOK_CONFIGURATION } from './webhookConfiguration.ts';
import { WebhookEndpoint } from './webhookEndpoint.ts';
import { webhookNames, webhookPlan } from './webhookPlaces.ts';

export interface Operator {
  readonly health: HealthServer;
  /** Gives leading away, is not ready from then on, and answers until nobody is sent here any more. */
  close(): Promise<void>;
}

/** From one look at all recorders to the next: a bypass is told within 15 s, of which the recorder takes its share. */
const recordersEveryMs = 5000;

/** Resolves when it watches and takes part in the election. @throws OperatorError */
export async function startOperator(config: OperatorConfig): Promise<Operator> {
  const log = logger('operator', config.log.level);
  const clock = systemClock();
  const { namespace, webhook, lease } = config;
  const settings: RecordingSettings = {
    vault: { url: config.vault.url, ca: vaultAuthority(config) },
    exempt: { users: config.execExemptUsers },
  };
  const { connection, objects, minorVersion, owner } = await clusterAccess(config);
  const identity = `${config.identity ?? hostname()}_${randomBytes(4).toString('hex')}`;
  const place = { namespace, name: webhook.certificateSecret };

  const metrics = new Metrics();
  const wallMs = (): number => clock.wallUs() / 1000;
  const material = () => materialOf(watch.secret);
  const podCounts = (isInjected: boolean): [string, number][] =>
    watch.databases.map((database) => [
      database.key,
      (reconciler.podsOf(database) ?? []).filter(({ injected }) => injected === isInjected).length,
    ]);
  const measured = operatorMetrics(metrics, {
    queueDepth: () => leadership.depth,
    isLeading: () => leadership.isLeading,
    watchAges: () => watch.ages,
    certificateSeconds: () => {
      const known = material();
      return known === null ? Number.NaN : secondsLeft(known, wallMs());
    },
    injectedPods: () => podCounts(true),
    uncoveredPods: () => podCounts(false),
    recordings: () => (leadership.isLeading ? recordedNumbers(reconciler.recordings) : []),
  });
  const watch: ClusterWatch = new ClusterWatch({
    connection,
    secret: place,
    now: clock.monoMs,
    events: {
      changed(plural) {
        if (plural === 'secrets') leadership.add('certificates');
        endpoint.update();
        leadership.add('cluster');
      },
      trouble(plural, error, waitMs) {
        measured.watchTroubles.inc({ resource: plural });
        // Watches of what never changes are silent: the API server sends bookmarks only when something has.
        const isSilence = error instanceof KubeError && error.code === 'KUBE_TIMEOUT';
        log[isSilence ? 'debug' : 'warn'](
          { resource: plural, waitMs, problem: problemText(error) },
          'watch ended',
        );
        // A kind that is not installed is waited for only so long.
        endpoint.update();
      },
      missed: (plural, count) => measured.missed.inc({ resource: plural }, count),
    },
  });
  const events = new EventRecorder({
    connection,
    controller: 'pgtape.dev/operator',
    instance: identity,
    // The API server takes events about objects without a namespace nowhere else.
    namespace: 'default',
    dropped(reason, error) {
      measured.eventsDropped.inc({ reason });
      if (error !== undefined) log.warn({ reason, problem: problemText(error) }, 'event not written');
    },
  });
  const recorders: RecorderWatch = new RecorderWatch({
    pods: () => watchedPods(watch.databases, (database) => reconciler.podsOf(database) ?? []),
    asked: (outcome) => measured.recorderAnswers.inc({ outcome }),
    now: clock.monoMs,
  });
  const rollouts = new RolloutWork({
    connection,
    objects,
    events,
    ended: (action, outcome) => measured.rollouts.inc({ action, outcome }),
    now: clock.monoMs,
  });
  const reconciler: Reconciler = new Reconciler({
    recorders,
    rollouts,
    image: config.image,
    skipped: (database, pod) => whySkipped(view, database, pod),
    bypassed: (database, count) => measured.bypasses.inc({ database }, count),
    objects,
    watch,
    events,
    settings,
    namespace,
    webhookPlan() {
      const known = material();
      return known === null ? null : webhookPlan(config, known, owner);
    },
    minorVersion: () => minorVersion,
    now: clock.monoMs,
    wall: () => new Date(wallMs()),
    wrote(written) {
      const { key, how, object } = written;
      measured.writes.inc({ kind: object.kind, how });
      if (written.how === 'failed')
        log.error({ object: key, problem: problemText(written.error) }, 'not written');
      else log.info({ object: key, how }, 'written');
    },
  });
  const certificates = {
    objects,
    place,
    names: webhookNames(config),
    found: () => watch.secret,
    configuration: () => watch.owned.find(({ metadata }) => metadata.name === WEBHOOK_CONFIGURATION),
    wallMs,
  };
  const work = new LeaderWork(
    {
      certificates: (signal) => keepCertificates(certificates, signal),
      cluster: (signal) => reconciler.reconcile(signal),
      async recorders(signal) {
        if (await recorders.poll(signal)) leadership.add('cluster');
        return { againAfterMs: recordersEveryMs };
      },
    },
    measured,
    clock.monoMs,
  );
  const leadership: Leadership = new Leadership({
    connection,
    identity,
    lease: {
      namespace,
      name: lease.name,
      timing: {
        durationMs: lease.durationSeconds * 1000,
        renewDeadlineMs: lease.renewSeconds * 1000,
        retryMs: lease.retrySeconds * 1000,
      },
    },
    keys: ['certificates', 'cluster', 'recorders'],
    work: (key, signal) => work.run(key, signal),
    failed: (key, error, waitMs) =>
      log.error({ work: key, waitMs, problem: problemText(error) }, 'reconcile failed'),
    told(what, detail) {
      if (what === 'leading') {
        reconciler.forget();
        recorders.forget();
      }
      log.info({ detail }, what);
    },
    trouble: (error) => log.warn({ problem: problemText(error) }, 'lease neither read nor written'),
  });
  const view = {
    database: (key: string) => watch.database(key),
    databases: () => watch.databases,
    namespace: (name: string) => watch.namespace(name),
    networkServices: () => watch.networkServices,
    settings,
    image: config.image,
    minorVersion: () => minorVersion,
  };
  const endpoint: WebhookEndpoint = new WebhookEndpoint({
    host: webhook.host,
    port: webhook.port,
    material: () => (watch.unknown.length === 0 ? material() : null),
    decide: (path, request) => admissionAnswer(view, path, request),
    answered: (outcome, seconds) => measured.webhookSeconds.observe({ outcome }, seconds),
    failed: (error) => log.error({ problem: error.message }, 'webhook'),
    now: clock.monoMs,
  });
  let isDraining = false;
  const health = await healthServer({
    ...config.health,
    live: () => ({ ok: !work.isStuck, reasons: work.isStuck ? ['reconcile_stuck'] : [] }),
    ready: () => {
      const reasons = [
        ...(isDraining ? ['draining'] : []),
        ...watch.unknown.map((plural) => `${plural}_not_listed`),
        ...(material() === null ? ['no_certificate'] : []),
        ...(endpoint.isServing ? [] : ['webhook_not_serving']),
      ];
      return { ok: reasons.length === 0, reasons };
    },
    metrics: () => metrics.text(),
  });
  watch.start();
  leadership.start();
  return {
    health,
    async close() {
      isDraining = true;
      await leadership.stop();
      await sleep(webhook.drainSeconds * 1000);
      await endpoint.close();
      await watch.stop();
      await events.idle();
      await health.close();
      connection.close();
    },
  };
}
