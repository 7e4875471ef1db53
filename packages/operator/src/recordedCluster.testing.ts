/** Objects for the operator's tests, as the API server hands them out. */
import type { RecorderStatus } from '@pgtape/evidence';
import type { KubeObject } from '@pgtape/kube';
import { type DatabaseFacts, databaseFacts } from './databaseFacts.ts';
import { type ObservedPod, observedPod } from './observedPod.ts';
import type { PodCoverage } from './podCoverage.ts';
import type { SeenRecorder } from './recorderWatch.ts';

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
    plannedMode: 'AddressSwap',
    addresses: ['10.0.0.7'],
    role: 'unknown',
    hasOwner: true,
    isReady: true,
    createdAt: '2026-11-01T00:00:00Z',
    recorder: { id: 'containerd://1', isReady: true },
    probesPast: [],
    restart: 'kubectl rollout restart -n shop statefulset/orders',
    ...given,
  };
}

/** Of a recorder with which all is well. */
export function saidOf(given: Partial<RecorderStatus> = {}): RecorderStatus {
  return {
    version: '0.1.0',
    reel: '0'.repeat(32),
    database: 'shop/orders',
    configHash: 'hash',
    startedAt: '2026-11-27T04:00:00.000Z',
    recorderStarts: 1,
    capture: { mode: 'AddressSwap', achieved: true, reason: null, listeners: [], others: [] },
    tls: { matched: true, reason: null },
    coverage: {
      state: 'measured',
      reason: null,
      seen: 10,
      recorded: 10,
      bypasses: 0,
      at: '2026-11-27T04:00:00.000Z',
      recent: [],
    },
    vault: { lagSeconds: 2.7, pendingSegments: 1, acknowledgedAt: null, reason: null },
    spool: { full: null },
    sessions: { open: 1, recorded: 10 },
    ...given,
  };
}

export function seenOf(given: Partial<SeenRecorder> = {}): SeenRecorder {
  const capture = { startedAt: '2026-11-27T04:00:00.000Z', atPort: 'recorder', atRecorder: null } as const;
  return { status: saidOf(), problem: '', capture, ...given };
}

export const wantedRecorder = {
  configHash: 'hash',
  image: 'image',
  policyHash: 'a'.repeat(64),
  version: '0.1.0',
};

export function observedOf(
  given: Partial<PodCoverage> = {},
  seen: SeenRecorder | null = seenOf(),
  skipped = '',
): ObservedPod {
  return observedPod(coverageOf(given), seen, wantedRecorder, skipped);
}
