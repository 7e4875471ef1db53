import fc from 'fast-check';
import { KubeError } from './kubeError.ts';
import { type KubeObject, keyOf } from './kubeObject.ts';
import type { Change } from './objectStore.ts';
import { Reflector } from './reflector.ts';
import { configMaps } from './resource.ts';
import { ScriptedApi, VirtualTime } from './scriptedApi.testing.ts';

const unreachable = () => new KubeError('KUBE_UNREACHABLE', 'the connection broke');
const throttled = () => new KubeError('KUBE_THROTTLED', '429', { status: 429, retryAfterMs: 5000 });
const broken = () => new KubeError('KUBE_SERVER', '500', { status: 500 });

interface Followed {
  readonly api: ScriptedApi;
  readonly time: VirtualTime;
  readonly reflector: Reflector;
  readonly changes: Change[];
  readonly troubles: string[];
  readonly missed: number[];
  /** What someone knows who heard nothing but the changes. */
  readonly heard: Map<string, KubeObject>;
}

function follow(random: () => number = () => 0.5, limits = {}): Followed {
  const time = new VirtualTime(random);
  const api = new ScriptedApi(time);
  const changes: Change[] = [];
  const troubles: string[] = [];
  const missed: number[] = [];
  const heard = new Map<string, KubeObject>();
  const reflector = new Reflector({
    resource: configMaps,
    connection: api,
    namespace: 'n',
    pacing: time,
    limits: { page: 3, ...limits },
    events: {
      change(change) {
        changes.push(change);
        const wasThere = heard.has(change.key);
        // An addition of what is there, or a deletion of what is not, would be a lie.
        if (wasThere === (change.type === 'added')) throw new Error(`${change.type} of ${change.key}`);
        if (change.type === 'deleted') heard.delete(change.key);
        else heard.set(change.key, change.object);
      },
      trouble: (error) => troubles.push(error instanceof KubeError ? error.code : error.message),
      missed: (count) => missed.push(count),
    },
  });
  return { api, time, reflector, changes, troubles, missed, heard };
}

const versions = (objects: Iterable<KubeObject>) =>
  [...objects].map((object) => `${keyOf(object)}@${object.metadata.resourceVersion}`).sort();

