/**
 * The operator: watches the cluster, answers the webhook in every replica, and in the one that leads makes the cluster what
 * the RecordedDatabases say. Composes the other files and decides nothing itself.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import {
  EventRecorder,
  KubeConnection,
  KubeError,
  KubeObjects,
  kubeConfigAccess,
  type WorkOutcome,
} from '@pgtape/kube';
import { type HealthServer, healthServer, logger, Metrics, systemClock } from '@pgtape/process';
import { problemText } from './applyObjects.ts';
import { keepCertificates } from './certificateKeeper.ts';
import { materialOf } from './certificateSecret.ts';
import { clusterRoles } from './clusterResources.ts';
import { ClusterWatch } from './clusterWatch.ts';
import type { RecordingSettings } from './desiredObjects.ts';
import { admissionAnswer } from './injector.ts';
import { Leadership } from './leadership.ts';
import type { OperatorConfig } from './operatorConfig.ts';
import { operatorMetrics } from './operatorMetrics.ts';
import { Reconciler } from './reconciler.ts';
import { bundleOf, secondsLeft } from './webhookCertificates.ts';
import { WEBHOOK_CONFIGURATION, type WebhookPlan } from './webhookConfiguration.ts';
import { WebhookEndpoint } from './webhookEndpoint.ts';

/**
 * - `OPERATOR_FILE`: a file of the configuration cannot be read;
 * - `OPERATOR_CLUSTER`: the API server, or the ClusterRole that owns, cannot be had.
 */
export class OperatorError extends Error {
  override readonly name = 'OperatorError';
  readonly code: 'OPERATOR_FILE' | 'OPERATOR_CLUSTER';

  constructor(code: OperatorError['code'], message: string, cause: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

export interface Operator {
  readonly health: HealthServer;
  /** Stops answering last, so that pods come out recorded until then. */
  close(): Promise<void>;
}

/** Work that takes longer than any API server's answer is stuck. */
const stuckMs = 5 * 60_000;

function caOf({ vault }: OperatorConfig): string {
  if (vault.caFile === undefined) return '';
  try {
    return readFileSync(vault.caFile, 'utf8');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unreadable';
    throw new OperatorError('OPERATOR_FILE', `cannot read vault.caFile ${vault.caFile} (${code})`, cause);
  }
}

interface ClusterAnswers {
  readonly minorVersion: number;
  readonly owner: { readonly name: string; readonly uid: string } | null;
}

async function askCluster(
  connection: KubeConnection,
  objects: KubeObjects,
  name: string | undefined,
): Promise<ClusterAnswers> {
  try {
    const { minor } = (await connection.request({ method: 'GET', path: '/version' })) as { minor?: unknown };
    const minorVersion = Number.parseInt(String(minor), 10);
    if (name === undefined) return { minorVersion, owner: null };
    const { metadata } = await objects.get(clusterRoles, { name });
    return { minorVersion, owner: { name, uid: metadata.uid ?? '' } };
  } catch (cause) {
    throw new OperatorError('OPERATOR_CLUSTER', problemText(cause as Error), cause);
  }
}

/** Resolves when it watches and takes part in the election. @throws OperatorError */
export async function startOperator(config: OperatorConfig): Promise<Operator> {
  const log = logger('operator', config.log.level);
  const clock = systemClock();
  const { namespace, webhook, lease } = config;
  const settings: RecordingSettings = {
    vault: { url: config.vault.url, ca: caOf(config) },
    exempt: { users: config.execExemptUsers },
  };
  const { kubeconfig, context } = config.kubernetes;
  const access = await kubeConfigAccess({
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    ...(context === undefined ? {} : { context }),
  }).catch((cause: unknown) => {
    throw new OperatorError('OPERATOR_CLUSTER', (cause as Error).message, cause);
  });
  const connection = new KubeConnection(access);
  const objects = new KubeObjects(connection);
  const { minorVersion, owner } = await askCluster(connection, objects, config.ownerClusterRole);
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
  const webhookPlan = (): WebhookPlan | null => {
    const known = material();
    if (known === null) return null;
    return {
      client:
        webhook.url === undefined
          ? { service: { namespace, name: webhook.service, port: webhook.servicePort } }
          : { url: webhook.url.replace(/\/$/, '') },
      caBundle: bundleOf(known),
      ownServiceAccounts: config.serviceAccounts.map((name) => ({ namespace, name })),
      ...(owner === null ? {} : { owner }),
    };
  };
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
  const reconciler = new Reconciler({
    objects,
    watch,
    events,
    settings,
    namespace,
    webhookPlan,
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
  const names =
    webhook.url === undefined
      ? [`${webhook.service}.${namespace}.svc`, `${webhook.service}.${namespace}.svc.cluster.local`]
      : [new URL(webhook.url).hostname.replace(/^\[(.*)\]$/, '$1')];
  let workingSince: number | null = null;
  const work = async (key: string, signal: AbortSignal): Promise<WorkOutcome> => {
    workingSince = clock.monoMs();
    const end = measured.reconcileSeconds.startTimer();
    try {
      const outcome =
        key === 'cluster'
          ? await reconciler.reconcile(signal)
          : await keepCertificates(
              {
                objects,
                place,
                names,
                found: () => watch.secret,
                configuration: () =>
                  watch.owned.find(({ metadata }) => metadata.name === WEBHOOK_CONFIGURATION),
                wallMs,
              },
              signal,
            );
      measured.reconciles.inc({ outcome: 'done' });
      return outcome;
    } catch (error) {
      measured.reconciles.inc({ outcome: 'failed' });
      throw error;
    } finally {
      workingSince = null;
      end();
    }
  };
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
    keys: ['certificates', 'cluster'],
    work,
    failed: (key, error, waitMs) =>
      log.error({ work: key, waitMs, problem: problemText(error) }, 'reconcile failed'),
    told: (what, detail) => log.info({ detail }, what),
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
  const health = await healthServer({
    ...config.health,
    live: () => {
      const isStuck = workingSince !== null && clock.monoMs() - workingSince > stuckMs;
      return { ok: !isStuck, reasons: isStuck ? ['reconcile_stuck'] : [] };
    },
    ready: () => {
      const reasons = [
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
      await leadership.stop();
      await endpoint.close();
      await watch.stop();
      await events.idle();
      await health.close();
      connection.close();
    },
  };
}
