/** Owns what a replica does once it leads: the keys of its work, and what each is given. Composes, decides nothing. */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { EventRecorder, type KubeObject } from '@pgtape/kube';
import { problemText } from './applyObjects.ts';
import { isKnownToApiServer, isKnownToRecorders, keepCertificates } from './certificateKeeper.ts';
import { whySkipped } from './injector.ts';
import { injectorView } from './injectorView.ts';
import { Leadership } from './leadership.ts';
import { LeaderWork, workKeys } from './leaderWork.ts';
import type { OperatorContext } from './operatorContext.ts';
import { PodReadings } from './podReadings.ts';
import { Reconciler } from './reconciler.ts';
import { watchedPods } from './recordedPods.ts';
import { RecorderWatch } from './recorderWatch.ts';
import { isOfReleaseVault } from './recordingSettings.ts';
import { RolloutWork } from './rolloutWork.ts';
import { vaultSecrets } from './vaultSecrets.ts';
import { WEBHOOK_CONFIGURATION } from './webhookConfiguration.ts';
import { webhookNames, webhookPlan } from './webhookPlaces.ts';

export interface ControllerPart {
  readonly leadership: Leadership;
  readonly reconciler: Reconciler;
  /** Work that takes longer than any API server's answer. */
  readonly isStuck: boolean;
  /** Gives leading away. */
  stop(): Promise<void>;
}

/** From one look at all recorders to the next: a bypass is told within 15 s, of which a recorder takes ten to see it. */
const recordersEveryMs = 3000;

export function controllerPart(context: OperatorContext): ControllerPart {
  const {
    config,
    version,
    connection,
    objects,
    server,
    watch,
    measured,
    log,
    clock,
    wallMs,
    settings,
    material,
  } = context;
  const { namespace, lease, webhook, certificates } = config;
  const identity = `${config.identity ?? hostname()}_${randomBytes(4).toString('hex')}`;
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
  const view = injectorView(context);
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
    readings: new PodReadings(),
    rollouts,
    image: config.image,
    version,
    skipped: (database, pod) => whySkipped(view, database, pod),
    bypassed: (database, count) => measured.bypasses.inc({ database }, count),
    objects,
    watch,
    events,
    settings,
    namespace,
    webhookPlan() {
      const known = material();
      return known === null ? null : webhookPlan(config, known, server.facts?.owner ?? null);
    },
    certificateProblem:
      `Secret ${namespace}/${webhook.certificateSecret} holds no certificate for the webhook: ` +
      (certificates.issuer === 'self' ? 'see its Events' : 'whoever issues certificates must fill it'),
    server: () => server.facts,
    published: config.published,
    authority: config.vault.caConfigMap === undefined ? null : { namespace, name: config.vault.caConfigMap },
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
  const told = (regarding: KubeObject, reason: string, note: string): void => {
    measured.secretProblems.inc({ reason });
    log.error({ object: regarding.metadata.name, reason }, note);
    events.tell({ regarding, type: 'Warning', reason, action: 'Issue', note });
  };
  const issued = {
    objects,
    place: { namespace, name: webhook.certificateSecret },
    authority: 'pgtape webhook authority',
    names: webhookNames(config),
    found: () => watch.secret(webhook.certificateSecret),
    isPublished: (known: Parameters<typeof isKnownToApiServer>[0]) =>
      isKnownToApiServer(
        known,
        watch.owned.find(({ metadata }) => metadata.name === WEBHOOK_CONFIGURATION),
      ),
    notUnderstood: (secret: KubeObject) =>
      told(secret, 'SecretNotUnderstood', 'it holds no certificates that the operator made: left as it is'),
    wallMs,
  };
  const ofVault = vaultSecrets(config, {
    objects,
    watch,
    told,
    wallMs,
    isPublished: (known, nowMs) =>
      isKnownToRecorders(
        known,
        nowMs,
        watch.owned.filter((object) => isOfReleaseVault(object, config.vault, watch)),
      ),
  });
  const nothing = async () => undefined;
  const work = new LeaderWork(
    {
      certificates: certificates.issuer === 'self' ? (signal) => keepCertificates(issued, signal) : nothing,
      vault: ofVault,
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
    keys: workKeys,
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
  return {
    leadership,
    reconciler,
    get isStuck() {
      return work.isStuck;
    },
    async stop() {
      await leadership.stop();
      await events.idle();
    },
  };
}
