import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { KubeConfig } from '@kubernetes/client-node';
import {
  accessOf,
  type Change,
  configMaps,
  EventRecorder,
  type KubeAccess,
  KubeConnection,
  KubeError,
  type KubeObject,
  KubeObjects,
  type KubeResource,
  keyOf,
  LeaderElection,
  namespaces,
  Reflector,
} from '@pgtape/kube';
import { customResourceDefinitions, serviceAccounts } from './clusterKinds.ts';
import { type ControlPlane, startControlPlane } from './controlPlane.ts';
import { type FaultyHop, startFaultyHop } from './faultyHop.ts';
import { kubectlAt } from './kubectl.ts';

let plane: ControlPlane;
let hop: FaultyHop;
let objects: KubeObjects;
/** Through the hop. */
let faulty: KubeConnection;

beforeAll(async () => {
  plane = await startControlPlane();
  hop = await startFaultyHop(plane);
  objects = new KubeObjects(plane.connection);
  const { ca } = plane;
  const limits = { requestMs: 3000, answerBytesMax: 1e7, lineBytesMax: 1e6 };
  faulty = new KubeConnection({ server: hop.url, credentials: async () => ({ ca }) }, limits);
}, 120_000);

const reflectors: Reflector[] = [];

afterAll(async () => {
  await Promise.all(reflectors.map((reflector) => reflector.stop()));
  faulty?.close();
  await hop?.stop();
  await plane?.stop();
}, 30_000);

const configMap = (namespace: string, name: string, value: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace, labels: { of: 'test' } },
  data: { value },
});

async function newNamespace(name: string): Promise<string> {
  await objects.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  return name;
}

const codeOf = async (promise: Promise<unknown>): Promise<unknown> => {
  const error = await promise.then(
    () => null,
    (failure: unknown) => failure,
  );
  return error instanceof KubeError ? error.code : error;
};

async function eventually(what: string, holds: () => boolean | Promise<boolean>, ms = 30_000): Promise<void> {
  for (const end = Date.now() + ms; Date.now() < end; ) {
    if (await holds()) return;
    await sleep(50);
  }
  throw new Error(`not within ${ms} ms: ${what}`);
}

interface Followed {
  readonly reflector: Reflector;
  readonly heard: Map<string, KubeObject>;
  readonly troubles: Set<string>;
  readonly missed: number[];
  readonly lies: string[];
}

function follow(namespace: string, idleMs: number): Followed {
  const heard = new Map<string, KubeObject>();
  const troubles = new Set<string>();
  const missed: number[] = [];
  const lies: string[] = [];
  const take = (change: Change): void => {
    if (heard.has(change.key) === (change.type === 'added')) lies.push(`${change.type} ${change.key}`);
    if (change.type === 'deleted') heard.delete(change.key);
    else heard.set(change.key, change.object);
  };
  const reflector = new Reflector({
    resource: configMaps,
    connection: faulty,
    namespace,
    labelSelector: 'of=test',
    limits: { page: 7, idleMs, watchSeconds: 5, relistMs: 20_000 },
    events: {
      change: take,
      trouble: (error) => troubles.add(error instanceof KubeError ? error.code : String(error)),
      missed: (count) => missed.push(count),
    },
  });
  reflectors.push(reflector);
  reflector.start();
  return { reflector, heard, troubles, missed, lies };
}

async function listed(namespace: string): Promise<string[]> {
  const { items } = await objects.page(configMaps, { namespace, labelSelector: 'of=test' }, 1000);
  return items.map((item) => `${keyOf(item)}@${item.metadata.resourceVersion}`).sort();
}

const known = (all: Iterable<KubeObject>): string[] =>
  [...all].map((item) => `${keyOf(item)}@${item.metadata.resourceVersion}`).sort();

