/** What the leader makes for the vault, and what it leaves alone. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import {
  KubeError,
  type KubeErrorCode,
  type KubeObject,
  KubeObjects,
  type KubeRequest,
  type KubeTransport,
} from '@pgtape/kube';
import { isKnownToRecorders } from './certificateKeeper.ts';
import { bundleOf, renewed } from './certificateMaterial.ts';
import { materialOf } from './certificateSecret.ts';
import { logKeyCondition } from './logKeyCondition.ts';
import { logKeyState, newLogKeySecret } from './logKeySecret.ts';
import { OperatorConfig } from './operatorConfig.ts';
import { vaultSecrets } from './vaultSecrets.ts';

const place = { namespace: 'pgtape-system', name: 'pgtape-vault-log' };
const secretOf = (data: object): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: place,
  data,
});
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const keyPem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();
const ed25519 = keyPem(generateKeyPairSync('ed25519').privateKey);
const p256 = keyPem(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
const archiveOf = (status: object): KubeObject => ({
  apiVersion: 'pgtape.dev/v1alpha1',
  kind: 'RecordingArchive',
  metadata: { name: 'default' },
  status,
});

describe('logKeyState', () => {
  it.each([
    { name: 'nothing', secret: undefined, archive: undefined, wanted: 'make' },
    {
      name: 'an archive without a log',
      secret: undefined,
      archive: archiveOf({ logSize: 0 }),
      wanted: 'make',
    },
    {
      name: 'a log whose key is gone',
      secret: undefined,
      archive: archiveOf({ logSize: 3 }),
      wanted: 'lost',
    },
    { name: 'what the operator made', secret: newLogKeySecret(place), archive: undefined, wanted: 'kept' },
    {
      name: 'two keys',
      secret: secretOf({ 'log.key': base64(ed25519 + ed25519) }),
      archive: archiveOf({ logSize: 3 }),
      wanted: 'kept',
    },
    {
      name: 'another key',
      secret: secretOf({ 'log.key': base64(p256) }),
      archive: undefined,
      wanted: 'not_understood',
    },
    {
      name: 'another key beside a right one',
      secret: secretOf({ 'log.key': base64(ed25519 + p256) }),
      archive: undefined,
      wanted: 'not_understood',
    },
    { name: 'an empty one', secret: secretOf({}), archive: undefined, wanted: 'not_understood' },
    {
      name: 'text',
      secret: secretOf({ 'log.key': base64('x') }),
      archive: undefined,
      wanted: 'not_understood',
    },
  ])('$name: $wanted', ({ secret, archive, wanted }) => {
    expect(logKeyState(secret, archive)).toBe(wanted);
  });
});

describe('logKeyCondition', () => {
  const at = Date.UTC(2026, 10, 27, 12);
  const said = (status: string, reason: string, message: string, more: object = {}): object => ({
    type: 'LogKeyPresent',
    status,
    observedGeneration: 3,
    lastTransitionTime: '2026-11-27T12:00:00Z',
    reason,
    message,
    ...more,
  });
  const kept = said('True', 'LogKeyKept', 'Secret a/log');
  const lost = said('False', 'LogKeyLost', 'Secret a/log is gone: bring it back from a backup');
  const ready = { ...lost, type: 'Ready' };
  const earlier = { lastTransitionTime: '2026-11-01T00:00:00Z' };

  it.each([
    { name: 'about to be made', state: 'make', before: [], wanted: null },
    { name: 'never said', state: 'kept', before: [], wanted: kept },
    { name: 'said already', state: 'kept', before: [ready, { ...kept, ...earlier }], wanted: null },
    {
      name: 'of an older spec',
      state: 'kept',
      before: [{ ...kept, ...earlier, observedGeneration: 2 }],
      wanted: { ...kept, ...earlier },
    },
    { name: 'lost', state: 'lost', before: [ready, { ...kept, ...earlier }], wanted: lost },
    {
      name: 'still lost, under another name',
      state: 'lost',
      before: [{ ...lost, ...earlier, message: 'Secret a/x is gone' }],
      wanted: { ...lost, ...earlier },
    },
    { name: 'brought back', state: 'kept', before: [lost], wanted: kept },
    {
      name: 'spoilt after it was lost',
      state: 'not_understood',
      before: [{ ...lost, ...earlier }],
      wanted: said('False', 'SecretNotUnderstood', 'Secret a/log holds no Ed25519 key in PKCS #8', earlier),
    },
    { name: 'conditions that are none', state: 'kept', before: [{ type: 'x' }], wanted: kept },
  ] as const)('$name', ({ state, before, wanted }) => {
    const archive = archiveOf({ conditions: before });
    const known = { ...archive, metadata: { ...archive.metadata, generation: 3 } };
    expect(logKeyCondition(known, state, 'a/log', at)).toEqual(wanted);
  });
});

/** An API server that keeps what it is sent. */
class Kept implements KubeTransport {
  readonly sent: string[] = [];
  readonly secrets = new Map<string, KubeObject>();
  /** Of archives. */
  readonly statuses: unknown[] = [];
  readonly #refusal: KubeErrorCode | null;

  /** @param refusal of every status */
  constructor(refusal: KubeErrorCode | null = null) {
    this.#refusal = refusal;
  }

