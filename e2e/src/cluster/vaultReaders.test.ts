/** Who reads evidence, by a service-account token that a real API server vouches for. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkSegment, decodeObject } from '@pgtape/evidence';
import { KubeObjects } from '@pgtape/kube';
import { fileStore } from '@pgtape/store';
import { startVault, type Vault, VaultConfig } from '@pgtape/vault';
import { makeNamespace, serviceAccounts } from './clusterKinds.ts';
import { type ControlPlane, startControlPlane } from './controlPlane.ts';
import { type FaultyHop, startFaultyHop } from './faultyHop.ts';
import { makeVaultAccount, requestToken, vaultKubeconfig } from './vaultCluster.ts';

const audience = 'pgtape-read';
let plane: ControlPlane;
let hop: FaultyHop;
let dir: string;
let vault: Vault;

const tokenOf = (namespace: string, account: string, audiences = [audience]): Promise<string> =>
  requestToken(plane, { namespace, account, audiences });

/** The status, and the reason where there is one. */
async function said(token: string, path: string, body?: object): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${vault.http.port}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const { error = '' } = (await answer.json()) as { error?: string };
  return `${answer.status} ${error}`.trim();
}

const grant = { action: 'sessions', what: 'all', why: 'audit' };

beforeAll(async () => {
  plane = await startControlPlane();
  hop = await startFaultyHop(plane);
  dir = mkdtempSync(join(tmpdir(), 'pgtape-vault-readers-'));
  const objects = new KubeObjects(plane.connection);
  for (const name of ['audit', 'shop', 'pgtape-system']) await makeNamespace(objects, name);
  await makeVaultAccount(objects);
  const metadata = { name: 'reader', namespace: 'audit' };
  await objects.create(serviceAccounts, { apiVersion: 'v1', kind: 'ServiceAccount', metadata });
  const name = 'system:serviceaccount:audit:reader';
  vault = await startVault(
    VaultConfig.parse({
      otlp: { port: 0 },
      http: {
        port: 0,
        callers: [
          { name, serviceAccount: 'audit:reader', may: ['read'] },
          { name: 'auditors', group: 'system:serviceaccounts:audit', may: ['status'] },
        ],
      },
      archive: { store: join(dir, 'archive') },
      kubernetes: { kubeconfig: await vaultKubeconfig(plane, hop.url, dir) },
      log: { level: 'silent' },
    }),
  );
}, 120_000);

afterAll(async () => {
  await vault?.close();
  await hop?.stop();
  await plane?.stop();
  rmSync(dir, { recursive: true, force: true });
}, 30_000);

describe('a reader by his service account', () => {
  it('may what his account and his group may, and no more', async () => {
    const reader = await tokenOf('audit', 'reader');
    const colleague = await tokenOf('audit', 'default');
    const stranger = await tokenOf('shop', 'default');
    expect({
      reads: await said(reader, '/v1/grants', grant),
      status: await said(reader, '/v1/status'),
      holds: await said(reader, '/v1/holds'),
      group: await said(colleague, '/v1/status'),
      groupReads: await said(colleague, '/v1/grants', grant),
      stranger: await said(stranger, '/v1/status'),
    }).toEqual({
      reads: '201',
      status: '200',
      holds: '403 not_allowed',
      group: '200',
      groupReads: '403 not_allowed',
      stranger: '401 unauthenticated',
    });
  });

  it('is nobody by a token that was made for something else, or by nobody', async () => {
    const [head, body] = (await tokenOf('audit', 'reader')).split('.');
    expect([
      await said(await tokenOf('audit', 'reader', ['pgtape-vault']), '/v1/status'),
      await said(await tokenOf('audit', 'reader', ['https://kubernetes.default.svc']), '/v1/status'),
      await said(`${head}.${body}.AAAA`, '/v1/status'),
    ]).toEqual(['401 unauthenticated', '401 unauthenticated', '401 unauthenticated']);
  });

  it('is told to come again while the API server is away', async () => {
    const token = await tokenOf('audit', 'reader', [audience, 'another']);
    hop.answerNext(1, 503);
    expect(await said(token, '/v1/status')).toBe('503 api_unreachable');
    expect(await said(token, '/v1/status')).toBe('200');
  });

  it('stands in the record under the name that the API server gave him', async () => {
    await vault.close();
    const store = fileStore(join(dir, 'archive'));
    const records: unknown[] = [];
    for await (const { key } of store.list('reel/')) {
      const segment = checkSegment(decodeObject(await store.get(key)));
      if (segment.ok) records.push(...segment.records);
    }
    expect(records).toContainEqual(
      expect.objectContaining({
        kind: 'access',
        who: 'system:serviceaccount:audit:reader',
        method: 'kubernetes',
        why: 'audit',
      }),
    );
  });
});
