/** Owns what injection needs of namespaces and Services: their Pod Security level, the name of the port clients use. Pure. */
import type { KubeObject } from '@pgtape/kube';
import { z } from 'zod';
import type { PodSecurity } from './capturePlan.ts';
import { hasLabels, type Labels } from './labels.ts';

export const ENFORCE_LABEL = 'pod-security.kubernetes.io/enforce';

/**
 * What the namespace enforces. Without a label it is the cluster's default, which nobody can read: `privileged` is what
 * Kubernetes comes with.
 */
export function podSecurityOf(namespace: KubeObject | undefined): PodSecurity {
  const level = namespace?.metadata.labels?.[ENFORCE_LABEL];
  return level === 'baseline' || level === 'restricted' ? level : 'privileged';
}

const NetworkService = z.looseObject({
  spec: z.looseObject({
    selector: z.record(z.string(), z.string()).optional(),
    ports: z
      .array(
        z.looseObject({
          port: z.int(),
          targetPort: z.union([z.string(), z.int()]).optional(),
        }),
      )
      .optional(),
  }),
});

/**
 * The name by which the Services that lead to a pod with these labels find PostgreSQL's port; null where they use its
 * number, where they disagree, or where there are none.
 */
export function namedPortOf(
  services: Iterable<KubeObject>,
  namespace: string,
  labels: Labels,
  port: number,
): string | null {
  const names = new Set<string>();
  for (const service of services) {
    if (service.metadata.namespace !== namespace) continue;
    const parsed = NetworkService.safeParse(service);
    if (!parsed.success) continue;
    const { selector = {}, ports = [] } = parsed.data.spec;
    // A Service without a selector leads to no pod by itself.
    if (Object.keys(selector).length === 0 || !hasLabels(labels, selector)) continue;
    for (const { port: own, targetPort } of ports) {
      if (typeof targetPort === 'string' && (own === port || ports.length === 1)) names.add(targetPort);
      else if (targetPort === port || (targetPort === undefined && own === port)) return null;
    }
  }
  const [only] = names;
  return names.size === 1 && only !== undefined ? only : null;
}
