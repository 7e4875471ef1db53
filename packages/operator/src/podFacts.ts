/**
 * Owns what injection reads of a pod. The pod itself stays raw JSON and is patched as such: no field of it passes through
 * these types. Pure.
 */
import { z } from 'zod';
import type { RecordedDatabaseSpec } from './recordedDatabase.ts';

const quantities = z.record(z.string(), z.union([z.string(), z.number()])).optional();

const Probe = z
  .looseObject({ exec: z.looseObject({ command: z.array(z.string()).optional() }).optional() })
  .optional();

const Container = z.looseObject({
  name: z.string(),
  image: z.string().optional(),
  command: z.array(z.string()).optional(),
  args: z.array(z.string()).optional(),
  restartPolicy: z.string().optional(),
  env: z.array(z.looseObject({ name: z.string(), value: z.string().optional() })).optional(),
  ports: z.array(z.looseObject({ name: z.string().optional(), containerPort: z.int() })).optional(),
  resources: z.looseObject({ requests: quantities, limits: quantities }).optional(),
  readinessProbe: Probe,
  livenessProbe: Probe,
  startupProbe: Probe,
});
export type ContainerFacts = z.infer<typeof Container>;

/** A Pod as the API server hands it to a webhook: `metadata.name` may be missing, `generateName` stands instead. */
export const PodFacts = z.looseObject({
  metadata: z.looseObject({
    name: z.string().optional(),
    generateName: z.string().optional(),
    namespace: z.string().optional(),
    labels: z.record(z.string(), z.string()).optional(),
    annotations: z.record(z.string(), z.string()).optional(),
    ownerReferences: z
      .array(z.looseObject({ kind: z.string(), name: z.string(), controller: z.boolean().optional() }))
      .optional(),
  }),
  spec: z.looseObject({
    containers: z.array(Container).min(1),
    initContainers: z.array(Container).optional(),
    volumes: z.array(z.looseObject({ name: z.string() })).optional(),
    hostNetwork: z.boolean().optional(),
    securityContext: z.looseObject({ fsGroup: z.int().optional() }).optional(),
    serviceAccountName: z.string().optional(),
  }),
});
export type PodFacts = z.infer<typeof PodFacts>;

export type Platform = 'Plain' | 'Bitnami' | 'CloudNativePG' | 'Zalando' | 'Crunchy';

/** Who owns the pod as the RecordedDatabase says, or, where it leaves that open, as the pod tells. */
export function platformFor(
  pod: PodFacts,
  { platform, capture }: Pick<RecordedDatabaseSpec, 'platform' | 'capture'>,
): Platform {
  return platform === 'Auto' ? platformOf(pod, capture.container) : platform;
}

/** Who owns the pod, by the labels its owner sets; Bitnami by its image, which is all that tells it from a plain one. */
export function platformOf(pod: PodFacts, container: string): Platform {
  const labels = pod.metadata.labels ?? {};
  if (labels['cnpg.io/cluster'] !== undefined) return 'CloudNativePG';
  if (labels.application === 'spilo') return 'Zalando';
  if (labels['postgres-operator.crunchydata.com/cluster'] !== undefined) return 'Crunchy';
  const postgres = pod.spec.containers.find(({ name }) => name === container);
  const isBitnami =
    /(^|\/)bitnami(legacy|secure)?\//.test(postgres?.image ?? '') ||
    (postgres?.env ?? []).some(({ name }) => name.startsWith('POSTGRESQL_'));
  return isBitnami ? 'Bitnami' : 'Plain';
}

/** Pods of these are somebody else's to shape: nothing of their own containers may be touched. */
export function isOperatorOwned(platform: Platform): boolean {
  return platform === 'CloudNativePG' || platform === 'Zalando' || platform === 'Crunchy';
}

/** Whose replicas log in with certificates, as nobody can who comes through a recorder. */
export function hasCertificateReplicas(platform: Platform): boolean {
  return platform === 'CloudNativePG' || platform === 'Crunchy';
}

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

/** As the kubelet computes it (pod QoS classes); init containers count. */
export function qosOf({ spec }: PodFacts): QosClass {
  const all = [...spec.containers, ...(spec.initContainers ?? [])];
  const of = (container: ContainerFacts) => ({
    requests: container.resources?.requests ?? {},
    limits: container.resources?.limits ?? {},
  });
  const names = ['cpu', 'memory'];
  const isEmpty = all.every((container) => {
    const { requests, limits } = of(container);
    return names.every((name) => requests[name] === undefined && limits[name] === undefined);
  });
  if (isEmpty) return 'BestEffort';
  const isGuaranteed = all.every((container) => {
    const { requests, limits } = of(container);
    // A limit without request is its own request.
    return names.every(
      (name) => limits[name] !== undefined && (requests[name] ?? limits[name]) === limits[name],
    );
  });
  return isGuaranteed ? 'Guaranteed' : 'Burstable';
}
