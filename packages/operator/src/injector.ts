/**
 * Owns the webhook's answers: which database a request is for, what is known of its namespace, and what goes into the pod.
 * A pod is always let in; why it comes out without a recorder is told to who makes it.
 */
import type { KubeObject } from '@pgtape/kube';
import type { AdmissionAnswer, AdmissionRequest } from './admissionReview.ts';
import { namedPortOf, podSecurityOf } from './clusterFacts.ts';
import { CANARY_LABEL } from './clusterNames.ts';
import type { DatabaseFacts } from './databaseFacts.ts';
import { type RecordingSettings, recorderConfig } from './desiredObjects.ts';
import { type Injection, inject } from './injection.ts';
import { PodFacts, platformFor } from './podFacts.ts';
import { RecordedDatabaseSpec } from './recordedDatabase.ts';
import { olderSelecting } from './selectorConflicts.ts';

/** The cluster as this process knows it; every replica answers from its own. */
export interface InjectorView {
  readonly database: (key: string) => DatabaseFacts | undefined;
  readonly databases: () => Iterable<DatabaseFacts>;
  readonly namespace: (name: string) => KubeObject | undefined;
  readonly networkServices: () => Iterable<KubeObject>;
  readonly settings: () => RecordingSettings;
  /** By digest. */
  readonly image: string;
  readonly minorVersion: () => number;
}

const canarySpec = RecordedDatabaseSpec.parse({
  selector: { matchLabels: { [CANARY_LABEL]: 'true' } },
  archiveRef: 'canary',
});

function untouched(reason: string, warning = ''): AdmissionAnswer {
  return {
    patch: [],
    warnings: warning === '' ? [] : [`pgtape: ${warning}`],
    audit: { 'pgtape.dev/skipped': reason },
  };
}

function answerOf(injection: Injection): AdmissionAnswer {
  if (injection.outcome === 'patch')
    return { patch: injection.patch, warnings: [], audit: { 'pgtape.dev/mode': injection.mode } };
  if (injection.reason === 'injected') return untouched('injected');
  return untouched(injection.reason, `this pod is not recorded: ${skippedText(injection)}`);
}

export function admissionAnswer(
  view: InjectorView,
  path: string,
  request: AdmissionRequest,
): AdmissionAnswer {
  if (path === '/inject-canary') return injectedBy(view, canaryOf(request.namespace ?? ''), request);
  const [, , namespace, name, ...more] = path.split('/');
  const key = `${namespace}/${name}`;
  const database = view.database(key);
  if (!path.startsWith('/inject/') || more.length > 0 || database === undefined)
    return untouched('no_database');
  if (request.namespace !== namespace) return untouched('other_namespace');
  if (database.spec === null) return untouched('invalid', `RecordedDatabase ${key} is not understood`);
  const labels = PodFacts.parse(request.object).metadata.labels ?? {};
  const [older] = olderSelecting(database, view.databases(), labels);
  if (older !== undefined) return untouched('selector_conflict');
  return injectedBy(view, database, request);
}

function canaryOf(namespace: string): DatabaseFacts {
  const object = { apiVersion: 'v1', kind: 'Canary', metadata: { name: 'canary', namespace } };
  return {
    key: `${namespace}/canary`,
    namespace,
    name: 'canary',
    generation: 0,
    createdAt: '',
    object,
    spec: canarySpec,
    problem: '',
  };
}

function injectedBy(view: InjectorView, database: DatabaseFacts, request: AdmissionRequest): AdmissionAnswer {
  const injection = injectionInto(view, database, request.object);
  return injection === null ? untouched('invalid') : answerOf(injection);
}

/** Why this pod, made anew, would come out without a recorder; '' where it would get one. */
export function whySkipped(view: InjectorView, database: DatabaseFacts, pod: KubeObject): string {
  const injection = injectionInto(view, database, pod);
  if (injection === null) return 'invalid';
  if (injection.outcome === 'patch' || injection.reason === 'injected') return '';
  return skippedText(injection);
}

function skippedText({ reason, refused }: Extract<Injection, { outcome: 'skip' }>): string {
  const modes = refused.map(({ mode, why }) => `${mode}: ${why}`).join(', ');
  return modes === '' ? reason : `${reason} (${modes})`;
}

/** null: the database is not understood. */
function injectionInto(view: InjectorView, database: DatabaseFacts, raw: unknown): Injection | null {
  const { spec, key, namespace } = database;
  const config = recorderConfig(database, view.settings());
  if (spec === null || config === null) return null;
  const pod = PodFacts.parse(raw);
  return inject(raw, {
    database: key,
    spec,
    image: view.image,
    config,
    platform: platformFor(pod, spec),
    podSecurity: podSecurityOf(view.namespace(namespace)),
    namedPort: namedPortOf(view.networkServices(), namespace, pod.metadata.labels ?? {}, spec.capture.port),
    minorVersion: view.minorVersion(),
  });
}
