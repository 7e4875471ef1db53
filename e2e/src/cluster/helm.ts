/** Owns running the real Helm, on the chart of this checkout, with files of its own. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ControlPlane } from './controlPlane.ts';
import type { Ran } from './kubectl.ts';

const root = join(import.meta.dirname, '../../..');
export const chartDir = join(root, 'charts/pgtape');

/** @throws Error where scripts/e2e-cluster did not say which */
function helmBinary(): string {
  const file = process.env.PGTAPE_E2E_HELM;
  if (file === undefined) throw new Error('PGTAPE_E2E_HELM names no Helm: run scripts/e2e-cluster');
  return file;
}

/** `plane`: as its administrator; absent, for what asks no cluster. */
export function helm(args: readonly string[], plane?: ControlPlane): Ran {
  const home = mkdtempSync(join(tmpdir(), 'pgtape-helm-'));
  const ran = spawnSync(helmBinary(), [...args], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    // Nothing of the user's own: repositories, plugins, the cluster he happens to use.
    env: {
      PATH: process.env.PATH,
      HOME: home,
      KUBECONFIG: plane?.kubeconfig ?? '/dev/null',
    },
  });
  rmSync(home, { recursive: true, force: true });
  return { status: ran.status, out: ran.stdout, err: ran.stderr };
}

/** What the chart renders for these values, as `helm template` says it. @throws Error with what Helm said */
export function rendered(args: readonly string[]): string {
  // Helm takes the version of a cluster that nobody asks from its own build.
  const where = ['--namespace', 'pgtape-system', '--kube-version', '1.33.0'];
  const ran = helm(['template', 'pgtape', chartDir, ...where, ...args]);
  if (ran.status !== 0) throw new Error(ran.err);
  return ran.out;
}
