/**
 * Owns the proof that the API server reaches the webhook: a pod made as a dry run, in the operator's own namespace, comes
 * back with a recorder. It is never stored.
 */
import { asError, type KubeObject, type KubeObjects, pods } from '@pgtape/kube';
import { problemText } from './applyObjects.ts';
import { CANARY_LABEL } from './clusterNames.ts';
import { RECORDER_CONTAINER } from './injectionPlan.ts';

/** Admitted under Pod Security `restricted`. */
export function canaryPod(namespace: string): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { generateName: 'pgtape-canary-', name: '', namespace, labels: { [CANARY_LABEL]: 'true' } },
    spec: {
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, runAsUser: 65_532, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: 'postgres',
          image: 'registry.invalid/canary',
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
        },
      ],
    },
  };
}

/** '' where it came back with a recorder; otherwise what happened. */
export async function canaryProblem(
  objects: KubeObjects,
  namespace: string,
  signal: AbortSignal,
): Promise<string> {
  try {
    const { spec } = await objects.create(pods, canaryPod(namespace), { dryRun: true, signal });
    const { initContainers = [] } = (spec ?? {}) as { initContainers?: { name?: unknown }[] };
    if (initContainers.some(({ name }) => name === RECORDER_CONTAINER)) return '';
    return 'a pod made as a dry run came back without a recorder: the API server does not reach the webhook, or not yet';
  } catch (error) {
    signal.throwIfAborted();
    return problemText(asError(error));
  }
}
