/** That a pod is read once, and again whenever anything it is read with is other. */
import type { KubeObject } from '@pgtape/kube';
import { podCoverage } from './podCoverage.ts';
import { PodReadings } from './podReadings.ts';
import { databaseOf } from './recordedCluster.testing.ts';
import type { RecordedDatabaseSpec } from './recordedDatabase.ts';

const pod = (resourceVersion: string, more: object = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'orders-0', namespace: 'shop', uid: 'u', resourceVersion, labels: { app: 'orders' } },
  spec: { containers: [{ name: 'postgres' }] },
  status: { phase: 'Running', podIP: '10.0.0.7' },
  ...more,
});

describe('PodReadings', () => {
  it('reads a pod once, also after the status of its database changed', () => {
    const readings = new PodReadings();
    const first = pod('1');
    const read = readings.of(first, databaseOf());
    expect(read?.addresses).toEqual(['10.0.0.7']);
    expect(readings.of(first, databaseOf())).toBe(read);
  });

  it.each<{ name: string; next: KubeObject; spec?: object; addresses?: readonly string[] }>([
    {
      name: 'another version of it',
      next: pod('2', { status: { podIP: '10.0.0.8' } }),
      addresses: ['10.0.0.8'],
    },
    {
      name: 'another pod of its name',
      next: { ...pod('1'), metadata: { ...pod('1').metadata, uid: 'v' } },
      addresses: ['10.0.0.7'],
    },
    { name: 'one that is over', next: pod('2', { status: { phase: 'Failed' } }) },
  ])('reads $name', ({ next, addresses }) => {
    const readings = new PodReadings();
    readings.of(pod('1'), databaseOf());
    expect(readings.of(next, databaseOf())?.addresses).toEqual(addresses);
  });

  it('keeps what nobody could connect to out as well', () => {
    const readings = new PodReadings();
    const over = pod('1', { status: { phase: 'Succeeded' } });
    expect([readings.of(over, databaseOf()), readings.of(over, databaseOf())]).toEqual([null, null]);
  });

  it('knows nothing of a database that is not understood', () => {
    expect(new PodReadings().of(pod('1'), databaseOf({ spec: { archiveRef: 7 } }))).toBeNull();
  });

  it.each([
    { name: 'platform', spec: { platform: 'Zalando' } },
    { name: 'container', spec: { capture: { container: 'db' } } },
  ])('reads it again for another $name, as podCoverage does', ({ spec }) => {
    const readings = new PodReadings();
    const bitnami = pod('1', { spec: { containers: [{ name: 'db', image: 'bitnami/postgresql' }] } });
    for (const database of [databaseOf(), databaseOf({ spec }), databaseOf()]) {
      const expected = podCoverage(bitnami, database.key, database.spec as RecordedDatabaseSpec);
      expect(readings.of(bitnami, database)).toEqual(expected);
    }
  });

  it('reads it again for another database', () => {
    const readings = new PodReadings();
    const recorded = pod('1', {
      spec: {
        containers: [{ name: 'postgres' }],
        initContainers: [{ name: 'pgtape-recorder', restartPolicy: 'Always' }],
      },
    });
    const annotated = {
      ...recorded,
      metadata: { ...recorded.metadata, annotations: { 'pgtape.dev/recorded-by': 'shop/orders' } },
    };
    const injected = ['orders', 'tills', 'orders'].map(
      (name) => readings.of(annotated, databaseOf({ name }))?.injected,
    );
    expect(injected).toEqual([true, false, true]);
  });
});
