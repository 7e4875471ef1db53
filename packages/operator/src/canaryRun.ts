/**
 * Owns `pgtape operator --canary`: whether the API server reaches the webhook, asked once by somebody who may make pods as a
 * dry run in the operator's namespace and nothing else.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { KubeObjects } from '@pgtape/kube';
import { canaryProblem } from './canary.ts';
import { clusterConnection } from './clusterAccess.ts';
import type { OperatorConfig } from './operatorConfig.ts';

/** A release that was installed a moment ago has its certificates and its configuration by then. */
const patienceMs = 60_000;
const retryMs = 1000;

/** '' where a pod came back with a recorder; otherwise what happened last. @throws OperatorError `OPERATOR_CLUSTER` */
export async function canaryRun(
  { kubernetes, namespace }: Pick<OperatorConfig, 'kubernetes' | 'namespace'>,
  signal: AbortSignal,
  forMs = patienceMs,
): Promise<string> {
  const connection = await clusterConnection(kubernetes);
  const objects = new KubeObjects(connection);
  try {
    for (const end = performance.now() + forMs; ; ) {
      const problem = await canaryProblem(objects, namespace, signal);
      if (problem === '' || performance.now() >= end || signal.aborted) return problem;
      await delay(retryMs, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    connection.close();
  }
}
