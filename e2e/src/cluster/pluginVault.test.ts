/**
 * `kubectl pgtape sessions` and the like: a real vault, a real API server that finds it, makes the reader's token and holds
 * the authority. There is no kubelet, so what `kubectl port-forward` does is done by a relay on this machine.
 */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningChild, startChild } from '@pgtape/cli';
import { readArchive } from '../stack.ts';
import { Authority } from './certificates.ts';
import { type ControlPlane, kubernetesBinary, startControlPlane } from './controlPlane.ts';
import { rendered } from './helm.ts';
import { kubectlAt, patch, type Ran } from './kubectl.ts';
import { kubectlPgtape } from './pluginCommand.ts';

const dir = mkdtempSync(join(tmpdir(), 'pgtape-plugin-vault-'));
const bin = join(dir, 'bin');
const namespace = 'pgtape-system';
let plane: ControlPlane;
let vault: RunningChild;
let authority: Authority;

function done(args: readonly string[], input?: object): string {
  const ran = kubectlAt(plane, args, input === undefined ? undefined : JSON.stringify(input));
  if (ran.status !== 0) throw new Error(`kubectl ${args.join(' ')}: ${ran.err}`);
  return ran.out;
}
const plugin = (...args: string[]): Promise<Ran> => kubectlPgtape(plane, args, { before: [bin] });

const labels = (component: string): object => ({
  'app.kubernetes.io/part-of': 'pgtape',
  'app.kubernetes.io/instance': 'pgtape',
  'app.kubernetes.io/component': component,
});

/** Stands before kubectl in the PATH: relays for `port-forward`, and is kubectl for everything else. */
function writeRelay(port: number): void {
  mkdirSync(bin);
  writeFileSync(
    join(bin, 'relay.mjs'),
    `import { connect, createServer } from 'node:net';
const server = createServer((client) => {
  const vault = connect(${port}, '127.0.0.1');
  client.pipe(vault).pipe(client);
  for (const socket of [client, vault]) socket.on('error', () => { client.destroy(); vault.destroy(); });
});
server.listen(0, '127.0.0.1', () => console.log('Forwarding from 127.0.0.1:' + server.address().port + ' -> 7417'));
`,
  );
  writeFileSync(
    join(bin, 'kubectl'),
    `#!/bin/sh
[ "$1" = port-forward ] || exec ${kubernetesBinary('kubectl')} "$@"
echo "$$ $*" >> ${dir}/forwards
exec ${process.execPath} ${join(bin, 'relay.mjs')}
`,
  );
  chmodSync(join(bin, 'kubectl'), 0o755);
}

/** Of an account that nobody gave rights to but the test. */
function kubeconfigOf(of: string, account: string): string {
  const token = done(['-n', of, 'create', 'token', account]).trim();
  const config = JSON.parse(readFileSync(plane.kubeconfig, 'utf8')) as Record<string, unknown>;
  const kubeconfig = join(dir, account);
  writeFileSync(kubeconfig, JSON.stringify({ ...config, users: [{ name: 'admin', user: { token } }] }));
  return kubeconfig;
}

async function startVault(): Promise<void> {
  authority = new Authority(join(dir, 'pki'));
  const pair = authority.issue('vault', '/CN=pgtape-vault', [`DNS:pgtape-vault.${namespace}.svc`]);
  const callers = [
    { name: 'readers', serviceAccount: `${namespace}:pgtape-reader`, may: ['read', 'export'] },
  ];
  writeFileSync(
    join(dir, 'vault.yaml'),
    JSON.stringify({
      name: 'pgtape',
      archive: { store: join(dir, 'archive') },
      stateDir: join(dir, 'state'),
      kubernetes: { kubeconfig: plane.kubeconfig },
      otlp: { port: 0 },
      http: { port: 0, tls: pair, callers },
    }),
  );
  vault = await startChild('vault', ['vault', '--config', join(dir, 'vault.yaml')], join(dir, 'vault.log'));
  writeRelay(Number(vault.ready.detail.http));
  const data = { 'ca.crt': Buffer.from(authority.ca).toString('base64') };
  done(['create', '-f', '-'], {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'pgtape-vault-tls', namespace },
    data,
  });
}

beforeAll(async () => {
  plane = await startControlPlane();
  done(['create', 'namespace', namespace]);
  for (const account of ['default', 'pgtape-reader'])
    done(['-n', namespace, 'create', 'serviceaccount', account]);
  done(['create', '-f', '-'], {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'pgtape-vault', namespace, labels: labels('vault') },
    spec: { ports: [{ name: 'https', port: 7417 }] },
  });
  done(['create', '-f', '-'], {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'pgtape-vault-0', namespace, labels: labels('vault') },
    spec: {
      containers: [{ name: 'vault', image: 'pgtape', ports: [{ name: 'https', containerPort: 7417 }] }],
    },
  });
  const ready = { status: { conditions: [{ type: 'Ready', status: 'True' }] } };
  done([
    ...patch('pod', 'pgtape-vault-0', 'merge', JSON.stringify(ready), namespace),
    '--subresource=status',
  ]);
  await startVault();
}, 120_000);

afterAll(async () => {
  await vault?.stop(5000);
  await plane?.stop();
  rmSync(dir, { recursive: true, force: true });
}, 30_000);

