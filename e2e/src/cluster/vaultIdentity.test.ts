/** Who a recorder is, by the token of its pod: asked of a real API server, by a vault that may do no more than ask. */
import { createPrivateKey, createSign } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { checkSegment, decodeObject, type JudgedReel, type ParsedRecord } from '@pgtape/evidence';
import {
  configMaps,
  type KubeObject,
  KubeObjects,
  podAnnotations,
  pods,
  RECORDER_CONTAINER,
} from '@pgtape/kube';
import { exportTracePath, GrpcClient } from '@pgtape/otlp';
import { fileStore } from '@pgtape/store';
import { startVault, type Vault, VaultConfig } from '@pgtape/vault';
import { TestReel } from '@pgtape/vault/testing';
import { until, verify } from '../probes.ts';
import { makeNamespace } from './clusterKinds.ts';
import { type ControlPlane, startControlPlane } from './controlPlane.ts';
import { type FaultyHop, startFaultyHop } from './faultyHop.ts';
import { kubectlAt } from './kubectl.ts';
import {
  clusterRoleBindings,
  makeVaultAccount,
  requestToken,
  type TokenOptions,
  vaultAudience,
  vaultKubeconfig,
} from './vaultCluster.ts';

const audience = vaultAudience;
let plane: ControlPlane;
let hop: FaultyHop;
let objects: KubeObjects;
let dir: string;
let made = 0;
const endings: (() => Promise<unknown>)[] = [];

const tokenFor = (options: TokenOptions): Promise<string> => requestToken(plane, options);

/** `database`: what the injection wrote into it; null: it was not injected. */
async function podNamed(name: string, database: string | null = 'shop/orders'): Promise<KubeObject> {
  const image = 'registry.example/x';
  const recorder = { name: RECORDER_CONTAINER, image, restartPolicy: 'Always' };
  return await objects.create(pods, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'shop',
      annotations: database === null ? {} : { [podAnnotations.by]: database },
    },
    spec: {
      ...(database !== null && { initContainers: [recorder] }),
      containers: [{ name: 'postgres', image }],
    },
  });
}

async function deletePod(name: string): Promise<void> {
  await plane.connection.request({
    method: 'DELETE',
    path: `/api/v1/namespaces/shop/pods/${name}`,
    body: { apiVersion: 'v1', kind: 'DeleteOptions', gracePeriodSeconds: 0 },
  });
}

/** The same claims, an hour ago, signed with the API server's own key. */
function expired(token: string): string {
  const [head = '', body = ''] = token.split('.');
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as Record<string, number>;
  const back = 3600;
  const { exp = 0, iat = 0, nbf = 0 } = claims;
  const older = { ...claims, exp: exp - back, iat: iat - back, nbf: nbf - back };
  const signed = `${head}.${Buffer.from(JSON.stringify(older)).toString('base64url')}`;
  const key = createPrivateKey(readFileSync(join(dirname(plane.kubeconfig), 'pki/sa.key')));
  return `${signed}.${createSign('sha256').update(signed).sign(key).toString('base64url')}`;
}

interface Place {
  readonly vault: Vault;
  readonly archive: string;
}

async function vaultWith(more: object, former?: Place): Promise<Place> {
  made += 1;
  const archive = former?.archive ?? join(dir, `archive-${made}`);
  const vault = await startVault(
    VaultConfig.parse({
      otlp: { port: 0 },
      http: { port: 0 },
      archive: { store: archive },
      log: { level: 'silent' },
      ...more,
    }),
  );
  endings.push(() => vault.close());
  return { vault, archive };
}

const byReview = (kubeconfig: string): object => ({
  enrolment: { required: true, kubernetes: {} },
  kubernetes: { kubeconfig },
});

