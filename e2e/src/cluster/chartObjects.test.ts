/** Everything that the chart renders, taken by an API server that knows all its kinds, to the last field. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments, stringify } from 'yaml';
import { type ControlPlane, startControlPlane } from './controlPlane.ts';
import { applyKindsOf } from './foreignKinds.ts';
import { chartDir, rendered } from './helm.ts';
import { kubectlAt, kubectlDone } from './kubectl.ts';

const root = join(import.meta.dirname, '../../..');
let plane: ControlPlane;

beforeAll(async () => {
  plane = await startControlPlane();
  for (const name of ['pgtape-system', 'shop', 'billing']) kubectlDone(plane, ['create', 'namespace', name]);
  for (const how of ['enforce', 'warn']) {
    const label = `pod-security.kubernetes.io/${how}=restricted`;
    kubectlDone(plane, ['label', 'namespace', 'pgtape-system', label]);
  }
  // A pod is refused whose account is not there, and a dry run makes none.
  for (const name of ['pgtape-test', 'tape-test'])
    kubectlDone(plane, ['-n', 'pgtape-system', 'create', 'serviceaccount', name]);
  await applyKindsOf('cert-manager', plane);
  await applyKindsOf('prometheus-operator', plane);
}, 120_000);

afterAll(async () => {
  await plane?.stop();
}, 30_000);

describe('an API server that has the kinds of cert-manager and of the Prometheus operator', () => {
  it.each([
    {
      name: 'a Certificate for nothing',
      kind: 'Certificate',
      apiVersion: 'cert-manager.io/v1',
      spec: { dnsNames: ['a'] },
      says: 'spec.secretName: Required value',
    },
    {
      name: 'a rule without an expression',
      kind: 'PrometheusRule',
      apiVersion: 'monitoring.coreos.com/v1',
      spec: { groups: [{ name: 'a', rules: [{ alert: 'A' }] }] },
      says: 'spec.groups[0].rules[0].expr: Required value',
    },
    {
      name: 'an endpoint with a word it does not know',
      kind: 'ServiceMonitor',
      apiVersion: 'monitoring.coreos.com/v1',
      spec: { selector: {}, endpoints: [{ port: 'health', intervall: '30s' }] },
      says: 'unknown field "spec.endpoints[0].intervall"',
    },
  ])('refuses $name', ({ kind, apiVersion, spec, says }) => {
    const object = { apiVersion, kind, metadata: { name: 'wrong', namespace: 'pgtape-system' }, spec };
    const args = ['apply', '--dry-run=server', '--validate=strict', '-f', '-'];
    expect(kubectlAt(plane, args, JSON.stringify(object))).toMatchObject({
      status: 1,
      err: expect.stringContaining(says),
    });
  });

  it.each(readdirSync(join(chartDir, 'ci')))('takes every object of %s, and warns of none', (file) => {
    const documents = parseAllDocuments(rendered(['-f', join(chartDir, 'ci', file)]))
      .map((document) => document.toJSON() as object | null)
      .filter((object) => object !== null);
    const text = documents.map((document) => stringify(document)).join('---\n');
    const applied = kubectlAt(
      plane,
      ['apply', '--server-side', '--dry-run=server', '--validate=strict', '-f', '-'],
      text,
    );
    expect({ status: applied.status, err: applied.err }).toEqual({ status: 0, err: '' });
    expect(applied.out.trim().split('\n')).toHaveLength(documents.length);
  });

  it.each(['pgtape.yaml', 'cluster-scoped.yaml'])('takes deploy/%s', (file) => {
    const path = join(root, 'deploy', file);
    expect(kubectlAt(plane, ['apply', '--server-side', '--dry-run=server', '-f', path])).toMatchObject({
      status: 0,
    });
  });
});
