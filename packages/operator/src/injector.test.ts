/** The webhook's answers: for which database, in which namespace, and what is told where nothing is done. */

import { admissionAnswer, type InjectorView } from './injector.ts';
import { databaseOf } from './recordedCluster.testing.ts';

const orders = databaseOf();
const younger = databaseOf({
  name: 'second',
  createdAt: '2026-11-02T00:00:00Z',
  spec: { selector: { matchLabels: { tier: 'db' } } },
});
const invalid = databaseOf({ name: 'invalid', spec: { archiveRef: 7 } });
const all = [orders, younger, invalid];
const view: InjectorView = {
  database: (key) => all.find((one) => one.key === key),
  databases: () => all,
  namespace: () => undefined,
  networkServices: () => [],
  settings: () => ({
    vault: { endpointOf: () => 'https://vault:4317', caOf: () => '', ca: '' },
    exempt: { users: [] },
  }),
  image: 'image',
  minorVersion: () => 36,
};

function ask(path: string, labels: Record<string, string>, more: { namespace?: string; spec?: object } = {}) {
  const { namespace = 'shop', spec = {} } = more;
  const object = {
    metadata: { name: 'orders-0', labels },
    spec: { containers: [{ name: 'postgres' }], ...spec },
  };
  const { patch, warnings, audit } = admissionAnswer(view, path, {
    uid: 'u',
    namespace,
    operation: 'CREATE',
    object,
  });
  return { isPatched: patch.length > 0, warnings, audit };
}

const skipped = (reason: string, warning?: string) => ({
  isPatched: false,
  warnings: warning === undefined ? [] : [`pgtape: ${warning}`],
  audit: { 'pgtape.dev/skipped': reason },
});
const swapped = { isPatched: true, warnings: [], audit: { 'pgtape.dev/mode': 'AddressSwap' } };

describe('admissionAnswer', () => {
  it.each([
    { name: 'a covered pod', answer: () => ask('/inject/shop/orders', { app: 'orders' }), wanted: swapped },
    {
      name: 'the canary',
      answer: () => ask('/inject-canary', { 'pgtape.dev/canary': 'true' }),
      wanted: swapped,
    },
    {
      name: 'labels of another',
      answer: () => ask('/inject/shop/orders', { app: 'web' }),
      wanted: skipped('not_selected', 'this pod is not recorded: not_selected'),
    },
    {
      name: 'a pod that an older database has',
      answer: () => ask('/inject/shop/second', { app: 'orders', tier: 'db' }),
      wanted: skipped('selector_conflict'),
    },
    {
      name: 'a pod that only the younger has',
      answer: () => ask('/inject/shop/second', { tier: 'db' }),
      wanted: swapped,
    },
    {
      name: 'a pod that no mode is possible in',
      answer: () => ask('/inject/shop/orders', { app: 'orders' }, { spec: { hostNetwork: true } }),
      wanted: skipped(
        'mode_not_possible',
        'this pod is not recorded: mode_not_possible (AddressSwap: host_network, Redirect: host_network, ' +
          'NamedPort: host_network, Service: host_network)',
      ),
    },
    {
      name: 'a database that is not understood',
      answer: () => ask('/inject/shop/invalid', { app: 'invalid' }),
      wanted: skipped('invalid', 'RecordedDatabase shop/invalid is not understood'),
    },
    { name: 'none', answer: () => ask('/inject/shop/gone', {}), wanted: skipped('no_database') },
    { name: 'more path', answer: () => ask('/inject/shop/orders/x', {}), wanted: skipped('no_database') },
    {
      name: 'a pod of another namespace',
      answer: () => ask('/inject/shop/orders', { app: 'orders' }, { namespace: 'other' }),
      wanted: skipped('other_namespace'),
    },
  ])('$name', ({ answer, wanted }) => {
    expect(answer()).toEqual(wanted);
  });
});
