/** Reads what the checks of one RecordedDatabase look at, and runs them. */
import { type KubeObject, namespaces } from '@pgtape/kube';
import { networkServices, PodFacts, recordingArchives, secrets } from '@pgtape/operator';
import { type Cluster, everyObject, type Read, tried } from '../cluster.ts';
import { limitRanges, networkPolicies, resourceQuotas } from '../clusterKinds.ts';
import { type DatabaseView, podsOf, type SelectedPod } from '../recordedDatabases.ts';
import { recorderWord } from '../recorderReading.ts';
import type { ClusterSight } from './clusterChecks.ts';
import { versionOf } from './clusterChecks.ts';
import { archiveFinding, conditionFinding, tlsSecretFinding } from './databaseChecks.ts';
import { type Finding, judge } from './finding.ts';
import { injectionOutlook } from './injectionOutlook.ts';
import { networkPolicyFindings, targetPortFinding } from './networkChecks.ts';
import { type PodView, podFindings } from './podChecks.ts';
import { podSight } from './podReading.ts';
import { recorderFindings } from './recorderChecks.ts';
import { limitRangeFinding, quotaFindings } from './resourceChecks.ts';

/** What the namespace of a database holds that a recorder meets. */
interface Surroundings {
  readonly namespace: Read<KubeObject>;
  readonly services: Read<readonly KubeObject[]>;
  readonly ranges: Read<readonly KubeObject[]>;
  readonly quotas: Read<readonly KubeObject[]>;
  readonly policies: Read<readonly KubeObject[]>;
}

async function surroundings(cluster: Cluster, namespace: string): Promise<Surroundings> {
  const all = (resource: Parameters<typeof everyObject>[1]): Promise<Read<readonly KubeObject[]>> =>
    tried(everyObject(cluster, resource, { namespace }));
  const [object, services, ranges, quotas, policies] = await Promise.all([
    tried(cluster.objects.get(namespaces, { name: namespace }, cluster.stop)),
    all(networkServices),
    all(limitRanges),
    all(resourceQuotas),
    all(networkPolicies),
  ]);
  return { namespace: object, services, ranges, quotas, policies };
}

const vaultPort = 4317;

function viewOf(
  database: DatabaseView,
  pod: SelectedPod,
  around: Surroundings,
  sight: ClusterSight,
): PodView | null {
  const facts = PodFacts.safeParse(pod.object);
  const seen = podSight(pod.object);
  if (!facts.success || seen === null || database.spec === null) return null;
  const version = sight.serverVersion.isRead ? versionOf(sight.serverVersion.value) : null;
  const node = sight.nodes.isRead ? sight.nodes.value.find(({ name }) => name === seen.node) : undefined;
  const outlook = injectionOutlook(pod.object, facts.data, {
    database: `${database.namespace}/${database.name}`,
    spec: database.spec,
    namespace: around.namespace.isRead ? around.namespace.value : undefined,
    networkServices: around.services.isRead ? around.services.value : [],
    minorVersion: version?.minor ?? 0,
  });
  return {
    about: `${database.namespace}/${pod.name}`,
    facts: facts.data,
    sight: seen,
    outlook,
    kubeletVersion: node?.kubeletVersion ?? '',
    restart: pod.restart,
  };
}

async function podFindingsOf(
  cluster: Cluster,
  database: DatabaseView,
  view: PodView,
  around: Surroundings,
): Promise<Finding[]> {
  const { spec } = database;
  if (spec === null) return [];
  const { about, outlook, facts, sight } = view;
  const labels = facts.metadata.labels ?? {};
  return [
    ...podFindings(view, spec),
    targetPortFinding(about, around.services, labels, spec.capture.port, outlook.mode),
    ...networkPolicyFindings(about, around.policies, labels, vaultPort),
    ...(outlook.isInjected
      ? recorderFindings(about, await recorderWord(cluster, database.namespace, sight.name), spec)
      : []),
  ];
}

/** Everything about one database. Rejects with KubeError where its pods may not be read. */
export async function databaseFindings(
  cluster: Cluster,
  database: DatabaseView,
  sight: ClusterSight,
  nowMs: number,
): Promise<Finding[]> {
  const { spec, namespace, name } = database;
  const first = conditionFinding(database);
  if (spec === null) return [first];
  const { tlsSecretName } = spec;
  const [around, archive, secret, selected] = await Promise.all([
    surroundings(cluster, namespace),
    tried(cluster.objects.find(recordingArchives, { name: spec.archiveRef }, cluster.stop)),
    tlsSecretName === undefined
      ? Promise.resolve(undefined)
      : tried(cluster.objects.find(secrets, { namespace, name: tlsSecretName }, cluster.stop)),
    podsOf(cluster, database),
  ]);
  const views = selected.flatMap((pod) => viewOf(database, pod, around, sight) ?? []);
  const recorder = views.map(({ outlook }) => outlook.recorder).find((one) => one !== null) ?? null;
  const bare = views.filter(({ outlook }) => !outlook.isInjected).length;
  const ofPods = await Promise.all(views.map((view) => podFindingsOf(cluster, database, view, around)));
  const none = judge('recorder_injected', `${namespace}/${name}`).unknown(
    'no pod has these labels yet',
    'database',
  );
  return [
    first,
    archiveFinding(spec.archiveRef, archive),
    tlsSecretFinding(database, spec, secret, nowMs),
    limitRangeFinding(namespace, around.ranges, recorder),
    ...quotaFindings(namespace, around.quotas, around.ranges, recorder, bare),
    ...(views.length === 0 ? [none] : ofPods.flat()),
  ];
}