async function send({ vault }: Place, request: Uint8Array, token: string | null): Promise<string> {
  const client = new GrpcClient({ url: `http://127.0.0.1:${vault.otlp.port}` });
  const metadata: Record<string, string> = token === null ? {} : { authorization: `Bearer ${token}` };
  const reply = await client.unary(exportTracePath, request, {
    encoding: 'identity',
    timeoutMs: 15_000,
    metadata,
  });
  await client.close();
  return reply.code === 0 ? 'ok' : `${reply.code} ${reply.message.split(':')[0]}`;
}

/** All there are in the archive. */
async function recordsOf({ archive }: Place): Promise<ParsedRecord[]> {
  const records: ParsedRecord[] = [];
  const store = fileStore(archive);
  for await (const { key } of store.list('reel/')) {
    const segment = checkSegment(decodeObject(await store.get(key)));
    if (segment.ok) records.push(...segment.records);
  }
  return records;
}

const reelOf = (name = 'shop/orders'): TestReel => new TestReel(undefined, undefined, name);
const opening = (reel: TestReel): Uint8Array =>
  reel.next([...reel.opening(), reel.statement('SELECT 1')]).request;

beforeAll(async () => {
  plane = await startControlPlane();
  hop = await startFaultyHop(plane);
  objects = new KubeObjects(plane.connection);
  dir = mkdtempSync(join(tmpdir(), 'pgtape-vault-identity-'));
  for (const name of ['shop', 'pgtape-system']) await makeNamespace(objects, name);
  await makeVaultAccount(objects);
}, 120_000);

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end().catch(() => undefined);
});

afterAll(async () => {
  await hop?.stop();
  await plane?.stop();
  rmSync(dir, { recursive: true, force: true });
}, 30_000);