describe('Reflector on a real API server', () => {
  it('knows exactly what there is after drops, half-open connections, 429, 410, 500 and restarts', async () => {
    const namespace = await newNamespace('faults');
    for (let n = 0; n < 30; n += 1) await objects.create(configMaps, configMap(namespace, `m${n}`, '0'));
    const { reflector, heard, troubles, missed, lies } = follow(namespace, 3000);
    await eventually('synced', () => reflector.isSynced);
    const faults: (() => void | Promise<void>)[] = [
      () => hop.drop(),
      () => hop.freeze(),
      () => hop.answerNext(2, 429, 1),
      () => {
        hop.answerNext(1, 410);
        hop.drop();
      },
      () => {
        hop.answerNext(3, 500);
        hop.drop();
      },
      () => plane.restartApiServer(),
    ];
    for (let round = 0; round < 24; round += 1) {
      const name = `m${(round * 7) % 40}`;
      const place = { namespace, name };
      const there = await objects.find(configMaps, place);
      if (there === null) await objects.create(configMaps, configMap(namespace, name, `${round}`));
      else if (round % 3 === 0) await objects.delete(configMaps, place, there.metadata.uid);
      else await objects.patch(configMaps, place, { data: { value: `${round}` } });
      await faults[round % faults.length]?.();
      // Some faults come while the one before is still mended.
      if (round % 4 === 3) continue;
      await objects.create(configMaps, configMap(namespace, `after${round}`, '0'));
      await eventually(
        `what came after round ${round}`,
        () => heard.has(`${namespace}/after${round}`),
        60_000,
      );
    }
    await eventually(
      'all of them',
      async () => {
        const now = await listed(namespace);
        return JSON.stringify(known(heard.values())) === JSON.stringify(now);
      },
      60_000,
    );
    await reflector.stop();
    expect({ lies, missed, store: known(reflector.objects) }).toEqual({
      lies: [],
      missed: [],
      store: await listed(namespace),
    });
    expect([...troubles].sort()).toEqual(
      expect.arrayContaining(['KUBE_THROTTLED', 'KUBE_TIMEOUT', 'KUBE_UNREACHABLE']),
    );
  }, 240_000);

  it('lists anew when etcd has compacted what the watch would go on from', async () => {
    const namespace = await newNamespace('compacted');
    await objects.create(configMaps, configMap(namespace, 'before', '0'));
    const { reflector, heard, troubles, lies } = follow(namespace, 60_000);
    await eventually('synced', () => heard.size === 1);
    await reflector.stop();
    // A version the API server has never seen in its cache: as old as the cluster.
    const lines = faulty.lines(
      {
        method: 'GET',
        path: `/api/v1/namespaces/${namespace}/configmaps`,
        query: { watch: '1', resourceVersion: '1', timeoutSeconds: '5' },
      },
      10_000,
    );
    const first: string[] = [];
    try {
      for await (const line of lines) {
        first.push(line);
        break;
      }
    } catch (error) {
      expect(error).toMatchObject({ code: 'KUBE_GONE' });
    }
    if (first[0] !== undefined)
      expect(JSON.parse(first[0])).toMatchObject({ type: 'ERROR', object: { code: 410 } });
    expect({ troubles: [...troubles], lies }).toEqual({ troubles: [], lies: [] });
  }, 60_000);
});

