/** What the test node needs of this machine, said plainly where it is missing. */
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const programs = [
  'etcd',
  'runc',
  'buildah',
  'mmdebstrap',
  'iptables',
  'ip',
  'conntrack',
  'openssl',
  'gcc',
  'nsenter',
  'unshare',
  'setpriv',
] as const;

function isOnPath(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((dir) => {
    try {
      accessSync(join(dir, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** @throws Error that says what to do */
export function needTools(): void {
  if (process.platform !== 'linux') throw new Error('the test node runs on Linux alone');
  if (process.getuid?.() !== 0) {
    throw new Error(
      'the test node makes namespaces and control groups of its own: run scripts/e2e-cluster as root',
    );
  }
  const missing: string[] = programs.filter((program) => !isOnPath(program));
  if (!existsSync('/usr/lib/cni/bridge')) missing.push('/usr/lib/cni/bridge');
  for (const name of ['PGTAPE_E2E_KUBERNETES', 'PGTAPE_E2E_CONTAINERD', 'PGTAPE_E2E_COREDNS']) {
    const path = process.env[name];
    if (path === undefined || !existsSync(path)) missing.push(`${name} (what scripts/e2e-cluster builds)`);
  }
  if (missing.length > 0)
    throw new Error(`the test node needs ${missing.join(', ')}: run scripts/e2e-cluster`);
}