describe('kubectl pgtape, asking the vault', () => {
  it('verifies as the reader account, through a vault whose certificate is known by its name in the cluster', async () => {
    const { status, out } = await plugin('verify', '-o', 'json');
    expect(status).toBe(0);
    const { reels } = JSON.parse(out) as { reels: { verdict: string }[] };
    expect(reels.map(({ verdict }) => verdict)).toEqual(['open']);
  });

  it('reads sessions, and is on record there under the name of that account', async () => {
    expect(await plugin('sessions', '--why', 'ticket 7', '--release', 'pgtape')).toMatchObject({
      status: 0,
      err: 'no sessions\n',
    });
    const records = [...readArchive(join(dir, 'archive'), 'vault')].filter(({ kind }) => kind === 'access');
    expect(records.map(({ who, why }) => `${String(who)}: ${String(why)}`)).toContain(
      `system:serviceaccount:${namespace}:pgtape-reader: ticket 7`,
    );
    // Which cluster and release were meant is no part of what was looked for.
    expect(records.map(({ what }) => what).join()).not.toContain('release');
  });

  it('finds no bypasses on record where there are none, and says why it looked', async () => {
    const asked = await plugin('bypasses', '-A', '--recorded', '--why', 'ticket 8');
    expect(asked).toMatchObject({ status: 0, err: 'no bypasses on record\n' });
    const reasons = [...readArchive(join(dir, 'archive'), 'vault')].map(({ why }) => why);
    expect(reasons).toContain('ticket 8');
  });

  it('takes a token that was brought along instead, and the vault says no', async () => {
    writeFileSync(join(dir, 'token'), 'nobody-knows-this-token\n', { mode: 0o600 });
    const { status, err } = await plugin('sessions', '--token-file', join(dir, 'token'));
    expect({ status, err }).toEqual({ status: 3, err: expect.stringContaining('[VAULT_UNAUTHENTICATED]') });
  });

  it('leaves no forward behind', () => {
    const forwards = readFileSync(join(dir, 'forwards'), 'utf8').trim().split('\n');
    expect(forwards.length).toBe(4);
    for (const line of forwards) {
      const [pid = '', ...args] = line.split(' ');
      expect(args.join(' ')).toBe(
        `port-forward --address 127.0.0.1 -n ${namespace} pod/pgtape-vault-0 :7417`,
      );
      expect(() => process.kill(Number(pid), 0)).toThrow('ESRCH');
    }
  });

  it.each<[string, string[], string]>([
    ['another release', ['--release', 'other'], '[NO_RELEASE]'],
    ['a namespace without one', ['--pgtape-namespace', 'default'], '[NO_RELEASE]'],
  ])('says what is not there: %s', async (_, args, says) => {
    const { status, err } = await plugin('sessions', ...args);
    expect({ status, err }).toEqual({ status: 3, err: expect.stringContaining(says) });
  });

  it('needs no more than the Role of readers, as the chart makes it', async () => {
    const role = rendered(['--show-only', 'templates/reader.yaml']);
    expect(kubectlAt(plane, ['apply', '-f', '-'], role).status).toBe(0);
    const data = { 'ca.crt': authority.ca };
    const metadata = { name: 'pgtape-vault-ca', namespace };
    done(['create', '-f', '-'], { apiVersion: 'v1', kind: 'ConfigMap', metadata, data });
    done(['create', 'serviceaccount', 'auditor']);
    const bound = ['--role=pgtape-reader', '--serviceaccount=default:auditor'];
    done(['-n', namespace, 'create', 'rolebinding', 'auditors', ...bound]);
    const asked = await kubectlPgtape(plane, ['sessions'], {
      kubeconfig: kubeconfigOf('default', 'auditor'),
      before: [bin],
    });
    expect(asked).toMatchObject({ status: 0, err: 'no sessions\n' });
    expect(kubectlAt(plane, ['-n', namespace, 'delete', 'configmap', 'pgtape-vault-ca']).status).toBe(0);
  });

  it('says who lets in whom the API server does not', async () => {
    const kubeconfig = kubeconfigOf(namespace, 'default');
    const asked = await kubectlPgtape(plane, ['sessions'], { kubeconfig, before: [bin] });
    expect(asked).toMatchObject({ status: 3, err: expect.stringContaining('[NO_RELEASE]') });
    done(['create', 'clusterrole', 'looker', '--verb=get,list', '--resource=services,pods']);
    const bound = ['--clusterrole=looker', `--serviceaccount=${namespace}:default`];
    done(['-n', namespace, 'create', 'rolebinding', 'looker', ...bound]);
    const refused = await kubectlPgtape(plane, ['sessions'], { kubeconfig, before: [bin] });
    expect(refused).toMatchObject({ status: 3, err: expect.stringContaining('[NO_READER]') });
    expect(refused.err).toContain(`kubectl create rolebinding readers -n ${namespace} --role pgtape-reader`);
    const brought = await kubectlPgtape(plane, ['sessions', '--token-file', join(dir, 'token')], {
      kubeconfig,
      before: [bin],
    });
    expect(brought).toMatchObject({ status: 3, err: expect.stringContaining('[NO_CA]') });
  });
});