describe('KubeObjects on a real API server', () => {
  it('creates, finds, patches, and deletes only the object that is meant', async () => {
    const namespace = await newNamespace('objects');
    const place = { namespace, name: 'a' };
    const made = await objects.create(configMaps, configMap(namespace, 'a', '1'));
    expect(await codeOf(objects.create(configMaps, configMap(namespace, 'a', '1')))).toBe('KUBE_CONFLICT');
    const merged = await objects.patch(configMaps, place, { data: { more: '2' } });
    expect(merged.data).toEqual({ value: '1', more: '2' });
    const patched = await objects.patch(configMaps, place, [
      { op: 'test', path: '/data/more', value: '2' },
      { op: 'remove', path: '/data/more' },
    ]);
    expect(patched.data).toEqual({ value: '1' });
    expect(
      await codeOf(objects.patch(configMaps, place, [{ op: 'test', path: '/data/value', value: 'x' }])),
    ).toBe('KUBE_INVALID');
    expect(await codeOf(objects.replace(configMaps, { ...made, data: {} }))).toBe('KUBE_CONFLICT');
    expect(await codeOf(objects.delete(configMaps, place, 'another-uid'))).toBe('KUBE_CONFLICT');
    expect(await objects.delete(configMaps, place, made.metadata.uid)).toBe(true);
    expect(await objects.delete(configMaps, place)).toBe(false);
    expect(await objects.find(configMaps, place)).toBeNull();
    expect(
      (await objects.create(configMaps, configMap(namespace, 'dry', '1'), { dryRun: true })).metadata.uid,
    ).toMatch(/-/);
    expect(await objects.find(configMaps, { namespace, name: 'dry' })).toBeNull();
  });

  it('applies: owns what it names, conflicts over what others own, takes it by force, keeps fields nobody here knows', async () => {
    const group = 'test.pgtape.dev';
    const tapes: KubeResource = { group, version: 'v1', plural: 'tapes', kind: 'Tape', namespaced: true };
    const schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
    await objects.apply(
      customResourceDefinitions,
      {
        apiVersion: 'apiextensions.k8s.io/v1',
        kind: 'CustomResourceDefinition',
        metadata: { name: `tapes.${group}` },
        spec: {
          group,
          names: { plural: 'tapes', singular: 'tape', kind: 'Tape' },
          scope: 'Namespaced',
          versions: [
            {
              name: 'v1',
              served: true,
              storage: true,
              subresources: { status: {} },
              schema: { openAPIV3Schema: { type: 'object', properties: { spec: schema, status: schema } } },
            },
          ],
        },
      },
      { fieldManager: 'test' },
    );
    const namespace = await newNamespace('applies');
    const tape = (fields: object): KubeObject => ({
      apiVersion: `${group}/v1`,
      kind: 'Tape',
      metadata: { name: 't', namespace },
      ...fields,
    });
    await eventually('the kind is served', async () => {
      const code = await codeOf(objects.page(tapes, { namespace }, 1));
      return code === null;
    });
    await objects.apply(tapes, tape({ spec: { a: 1, deep: { unknown: [1, 'x'] } } }), {
      fieldManager: 'one',
    });
    await objects.apply(tapes, tape({ spec: { b: 2 } }), { fieldManager: 'two' });
    expect(await codeOf(objects.apply(tapes, tape({ spec: { a: 9 } }), { fieldManager: 'two' }))).toBe(
      'KUBE_CONFLICT',
    );
    await objects.apply(tapes, tape({ spec: { a: 9 } }), { fieldManager: 'two', force: true });
    await objects.apply(tapes, tape({ status: { seen: true } }), {
      fieldManager: 'one',
      subresource: 'status',
    });
    const { spec, status } = await objects.get(tapes, { namespace, name: 't' });
    expect({ spec, status }).toEqual({
      spec: { a: 9, deep: { unknown: [1, 'x'] } },
      status: { seen: true },
    });
  }, 60_000);
});

describe('credentials', () => {
  it('are read anew when a rotated token is refused', async () => {
    const namespace = await newNamespace('tokens');
    await objects.create(serviceAccounts, {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'op', namespace },
    });
    const answer = (await plane.connection.request({
      method: 'POST',
      path: `/api/v1/namespaces/${namespace}/serviceaccounts/op/token`,
      body: {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: { expirationSeconds: 600 },
      },
    })) as { status: { token: string } };
    const prefix = mkdtempSync(join(tmpdir(), 'pgtape-account-'));
    const dir = join(prefix, 'var/run/secrets/kubernetes.io/serviceaccount');
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, 'ca.crt'), plane.ca);
    writeFileSync(join(dir, 'namespace'), namespace);
    writeFileSync(join(dir, 'token'), 'a token of yesterday');
    const env = { ...process.env };
    process.env.KUBERNETES_SERVICE_HOST = '127.0.0.1';
    process.env.KUBERNETES_SERVICE_PORT = plane.server.port;
    try {
      const access: KubeAccess = accessOf(() => {
        const config = new KubeConfig();
        config.loadFromCluster(prefix);
        return config;
      });
      const connection = new KubeConnection(access);
      const review = () =>
        connection.request({
          method: 'POST',
          path: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
          body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
        }) as Promise<{ status: { userInfo: { username: string } } }>;
      expect(await codeOf(review())).toBe('KUBE_UNAUTHORIZED');
      writeFileSync(join(dir, 'token'), answer.status.token);
      expect((await review()).status.userInfo.username).toBe(`system:serviceaccount:${namespace}:op`);
      connection.close();
    } finally {
      process.env = env;
      rmSync(prefix, { recursive: true, force: true });
    }
  }, 60_000);
});

