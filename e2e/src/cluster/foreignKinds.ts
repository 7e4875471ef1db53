/** Kinds of cert-manager and of the Prometheus operator on an API server: their own CustomResourceDefinitions, as scripts/e2e-cluster copied them. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../probes.ts';
import type { ControlPlane } from './controlPlane.ts';
import { kubectlAt, kubectlDone } from './kubectl.ts';

const projects = {
  'cert-manager': {
    variable: 'PGTAPE_E2E_CERT_MANAGER_CRDS',
    group: 'cert-manager.io',
    plurals: ['certificates', 'issuers', 'clusterissuers', 'certificaterequests'],
  },
  'prometheus-operator': {
    variable: 'PGTAPE_E2E_PROMETHEUS_CRDS',
    group: 'monitoring.coreos.com',
    plurals: ['servicemonitors', 'prometheusrules'],
  },
} as const;

/**
 * Applies the kinds of that project that the chart renders, and what these need; they can be used when it resolves.
 * @throws Error with kubectl's complaint, or where scripts/e2e-cluster did not say where they lie
 */
export async function applyKindsOf(project: keyof typeof projects, plane: ControlPlane): Promise<void> {
  const { variable, group, plurals } = projects[project];
  const folder = process.env[variable];
  if (folder === undefined) throw new Error(`${variable} names no folder: run scripts/e2e-cluster`);
  const wanted = plurals.map((plural) => `${group}_${plural}.yaml`);
  const files = readdirSync(folder).filter((file) => wanted.includes(file));
  kubectlDone(plane, ['apply', '--server-side', ...files.flatMap((file) => ['-f', join(folder, file)])]);
  const names = plurals.map((plural) => `crd/${plural}.${group}`);
  // It gives up at once on a definition that has no conditions yet.
  const wait = ['wait', '--for=condition=Established', '--timeout=10s', ...names];
  await until(`the kinds of ${project}`, 30_000, async () => kubectlAt(plane, wait).status === 0);
}
