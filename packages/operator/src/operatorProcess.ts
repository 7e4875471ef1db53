/**
 * The operator: watches the cluster, answers the webhook, and in the one replica that leads makes the cluster what the
 * RecordedDatabases say; by its role both, or one of them. Composes the other files and decides nothing itself.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { KubeError, KubeObjects } from '@pgtape/kube';
import { type HealthServer, healthServer, logger, Metrics, systemClock } from '@pgtape/process';
import { ApiServer } from './apiServer.ts';
import { problemText } from './applyObjects.ts';
import { type CertificateMaterial, secondsLeft } from './certificateMaterial.ts';
import { materialOf } from './certificateSecret.ts';
import { clusterConnection, vaultAuthority } from './clusterAccess.ts';
import { webhookConfigurations } from './clusterResources.ts';
import { ClusterWatch } from './clusterWatch.ts';
import { type ControllerPart, controllerPart } from './controllerPart.ts';
import type { OperatorConfig } from './operatorConfig.ts';
import type { OperatorContext } from './operatorContext.ts';
import { operatorMetrics } from './operatorMetrics.ts';
import { recordedNumbers } from './recordedPods.ts';
import { recordingSettings } from './recordingSettings.ts';
import type { WebhookEndpoint } from './webhookEndpoint.ts';
import { webhookPart } from './webhookPart.ts';

export interface Operator {
  readonly health: HealthServer;
  /** Gives leading away, is not ready from then on, and answers until nobody is sent here any more. */
  close(): Promise<void>;
}

/**
 * Resolves when it takes part, whether or not an API server answers.
 * @param version of this build, as its recorders say theirs
 * @throws OperatorError
 */
export async function startOperator(config: OperatorConfig, version: string): Promise<Operator> {
  const log = logger('operator', config.log.level);
  const clock = systemClock();
  const wallMs = (): number => clock.wallUs() / 1000;
  const { role, namespace, vault, webhook: served, certificates } = config;
  const answers = role !== 'controller';
  const writes = role !== 'webhook';
  const authority = vaultAuthority(config);
  const connection = await clusterConnection(config.kubernetes);
  const metrics = new Metrics();
  const material = (): CertificateMaterial | null =>
    materialOf(watch.secret(served.certificateSecret), certificates.issuer);
  const vaultSecrets = [vault.caSecret, vault.logSecret].filter((name) => name !== undefined);

  const secondsOf = (secret: string): number => {
    const known = materialOf(watch.secret(secret), 'secret');
    return known === null ? Number.NaN : secondsLeft(known, wallMs());
  };
  const podCounts = (isInjected: boolean): [string, number][] =>
    watch.databases.map((database) => [
      database.key,
      (controller?.reconciler.podsOf(database) ?? []).filter(({ injected }) => injected === isInjected)
        .length,
    ]);
  const { caSecret } = vault;
  const measured = operatorMetrics(metrics, {
    watchAges: () => watch.ages,
    webhookSeconds: () => secondsOf(served.certificateSecret),
    vaultSeconds: writes && caSecret !== undefined ? () => secondsOf(caSecret) : null,
    controller: writes
      ? {
          queueDepth: () => controller?.leadership.depth ?? 0,
          isLeading: () => controller?.leadership.isLeading ?? false,
          injectedPods: () => podCounts(true),
          uncoveredPods: () => podCounts(false),
          recordings: () =>
            controller?.leadership.isLeading === true
              ? recordedNumbers(controller.reconciler.recordings)
              : [],
        }
      : null,
  });
  const changed = (): void => {
    webhook?.update();
    controller?.leadership.add('cluster');
  };
  const server: ApiServer = new ApiServer({
    connection,
    ownerClusterRole: writes ? config.ownerClusterRole : undefined,
    isOwnerOptional: config.namespaces.length > 0,
    changed,
    trouble: (error, waitMs) =>
      log.warn({ waitMs, problem: problemText(error) }, 'the API server did not say what it is'),
  });
  const watch: ClusterWatch = new ClusterWatch({
    connection,
    namespace,
    secrets: [served.certificateSecret, ...(writes ? vaultSecrets : [])],
    namespaces: config.namespaces,
    writes,
    now: clock.monoMs,
    events: {
      changed(plural) {
        // Perhaps it went with its owner, who was made anew: an owner that is not there takes it away again.
        if (plural === webhookConfigurations.plural) server.ask();
        if (plural === 'secrets' || plural === 'recordingarchives')
          for (const key of ['certificates', 'vault']) controller?.leadership.add(key);
        changed();
      },
      trouble(plural, error, waitMs) {
        measured.watchTroubles.inc({ resource: plural });
        // Watches of what never changes are silent: the API server sends bookmarks only when something has.
        const isSilence = error instanceof KubeError && error.code === 'KUBE_TIMEOUT';
        log[isSilence ? 'debug' : 'warn'](
          { resource: plural, waitMs, problem: problemText(error) },
          'watch ended',
        );
        // It may be another one that answers next, of another version.
        if (!isSilence) server.ask();
        // A kind that is not installed is waited for only so long.
        webhook?.update();
      },
      missed: (plural, count) => measured.missed.inc({ resource: plural }, count),
    },
  });
  const context: OperatorContext = {
    config,
    version,
    connection,
    objects: new KubeObjects(connection),
    server,
    watch,
    measured,
    log,
    clock,
    wallMs,
    settings: recordingSettings(config, authority, watch),
    material,
  };
  const webhook: WebhookEndpoint | null = answers ? webhookPart(context) : null;
  const controller: ControllerPart | null = writes ? controllerPart(context) : null;
  let isDraining = false;
  const health = await healthServer({
    ...config.health,
    live: () => {
      const isStuck = controller?.isStuck === true;
      return { ok: !isStuck, reasons: isStuck ? ['reconcile_stuck'] : [] };
    },
    ready: () => {
      const reasons = [
        ...(isDraining ? ['draining'] : []),
        ...(server.problem === null ? [] : [server.problem]),
        ...watch.unknown.map((plural) => `${plural}_not_listed`),
        ...(webhook !== null && material() === null ? ['no_certificate'] : []),
        ...(webhook === null || webhook.isServing ? [] : ['webhook_not_serving']),
      ];
      return { ok: reasons.length === 0, reasons };
    },
    metrics: () => metrics.text(),
  });
  server.ask();
  watch.start();
  controller?.leadership.start();
  return {
    health,
    async close() {
      isDraining = true;
      await controller?.stop();
      if (webhook !== null) await sleep(served.drainSeconds * 1000);
      await webhook?.close();
      await watch.stop();
      await server.stop();
      await health.close();
      connection.close();
    },
  };
}