describe('Reflector', () => {
  it('lists page by page, then follows changes, and tells each once', async () => {
    const { api, time, reflector, changes, troubles } = follow();
    for (let n = 0; n < 8; n += 1) api.put(`m${n}`, n);
    reflector.start();
    await time.pass(10);
    api.put('m3', 33);
    api.remove('m4');
    api.put('new', 1);
    await time.pass(10);
    await reflector.stop();
    expect(changes.map(({ type, key }) => `${type} ${key}`)).toEqual([
      ...Array.from({ length: 8 }, (_, n) => `added n/m${n}`),
      'changed n/m3',
      'deleted n/m4',
      'added n/new',
    ]);
    expect({ synced: reflector.isSynced, troubles }).toEqual({ synced: true, troubles: [] });
    expect(versions(reflector.objects)).toEqual(versions(api.objects.values()));
  });

  it.each([
    {
      name: 'a dropped connection',
      fault: (api: ScriptedApi) => api.drop(unreachable()),
      told: ['KUBE_UNREACHABLE'],
    },
    { name: 'a watch that the server ends', fault: (api: ScriptedApi) => api.endWatches(), told: [] },
    {
      name: 'a dropped connection while the history was compacted',
      fault: (api: ScriptedApi) => {
        api.drop(unreachable());
        api.put('meanwhile', 1);
        api.remove('m1');
        api.compact();
      },
      told: ['KUBE_UNREACHABLE', 'KUBE_GONE'],
    },
    {
      name: '429 and 500 on the way back',
      fault: (api: ScriptedApi) => {
        api.failing.push(throttled(), broken());
        api.drop(unreachable());
      },
      told: ['KUBE_UNREACHABLE', 'KUBE_THROTTLED', 'KUBE_SERVER'],
    },
  ])('goes on after $name', async ({ fault, told }) => {
    const { api, time, reflector, troubles, heard, missed } = follow();
    api.put('m1', 1);
    api.put('m2', 1);
    reflector.start();
    await time.pass(20_000);
    fault(api);
    api.put('m2', 2);
    await time.pass(60_000);
    api.put('later', 1);
    await time.pass(1000);
    await reflector.stop();
    expect(troubles).toEqual(told);
    expect(versions(heard.values())).toEqual(versions(api.objects.values()));
    expect(missed).toEqual([]);
  });

  it('gives a silent watch up after its idle time and watches anew', async () => {
    const { api, time, reflector, troubles, heard } = follow();
    reflector.start();
    await time.pass(1000);
    api.silent = true;
    api.put('unheard', 1);
    await time.pass(88_000);
    expect({ heard: [...heard.keys()], troubles }).toEqual({ heard: [], troubles: [] });
    await time.pass(2000);
    expect({ heard: [...heard.keys()], troubles }).toEqual({ heard: [], troubles: ['KUBE_TIMEOUT'] });
    api.silent = false;
    api.bookmark();
    await time.pass(1000);
    await reflector.stop();
    expect({ heard: [...heard.keys()], troubles }).toEqual({
      heard: ['n/unheard'],
      troubles: ['KUBE_TIMEOUT'],
    });
  });

  it('finds by its regular list what the watch did not tell, and counts it', async () => {
    const { api, time, reflector, heard, missed } = follow(() => 0, { relistMs: 60_000 });
    reflector.start();
    await time.pass(1000);
    api.swallow = 1;
    api.put('lost', 1);
    api.put('told', 1);
    await time.pass(1000);
    expect([...heard.keys()]).toEqual(['n/told']);
    await time.pass(60_000);
    api.bookmark();
    await time.pass(1000);
    await reflector.stop();
    expect({ heard: [...heard.keys()].sort(), missed }).toEqual({ heard: ['n/lost', 'n/told'], missed: [1] });
  });

  it('tells a handler that throws and goes on', async () => {
    const time = new VirtualTime(() => 0.5);
    const api = new ScriptedApi(time);
    const troubles: string[] = [];
    let calls = 0;
    const reflector = new Reflector({
      resource: configMaps,
      connection: api,
      pacing: time,
      events: {
        change() {
          calls += 1;
          throw new Error('handler');
        },
        trouble: (error) => troubles.push(error.message),
      },
    });
    reflector.start();
    await time.pass(10);
    api.put('a', 1);
    api.put('b', 1);
    await time.pass(10);
    await reflector.stop();
    expect({ calls, troubles, size: reflector.size }).toEqual({
      calls: 2,
      troubles: ['handler', 'handler'],
      size: 2,
    });
  });

  it('knows, after hours of faults, exactly what there is', async () => {
    type Doing = { readonly act: string; readonly name: string; readonly ms: number };
    const doing: fc.Arbitrary<Doing> = fc.record({
      act: fc.constantFrom(
        'put',
        'put',
        'put',
        'remove',
        'drop',
        'end',
        'gone',
        'throttle',
        'fail',
        'silent',
        'again',
      ),
      name: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g'),
      ms: fc.integer({ min: 0, max: 200_000 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(doing, { minLength: 20, maxLength: 120 }),
        fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })),
        async (doings, randoms) => {
          const { api, time, reflector, heard, troubles, missed } = follow(
            () => randoms.next().value as number,
          );
          reflector.start();
          for (const [at, { act, name, ms }] of doings.entries()) {
            if (act === 'put') api.put(name, at);
            else if (act === 'remove') api.remove(name);
            else if (act === 'drop') api.drop(unreachable());
            else if (act === 'end') api.endWatches();
            else if (act === 'gone') api.compact();
            else if (act === 'throttle') api.failing.push(throttled());
            else if (act === 'fail') api.failing.push(broken(), unreachable());
            else api.silent = act === 'silent';
            await time.pass(ms);
          }
          api.silent = false;
          await time.pass(30 * 60_000);
          await reflector.stop();
          expect(versions(heard.values())).toEqual(versions(api.objects.values()));
          expect(versions(reflector.objects)).toEqual(versions(api.objects.values()));
          expect(troubles.filter((code) => !code.startsWith('KUBE_'))).toEqual([]);
          expect(missed).toEqual([]);
        },
      ),
      { numRuns: 60 },
    );
  });
});
