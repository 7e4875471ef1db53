/** Pods of testdata/pods as doctor sees them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KubeObject } from '@pgtape/kube';
import { PodFacts, podCoverage, RecordedDatabaseSpec } from '@pgtape/operator';
import { injectionOutlook, type OutlookFacts } from './injectionOutlook.ts';
import type { PodView } from './podChecks.ts';
import { podSight } from './podReading.ts';

export function podObject(name: string): KubeObject {
  const file = join(import.meta.dirname, '../../../../../testdata/pods', `${name}.json`);
  const pod = JSON.parse(readFileSync(file, 'utf8')) as KubeObject;
  return { ...pod, metadata: { ...pod.metadata, name: pod.metadata.name ?? `${name}-0`, namespace: 'shop' } };
}

/** A RecordedDatabase that selects the pod. */
export function specFor(pod: KubeObject, more: object = {}): RecordedDatabaseSpec {
  const matchLabels = pod.metadata.labels ?? {};
  return RecordedDatabaseSpec.parse({ selector: { matchLabels }, archiveRef: 'audit', ...more });
}

export function podView(
  object: KubeObject,
  spec: RecordedDatabaseSpec,
  more: Partial<OutlookFacts> & { readonly kubeletVersion?: string } = {},
): PodView {
  const { kubeletVersion = 'v1.36.1', ...rest } = more;
  const facts = PodFacts.parse(object);
  const sight = podSight(object);
  const coverage = podCoverage(object, 'shop/orders', spec);
  if (sight === null || coverage === null) throw new Error('no pod');
  const outlook = injectionOutlook(object, facts, {
    database: 'shop/orders',
    spec,
    namespace: undefined,
    networkServices: [],
    minorVersion: 36,
    ...rest,
  });
  return { about: `shop/${sight.name}`, facts, sight, outlook, kubeletVersion, restart: coverage.restart };
}
