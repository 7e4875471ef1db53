/** The chart's cert-manager option with cert-manager itself: what it issues is served, and what it renews, by processes that go on. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { CertManagerRelease, release } from './certManagerRelease.ts';
import { seenEventually } from './eventually.ts';
import { kubectlAt } from './kubectl.ts';

const root = join(import.meta.dirname, '../../..');
let installed: CertManagerRelease;

const eventually = async (what: string, look: () => unknown, wanted: unknown, ms = 30_000): Promise<void> =>
  await seenEventually(what, look, wanted, { ms, logs: () => installed.logs() });

beforeAll(async () => {
  installed = await CertManagerRelease.start();
}, 120_000);

afterAll(async () => {
  await installed?.stop();
}, 30_000);

const serialOf = (suffix: string): string =>
  new X509Certificate(installed.secret(suffix)?.['tls.crt'] ?? '').serialNumber;

/** Serial number of the certificate that a client gets who knows `ca` alone; or why he goes away. */
function served(port: number, host: string, ca: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, servername: host, ca }, () => {
      resolve(socket.getPeerX509Certificate()?.serialNumber ?? 'none');
      socket.destroy();
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

const plain = JSON.parse(readFileSync(join(root, 'testdata/pods/plain.json'), 'utf8')) as { spec: object };

/** `recorded` or `bare`, of a pod made as a dry run; or why it was refused. */
function outcome(): string {
  const pod = { ...plain, metadata: { name: 'tried', namespace: 'shop', labels: { app: 'orders' } } };
  const args = ['create', '--validate=false', '--dry-run=server', '-o', 'json', '-f', '-'];
  const { status, out, err } = kubectlAt(installed.plane, args, JSON.stringify(pod));
  if (status !== 0) return err;
  return out.includes('"pgtape-recorder"') ? 'recorded' : 'bare';
}

/** What the API server and the recorders know webhook and vault by. */
const known = (kind: 'injector' | 'recorders'): string => {
  const path = kind === 'injector' ? '{.webhooks[0].clientConfig.caBundle}' : '{.data.ca\\.crt}';
  const what =
    kind === 'injector'
      ? ['mutatingwebhookconfiguration', 'pgtape-injector']
      : ['-n', 'shop', 'configmap', 'pgtape-orders'];
  const text = installed.done(['get', ...what, '-o', `jsonpath=${path}`]);
  return kind === 'injector' ? Buffer.from(text, 'base64').toString('utf8') : text;
};

/** Renews it, and has pods made until the new one is in the Secret and for a while after. @returns their outcomes */
async function renewed(certificate: string, suffix: string): Promise<Set<string>> {
  const before = serialOf(suffix);
  const outcomes = new Set<string>();
  installed.renew(certificate);
  await eventually(
    `another ${suffix}`,
    () => {
      outcomes.add(outcome());
      return serialOf(suffix) !== before;
    },
    true,
  );
  for (let more = 0; more < 10; more += 1) outcomes.add(outcome());
  return outcomes;
}

describe('a release whose certificates are cert-manager’s', () => {
  it('is issued what it serves, from an authority of its own', async () => {
    const ready = (): string[] =>
      installed
        .done([
          '-n',
          'pgtape-system',
          'get',
          'certificates',
          '-o',
          'jsonpath={range .items[*]}{.metadata.name}={.status.conditions[?(@.type=="Ready")].status}{"\\n"}{end}',
        ])
        .trim()
        .split('\n');
    await eventually(
      'Certificates',
      ready,
      ['authority', 'vault', 'webhook'].map((name) => `${release}-${name}=True`),
    );
    const authority = installed.secret('authority')?.['tls.crt'];
    for (const suffix of ['webhook', 'vault-tls']) {
      const files = installed.secret(suffix);
      expect(Object.keys(files ?? {}).sort()).toEqual(['ca.crt', 'tls.crt', 'tls.key']);
      expect(files?.['ca.crt']).toBe(authority);
    }
  }, 60_000);

  it('injects pods by a webhook that the API server knows by it, and tells recorders the vault’s authority', async () => {
    await installed.startOperator();
    installed.done(['apply', '-f', '-'], {
      apiVersion: 'pgtape.dev/v1alpha1',
      kind: 'RecordedDatabase',
      metadata: { name: 'orders', namespace: 'shop' },
      spec: { selector: { matchLabels: { app: 'orders' } }, archiveRef: 'default' },
    });
    await eventually('a recorded pod', outcome, 'recorded', 60_000);
    expect(known('injector')).toBe(installed.secret('webhook')?.['ca.crt']);
    await eventually(
      'the recorders’ authority',
      () => known('recorders'),
      installed.secret('vault-tls')?.['ca.crt'],
    );
  }, 120_000);

  it('goes on injecting while the webhook’s certificate is renewed, and serves the new one', async () => {
    expect([...(await renewed('webhook', 'webhook'))]).toEqual(['recorded']);
    expect(known('injector')).toBe(installed.secret('webhook')?.['ca.crt']);
  }, 120_000);

  it('serves the vault with it, the renewed one too, to recorders that know the authority of before', async () => {
    await eventually('the log’s key', () => Object.keys(installed.secret('vault-log') ?? {}), ['log.key']);
    installed.done(['apply', '-f', '-'], {
      apiVersion: 'pgtape.dev/v1alpha1',
      kind: 'RecordingArchive',
      metadata: { name: 'default' },
      spec: { volume: { claimName: 'tapes' }, lock: 'None', retention: { days: 1 } },
    });
    const { otlp, http } = await installed.startVault();
    const host = `${release}-vault.pgtape-system.svc`;
    const ca = known('recorders');
    const both = async () => [await served(otlp, host, ca), await served(http, host, ca)];
    const first = serialOf('vault-tls');
    await eventually('the vault', both, [first, first], 60_000);

    // A new authority's certificate first, then one that it signs.
    expect([...(await renewed('authority', 'authority'))]).toEqual(['recorded']);
    expect([...(await renewed('webhook', 'webhook'))]).toEqual(['recorded']);
    await renewed('vault', 'vault-tls');
    const second = serialOf('vault-tls');
    installed.mountVaultSecrets();
    await eventually('the new certificate', both, [second, second], 60_000);
    expect(second).not.toBe(first);
    await eventually(
      'the recorders’ new authority',
      () => known('recorders'),
      installed.secret('vault-tls')?.['ca.crt'],
    );
    expect(installed.secret('vault-tls')?.['ca.crt']).not.toBe(ca);
    expect(installed.log('vault')).not.toContain('stay in use');
  }, 180_000);
});