describe('a recorder by the token of its pod', () => {
  it('begins a reel and goes on with it, and the verdict says which pod it was', async () => {
    const place = await vaultWith(byReview(await vaultKubeconfig(plane, plane.server, dir)));
    const pod = await podNamed('orders-0');
    const token = await tokenFor({ pod });
    const reel = reelOf();
    const first = opening(reel);
    expect([
      await send(place, first, null),
      await send(place, first, token),
      await send(place, reel.next().request, token),
    ]).toEqual(['7 not_enrolled', 'ok', 'ok']);
    // The keys are good; who has only them is not the pod.
    const stolen = reel.next([reel.statement('SELECT 2'), ...reel.closing()]).request;
    const other = await tokenFor({ pod: await podNamed('orders-1') });
    expect([await send(place, stolen, null), await send(place, stolen, other)]).toEqual([
      '7 token_missing',
      '7 other_pod',
    ]);
    expect(await send(place, stolen, token)).toBe('ok');
    await place.vault.close();
    const reels = verify(place.archive).reels as JudgedReel[];
    expect(reels.find((each) => each.reel === reel.reel)).toMatchObject({
      verdict: 'complete',
      enrolled: { method: 'kubernetes', name: 'shop/orders-0' },
    });
  });

  it('is refused by name where the token, or the pod, is not what it must be', async () => {
    const place = await vaultWith(byReview(await vaultKubeconfig(plane, plane.server, dir)));
    const said = async (token: string, name?: string): Promise<string> =>
      await send(place, opening(reelOf(name)), token);
    const pod = await podNamed('orders-2');
    const good = await tokenFor({ pod });
    const plain = await podNamed('plain-0', null);
    const elsewhere = await podNamed('bank-0', 'shop/bank');
    const [head, body] = good.split('.');
    expect({
      audience: await said(await tokenFor({ pod, audiences: ['https://kubernetes.default.svc'] })),
      unbound: await said(await tokenFor({})),
      expired: await said(expired(good)),
      signature: await said(`${head}.${body}.AAAA`),
      uninjected: await said(await tokenFor({ pod: plain })),
      database: await said(await tokenFor({ pod: elsewhere })),
      good: await said(good),
    }).toEqual({
      audience: '7 token_audience',
      unbound: '7 token_not_pod_bound',
      expired: '7 token_expired',
      signature: '7 token_invalid',
      uninjected: '7 pod_not_injected',
      database: '7 pod_of_other_database',
      good: 'ok',
    });
  });

  it('is refused when its pod is gone, whether the API server remembers the token or not', async () => {
    const place = await vaultWith(byReview(await vaultKubeconfig(plane, plane.server, dir)));
    const pod = await podNamed('orders-3');
    const [asked, unasked] = [await tokenFor({ pod }), await tokenFor({ pod, audiences: [audience, 'x'] })];
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview' };
    // Its answer is kept for ten seconds over there.
    await plane.connection.request({
      method: 'POST',
      path: '/apis/authentication.k8s.io/v1/tokenreviews',
      body: { ...body, spec: { token: asked, audiences: [audience] } },
    });
    await deletePod('orders-3');
    expect([
      await send(place, opening(reelOf()), asked),
      await send(place, opening(reelOf()), unasked),
    ]).toEqual(['7 pod_not_found', '7 pod_not_found']);
    await podNamed('orders-3');
    // Another pod of the same name is not the one that the token is bound to.
    expect(await send(place, opening(reelOf()), await tokenFor({ pod: await podNamed('orders-4') }))).toBe(
      'ok',
    );
    expect(await send(place, opening(reelOf()), asked)).toBe('7 pod_not_found');
  });

  it('leaves what it could not send to a pod of its database once it is gone', async () => {
    const place = await vaultWith(byReview(await vaultKubeconfig(plane, plane.server, dir)));
    const pod = await podNamed('orders-5');
    const reel = reelOf();
    expect(await send(place, opening(reel), await tokenFor({ pod }))).toBe('ok');
    const rest = reel.next([reel.statement('SELECT 2'), ...reel.closing()]).request;
    const heir = await tokenFor({ pod: await podNamed('orders-6') });
    expect(await send(place, rest, heir)).toBe('7 other_pod');
    await deletePod('orders-5');
    expect(await send(place, rest, heir)).toBe('ok');
  });

  it('is not kept out by tokens that somebody makes up, and the API server is asked about few of those', async () => {
    const place = await vaultWith(byReview(await vaultKubeconfig(plane, hop.url, dir)));
    const pod = await podNamed('orders-11');
    const [known, later] = [await tokenFor({ pod }), await tokenFor({ pod, audiences: [audience, 'z'] })];
    const reel = reelOf();
    expect(await send(place, opening(reel), known)).toBe('ok');
    const [head, body] = known.split('.');
    const from = hop.requests;
    const began = performance.now();
    const said = new Map<string, number>();
    for (let each = 0; each < 200; each += 1) {
      const signature = Buffer.from(`made up ${each}`).toString('base64url');
      const answer = await send(place, opening(reelOf()), `${head}.${body}.${signature}`);
      said.set(answer, (said.get(answer) ?? 0) + 1);
    }
    const seconds = Math.ceil((performance.now() - began) / 1000);
    expect([...said.keys()].sort()).toEqual(['14 reviews_limited', '7 token_invalid']);
    expect(hop.requests - from).toBe(said.get('7 token_invalid'));
    expect(hop.requests - from).toBeLessThanOrEqual(20 + seconds);
    expect(await send(place, reel.next().request, known)).toBe('ok');
    // From the same address, so it waits its turn, as its recorder does.
    const started = reelOf();
    const first = opening(started);
    await until('the other one is let in', 15_000, async () => (await send(place, first, later)) === 'ok');
    const { host, port } = place.vault.http;
    const metrics = await (await fetch(`http://${host}:${port}/metrics`)).text();
    const counted = /^pgtape_vault_token_reviews_total\{of="recorder",outcome="limited"\} (\d+)$/m.exec(
      metrics,
    );
    expect(Number(counted?.[1])).toBeGreaterThanOrEqual(said.get('14 reviews_limited') ?? 0);
  }, 60_000);

  it('is gone with its pod: its reel is crashed by the word of the vault, until more of it comes after all', async () => {
    const review = byReview(await vaultKubeconfig(plane, plane.server, dir));
    const first = await vaultWith(review);
    const pod = await podNamed('orders-20');
    const reel = reelOf();
    const heartbeat = {
      at: '1795000000000000000',
      mono: '200000000',
      kind: 'heartbeat' as const,
      opened: 1,
      closed: 0,
      statements: 1,
      open: [{ session: reel.session, n: 2 }],
    };
    const opened = reel.next([...reel.opening(), reel.statement('SELECT 1'), heartbeat]).request;
    expect(await send(first, opened, await tokenFor({ pod }))).toBe('ok');
    const crashed = (place: Place) => async (): Promise<boolean> => place.vault.status().reels.crashed === 1;
    await deletePod('orders-20');
    await until('the vault sees that the pod is gone', 20_000, crashed(first));
    await first.vault.close();
    // The next vault knows, and does not say it again.
    const second = await vaultWith(review, first);
    await until('the next vault knows', 20_000, crashed(second));
    const found = ({ archive }: Place): unknown => {
      const { code, whole, reels } = verify(archive);
      const [{ verdict, findings, sessions }] = reels as unknown as [JudgedReel];
      return {
        code,
        whole,
        verdict,
        findings: findings.map((finding) => `${finding.verdict} ${finding.reason}`),
        sessions: sessions.map((session) => session.verdict),
      };
    };
    expect(found(second)).toEqual({
      code: 1,
      whole: 'crashed',
      verdict: 'crashed',
      findings: ['crashed pod_gone'],
      sessions: ['crashed'],
    });
    const heir = await tokenFor({ pod: await podNamed('orders-21') });
    const rest = reel.next([reel.statement('SELECT 2'), ...reel.closing()]).request;
    expect(await send(second, rest, heir)).toBe('ok');
    await second.vault.close();
    expect(found(second)).toEqual({
      code: 0,
      whole: 'complete',
      verdict: 'complete',
      findings: ['complete came_back'],
      sessions: ['complete'],
    });
    const words = (await recordsOf(second)).filter(({ kind }) => kind === 'orphaned');
    expect(words).toEqual([
      expect.objectContaining({
        of_reel: reel.reel,
        of_recorder: reel.recorder,
        reason: 'pod_gone',
        pod: 'shop/orders-20',
        pod_uid: pod.metadata.uid,
        segment: 1,
      }),
    ]);
  }, 60_000);

  it('is told to come again while the API server is away, and not once it is known', async () => {
    const place = await vaultWith(byReview(await vaultKubeconfig(plane, hop.url, dir)));
    const pod = await podNamed('orders-7');
    const [known, unknown] = [await tokenFor({ pod }), await tokenFor({ pod, audiences: [audience, 'y'] })];
    const reel = reelOf();
    expect(await send(place, opening(reel), known)).toBe('ok');
    hop.answerNext(2, 503);
    expect(await send(place, opening(reelOf()), unknown)).toBe('14 api_unreachable');
    expect(await send(place, reel.next().request, known)).toBe('ok');
    hop.answerNext(0, 503);
    expect(await send(place, opening(reelOf()), unknown)).toBe('ok');
  });
});

