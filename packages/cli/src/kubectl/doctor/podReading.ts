/** Owns what doctor reads of a pod beside what injection reads: probes, states of containers. Pure. */
import type { KubeObject } from '@pgtape/kube';
import { z } from 'zod';

const quantities = z.record(z.string(), z.union([z.string(), z.number()])).optional();

export const ContainerReading = z.looseObject({
  name: z.string(),
  image: z.string().default(''),
  restartPolicy: z.string().optional(),
  startupProbe: z.unknown().optional(),
  resources: z.looseObject({ requests: quantities, limits: quantities }).optional(),
});
export type ContainerReading = z.infer<typeof ContainerReading>;

const StateReading = z.looseObject({
  name: z.string(),
  image: z.string().default(''),
  imageID: z.string().default(''),
  ready: z.boolean().default(false),
  state: z
    .looseObject({
      waiting: z.looseObject({ reason: z.string().default(''), message: z.string().default('') }).optional(),
    })
    .optional(),
});
export type StateReading = z.infer<typeof StateReading>;

const PodReading = z.looseObject({
  spec: z.looseObject({
    nodeName: z.string().optional(),
    containers: z.array(ContainerReading).default([]),
    initContainers: z.array(ContainerReading).default([]),
  }),
  status: z
    .looseObject({
      qosClass: z.string().optional(),
      phase: z.string().optional(),
      conditions: z.array(z.looseObject({ type: z.string(), status: z.string() })).default([]),
      containerStatuses: z.array(StateReading).default([]),
      initContainerStatuses: z.array(StateReading).default([]),
    })
    .prefault({}),
});

export interface PodSight {
  readonly name: string;
  readonly node: string;
  readonly containers: readonly ContainerReading[];
  readonly initContainers: readonly ContainerReading[];
  readonly qosClass: string;
  readonly isReady: boolean;
  readonly states: readonly StateReading[];
}

/** null: no pod that is understood. */
export function podSight(object: KubeObject): PodSight | null {
  const parsed = PodReading.safeParse(object);
  if (!parsed.success) return null;
  const { spec, status } = parsed.data;
  return {
    name: object.metadata.name,
    node: spec.nodeName ?? '',
    containers: spec.containers,
    initContainers: spec.initContainers,
    qosClass: status.qosClass ?? '',
    isReady: status.conditions.some((one) => one.type === 'Ready' && one.status === 'True'),
    states: [...status.initContainerStatuses, ...status.containerStatuses],
  };
}

export function isSidecar({ restartPolicy }: ContainerReading): boolean {
  return restartPolicy === 'Always';
}
