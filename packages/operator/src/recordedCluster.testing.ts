/** Objects for the operator's tests, as the API server hands them out. */
import type { KubeObject } from '@pgtape/kube';
import { type DatabaseFacts, databaseFacts } from './databaseFacts.ts';
import type { PodCoverage } from './podCoverage.ts';

interface Given {
  readonly name?: string;
  readonly namespace?: string;
  readonly createdAt?: string;
  readonly generation?: number;
  readonly spec?: object;
}

export function databaseObject(given: Given = {}): KubeObject {
  const { name = 'orders', namespace = 'shop', createdAt = '2026-11-01T00:00:00Z', generation = 1 } = given;
  return {
    apiVersion: 'pgtape.dev/v1alpha1',
    kind: 'RecordedDatabase',
    metadata: { name, namespace, generation, creationTimestamp: createdAt, uid: `uid-${name}` },
    spec: { selector: { matchLabels: { app: name } }, archiveRef: 'audit', ...given.spec },
  };
}

export function databaseOf(given: Given = {}): DatabaseFacts {
  return databaseFacts(databaseObject(given));
}

export function coverageOf(given: Partial<PodCoverage> = {}): PodCoverage {
  return {
    name: 'orders-0',
    uid: 'uid-orders-0',
    labels: { app: 'orders' },
    injected: true,
    configHash: 'hash',
    recorderImage: 'image',
    restart: 'kubectl rollout restart -n shop statefulset/orders',
    ...given,
  };
}