describe('the policy in seals', () => {
  const policyOf = (letter: string): string => letter.repeat(64);
  async function publish(policy: string): Promise<void> {
    const data = {
      'shop.orders': JSON.stringify({
        configHash: 'c',
        policyHash: policy,
        at: '2026-11-27T05:00:00Z',
        history: [],
      }),
    };
    const metadata = { name: 'pgtape-published', namespace: 'pgtape-system' };
    await objects.apply(
      configMaps,
      { apiVersion: 'v1', kind: 'ConfigMap', metadata, data },
      { fieldManager: 'test', force: true },
    );
  }
  const standing = ({ vault }: Place): string[] =>
    vault
      .status()
      .alerts.filter(({ reason }) => reason === 'policy_not_published')
      .map(({ reel = '' }) => reel);

  it('is compared with what the operator published, and each change of that is a record', async () => {
    await publish(policyOf('a'));
    const place = await vaultWith({
      ...byReview(await vaultKubeconfig(plane, plane.server, dir)),
      published: { namespace: 'pgtape-system', name: 'pgtape-published', settleSeconds: 1 },
    });
    const token = await tokenFor({ pod: await podNamed('orders-10') });
    const [good, odd] = [reelOf(), reelOf()];
    good.policy = policyOf('a');
    odd.policy = policyOf('b');
    expect([await send(place, opening(good), token), await send(place, opening(odd), token)]).toEqual([
      'ok',
      'ok',
    ]);
    await until('the other one is an alert', 15_000, async () => standing(place).join() === odd.reel);
    // The ConfigMap goes, and the comparison stays.
    await objects.delete(configMaps, { namespace: 'pgtape-system', name: 'pgtape-published' });
    await publish(policyOf('b'));
    await until('what was published changed', 15_000, async () => standing(place).join() === good.reel);
    good.policy = policyOf('b');
    expect(await send(place, good.next().request, token)).toBe('ok');
    expect(standing(place)).toEqual([]);
    await place.vault.close();
    const records = await recordsOf(place);
    const published = records.filter(({ kind }) => kind === 'published');
    expect(published.map(({ database, policy }) => [database, policy])).toEqual([
      ['shop/orders', policyOf('a')],
      ['shop/orders', policyOf('b')],
    ]);
    const enrolled = records.filter(({ kind }) => kind === 'enrolment').map(({ pod_uid }) => pod_uid);
    const pod = await objects.get(pods, { namespace: 'shop', name: 'orders-10' });
    expect(enrolled).toEqual([pod.metadata.uid, pod.metadata.uid]);
  }, 60_000);
});