  async request({ method, path, body }: KubeRequest): Promise<unknown> {
    const object = body as KubeObject;
    this.sent.push(`${method} ${object.metadata.name}`);
    if (path.endsWith('/status')) {
      if (this.#refusal !== null) throw new KubeError(this.#refusal, path);
      this.statuses.push(object.status);
      return object;
    }
    if (method === 'POST' && this.secrets.has(object.metadata.name))
      throw new KubeError('KUBE_CONFLICT', `${path} exists`, { status: 409 });
    this.secrets.set(object.metadata.name, object);
    return object;
  }

  // biome-ignore lint/correctness/useYield: nothing is watched here
  async *lines(): AsyncGenerator<string> {
    throw new KubeError('KUBE_SERVER', 'nothing is watched here');
  }
}

describe('vaultSecrets', () => {
  const config = (certificates: object = {}): OperatorConfig =>
    OperatorConfig.parse({
      namespace: 'pgtape-system',
      image: 'image@sha256:0',
      certificates,
      vault: { url: 'https://v:4317', caSecret: 'pgtape-vault-tls', logSecret: 'pgtape-vault-log' },
    });
  const run = async (
    kept: Kept,
    told: string[],
    of = config(),
    archive?: KubeObject,
    unknown: string[] = [],
  ): Promise<unknown> =>
    await vaultSecrets(of, {
      objects: new KubeObjects(kept),
      watch: { secret: (name) => kept.secrets.get(name), archive: () => archive, unknown },
      isPublished: () => true,
      told: ({ metadata }, reason) => told.push(`${metadata.name} ${reason}`),
      wallMs: () => Date.now(),
    })(AbortSignal.timeout(10_000));

  it('makes both once, for every name of the Service', async () => {
    const [kept, told] = [new Kept(), [] as string[]];
    await run(kept, told);
    await run(kept, told);
    expect([kept.sent, told]).toEqual([['POST pgtape-vault-log', 'POST pgtape-vault-tls'], []]);
    const material = materialOf(kept.secrets.get('pgtape-vault-tls'));
    const names = [
      'pgtape-vault',
      ...['', '.svc', '.svc.cluster.local'].map((end) => `pgtape-vault.pgtape-system${end}`),
    ];
    const plan = { authority: 'a', names, nowMs: Date.now(), isBundlePublished: true };
    expect(material === null ? null : await renewed(material, plan)).toBe(material);
  });

  it('makes nothing before everything is known', async () => {
    const kept = new Kept();
    expect(await run(kept, [], config(), undefined, ['secrets'])).toEqual({ againAfterMs: 1000 });
    expect(kept.sent).toEqual([]);
  });

  it('leaves certificates to others where it is told to', async () => {
    const kept = new Kept();
    await run(kept, [], config({ issuer: 'secret' }));
    expect(kept.sent).toEqual(['POST pgtape-vault-log']);
  });

  it('leaves alone what somebody else put there, and says so', async () => {
    const [kept, told] = [new Kept(), [] as string[]];
    for (const name of ['pgtape-vault-tls', 'pgtape-vault-log'])
      kept.secrets.set(name, { ...secretOf({ x: 'AAAA' }), metadata: { ...place, name } });
    await run(kept, told);
    expect([kept.sent, told]).toEqual([
      [],
      ['pgtape-vault-log SecretNotUnderstood', 'pgtape-vault-tls SecretNotUnderstood'],
    ]);
  });

  it('makes no second key for a log that was signed by one', async () => {
    const [kept, told] = [new Kept(), [] as string[]];
    await run(kept, told, config(), archiveOf({ logSize: 12 }));
    expect([kept.sent, told]).toEqual([['POST pgtape-vault-tls', 'PATCH default'], ['default LogKeyLost']]);
    expect(kept.statuses).toEqual([
      {
        conditions: [
          {
            type: 'LogKeyPresent',
            status: 'False',
            observedGeneration: 0,
            lastTransitionTime: expect.stringMatching(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
            reason: 'LogKeyLost',
            message: 'Secret pgtape-system/pgtape-vault-log is gone: bring it back from a backup',
          },
        ],
      },
    ]);
  });

  it.each(['KUBE_NOT_FOUND', 'KUBE_CONFLICT'] as const)(
    'an archive that went meanwhile (%s) is no failure',
    async (code) => {
      const kept = new Kept(code);
      expect(await run(kept, [], config(), archiveOf({ logSize: 12 }))).toEqual({ againAfterMs: 60_000 });
    },
  );

  it('who may not write the status of the archive still makes the certificate', async () => {
    const kept = new Kept('KUBE_FORBIDDEN');
    await expect(run(kept, [], config(), archiveOf({ logSize: 12 }))).rejects.toMatchObject({
      code: 'KUBE_FORBIDDEN',
    });
    expect(kept.sent).toEqual(['POST pgtape-vault-tls', 'PATCH default']);
  });
});

describe('isKnownToRecorders', () => {
  const minute = 60_000;
  const start = Date.UTC(2026, 10, 27);
  const configMap = (ca: string, annotations: Record<string, string>): KubeObject => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'x', annotations },
    data: { 'ca.crt': ca },
  });
  const ofDatabase = { 'pgtape.dev/recorded-by': 'shop/orders' };

  it('is so once every ConfigMap has it, and was mounted', async () => {
    const material = await renewed(null, {
      authority: 'a',
      names: ['x'],
      nowMs: start,
      isBundlePublished: false,
    });
    const bundle = bundleOf(material);
    const given = configMap(bundle, ofDatabase);
    const cases = [
      isKnownToRecorders(material, start + minute, [given]),
      isKnownToRecorders(material, start + 6 * minute, [given]),
      isKnownToRecorders(material, start + 6 * minute, []),
      isKnownToRecorders(material, start + 6 * minute, [given, configMap('old', ofDatabase)]),
      isKnownToRecorders(material, start + 6 * minute, [given, configMap('', {})]),
    ];
    expect(cases).toEqual([false, true, true, false, true]);
  });
});
