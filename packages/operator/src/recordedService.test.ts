import { managedBy } from './clusterNames.ts';
import { isAsWanted } from './drift.ts';
import { coverageOf, databaseOf } from './recordedCluster.testing.ts';
import { recordedService, recordedServiceName } from './recordedService.ts';

const byService = databaseOf({ spec: { capture: { mode: 'Service' } } });
const pod = (labels: Record<string, string>) => coverageOf({ plannedMode: 'Service', labels });
const live = (labels: Record<string, string>) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'orders-recorded', namespace: 'shop', labels },
});

describe('recordedService', () => {
  it.each([
    { name: 'asked for', database: byService, pods: [], existing: undefined, is: true },
    {
      name: 'Auto, by another mode',
      database: databaseOf(),
      pods: [coverageOf()],
      existing: undefined,
      is: false,
    },
    { name: 'Auto, by this mode', database: databaseOf(), pods: [pod({})], existing: undefined, is: true },
    { name: 'Auto, and made before', database: databaseOf(), pods: [], existing: live(managedBy), is: true },
    { name: "somebody else's", database: byService, pods: [], existing: live({}), is: false },
    {
      name: 'not managed',
      database: databaseOf({ spec: { managementState: 'Unmanaged', capture: { mode: 'Service' } } }),
      pods: [],
      existing: undefined,
      is: false,
    },
  ])('$name: $is', ({ database, pods, existing, is }) => {
    expect(recordedService(database, pods, existing) !== null).toBe(is);
  });

  it.each([
    { name: 'one server', pods: [pod({ app: 'orders' })], selector: { app: 'orders' } },
    {
      name: 'CloudNativePG',
      pods: [pod({ 'cnpg.io/instanceRole': 'replica' })],
      selector: { app: 'orders', 'cnpg.io/instanceRole': 'primary' },
    },
    {
      name: 'Zalando',
      pods: [pod({ 'spilo-role': 'master' })],
      selector: { app: 'orders', 'spilo-role': 'master' },
    },
  ])('leads to the primary where the platform says who that is: $name', ({ pods, selector }) => {
    expect(recordedService(byService, pods, undefined)?.spec).toEqual({
      selector,
      ports: [{ name: 'postgresql', port: 5432, protocol: 'TCP', targetPort: 6432 }],
    });
  });

  it('is the same with what the API server fills in, and another with another port', () => {
    const wanted = recordedService(byService, [], undefined) as ReturnType<typeof live> & {
      spec: { ports: object[] };
    };
    const filled = { ...wanted.spec, clusterIP: '10.96.0.7', type: 'ClusterIP', sessionAffinity: 'None' };
    const [port] = wanted.spec.ports;
    expect([
      isAsWanted({ ...wanted, spec: { ...filled, ports: [{ ...port, nodePort: 30_000 }] } }, wanted),
      isAsWanted(
        { ...wanted, spec: { ...filled, ports: [port, { ...port, name: 'more', port: 1 }] } },
        wanted,
      ),
    ]).toEqual([true, false]);
  });

  it('has a name that fits', () => {
    expect(recordedServiceName('x'.repeat(63))).toHaveLength(63);
  });
});