describe('LeaderElection on a real API server', () => {
  it('hands over when the leader is cut off, and never has two', async () => {
    const namespace = await newNamespace('election');
    const timing = { durationMs: 3000, renewDeadlineMs: 2000, retryMs: 300 };
    const told: string[] = [];
    const elect = (identity: string, connection: KubeConnection): LeaderElection => {
      const election = new LeaderElection({
        connection,
        namespace,
        name: 'operator',
        identity,
        timing,
        events: {
          leading: () => told.push(`${identity} leads`),
          lost: (why) => told.push(`${identity} lost ${why}`),
        },
      });
      election.start();
      return election;
    };
    const a = elect('a', faulty);
    await eventually('a leads', () => a.isLeading);
    const b = elect('b', plane.connection);
    await sleep(1500);
    hop.freeze();
    hop.answerNext(1000, 503);
    let both = 0;
    await eventually('b leads', () => {
      if (a.isLeading && b.isLeading) both += 1;
      return b.isLeading;
    });
    hop.answerNext(0, 503);
    await b.stop();
    await eventually('a leads again', () => a.isLeading);
    await a.stop();
    expect({ told, both }).toEqual({
      told: ['a leads', 'a lost not_renewed', 'b leads', 'b lost stopped', 'a leads', 'a lost stopped'],
      both: 0,
    });
  }, 60_000);
});

describe('EventRecorder on a real API server', () => {
  it('tells people by kubectl, and counts what happens again', async () => {
    const namespace = await newNamespace('events');
    const regarding = await objects.create(configMaps, configMap(namespace, 'db', '1'));
    const dropped: string[] = [];
    const recorder = new EventRecorder({
      connection: plane.connection,
      controller: 'pgtape.dev/operator',
      instance: 'operator-0',
      namespace,
      limits: { quietMs: 60_000, burst: 25, refillMs: 1000, updateMs: 0, kept: 100 },
      dropped: (reason, error) => dropped.push(`${reason} ${error?.message ?? ''}`),
    });
    for (let n = 0; n < 3; n += 1)
      recorder.tell({
        regarding,
        type: 'Warning',
        reason: 'BypassDetected',
        action: 'Watch',
        note: 'a session went past',
      });
    recorder.tell({
      regarding,
      type: 'Normal',
      reason: 'Injected',
      action: 'Inject',
      note: 'x'.repeat(3000),
    });
    await recorder.idle();
    const { out: text } = kubectlAt(plane, ['-n', namespace, 'get', 'events.events.k8s.io', '-o', 'json']);
    const { items } = JSON.parse(text) as {
      items: {
        reason: string;
        type: string;
        note: string;
        series?: { count: number };
        regarding: { name: string };
      }[];
    };
    expect(dropped).toEqual([]);
    expect(
      items
        .map(({ reason, type, note, series, regarding: { name } }) => ({
          reason,
          type,
          note: note.length,
          count: series?.count ?? 1,
          name,
        }))
        .sort((x, y) => (x.reason < y.reason ? -1 : 1)),
    ).toEqual([
      { reason: 'BypassDetected', type: 'Warning', note: 19, count: 3, name: 'db' },
      { reason: 'Injected', type: 'Normal', note: 1024, count: 1, name: 'db' },
    ]);
  }, 60_000);
});
