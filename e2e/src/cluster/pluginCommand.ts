/** Owns running the real `kubectl pgtape`: kubectl finds the plugin in the PATH, as a person's does. */
import { spawn } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { type ControlPlane, kubernetesBinary } from './controlPlane.ts';
import type { Ran } from './kubectl.ts';

const root = join(import.meta.dirname, '../../..');

export interface PluginOptions {
  readonly kubeconfig?: string;
  /** Folders that the PATH begins with. */
  readonly before?: readonly string[];
}

/** kubectl itself, with the plugin in its PATH. As the control plane's administrator, or as whom `kubeconfig` names; not blocking, so that the test's own servers answer meanwhile. */
export function kubectlWithPlugin(
  plane: ControlPlane,
  args: readonly string[],
  { kubeconfig = plane.kubeconfig, before = [] }: PluginOptions = {},
): Promise<Ran> {
  const path = [...before, root, kubernetesBinary(''), process.env.PATH ?? ''].join(delimiter);
  const child = spawn(kubernetesBinary('kubectl'), [...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // Nothing of the test runner's own, like NODE_OPTIONS.
    env: { PATH: path, KUBECONFIG: kubeconfig, HOME: process.env.HOME ?? '/' },
    cwd: '/',
  });
  const text = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => {
    text.out += chunk.toString('utf8');
  });
  child.stderr.on('data', (chunk: Buffer) => {
    text.err += chunk.toString('utf8');
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, ...text }));
  });
}

/** `kubectl pgtape ...`. */
export function kubectlPgtape(
  plane: ControlPlane,
  args: readonly string[],
  options: PluginOptions = {},
): Promise<Ran> {
  return kubectlWithPlugin(plane, ['pgtape', ...args], options);
}