describe('a recorder by the published keys of the issuer', () => {
  it('is taken at the words of its token, which the record says', async () => {
    const file = join(dir, 'jwks.json');
    writeFileSync(file, kubectlAt(plane, ['get', '--raw', '/openid/v1/jwks']).out);
    const issuer = 'https://kubernetes.default.svc';
    const place = await vaultWith({ enrolment: { required: true, jwks: { issuer, file } } });
    const pod = await podNamed('orders-8');
    const token = await tokenFor({ pod });
    const reel = reelOf();
    expect([
      await send(place, opening(reelOf('bank/orders')), token),
      await send(place, opening(reelOf()), expired(token)),
      await send(place, opening(reelOf()), await tokenFor({})),
      await send(place, opening(reel), token),
      await send(place, reel.next([reel.statement('x'), ...reel.closing()]).request, token),
    ]).toEqual(['7 pod_of_other_database', '7 token_expired', '7 token_not_pod_bound', 'ok', 'ok']);
    await place.vault.close();
    const reels = verify(place.archive).reels as JudgedReel[];
    expect(reels.find((each) => each.reel === reel.reel)?.enrolled).toMatchObject({
      method: 'jwks',
      name: 'shop/orders-8',
    });
  });

  it('reads the keys from the API server, over TLS with its authority', async () => {
    await objects.create(clusterRoleBindings, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'anyone-reads-keys' },
      roleRef: {
        apiGroup: 'rbac.authorization.k8s.io',
        kind: 'ClusterRole',
        name: 'system:service-account-issuer-discovery',
      },
      subjects: [{ kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name: 'system:unauthenticated' }],
    });
    const caFile = join(dir, 'ca.crt');
    writeFileSync(caFile, plane.ca);
    const jwks = {
      issuer: 'https://kubernetes.default.svc',
      url: new URL('/openid/v1/jwks', plane.server).href,
    };
    const token = await tokenFor({ pod: await podNamed('orders-9') });
    const trusting = await vaultWith({ enrolment: { jwks: { ...jwks, caFile } } });
    const mistrusting = await vaultWith({ enrolment: { jwks } });
    expect([
      await send(trusting, opening(reelOf()), token),
      await send(mistrusting, opening(reelOf()), token),
    ]).toEqual(['ok', '14 api_unreachable']);
  });
});
