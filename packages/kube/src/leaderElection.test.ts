import fc from 'fast-check';
import type { KubeRequest, KubeTransport } from './connection.ts';
import { KubeError } from './kubeError.ts';
import type { KubeObject } from './kubeObject.ts';
import { LeaderElection } from './leaderElection.ts';
import { VirtualTime } from './scriptedApi.testing.ts';

/** One Lease with conditional writes, as the API server keeps it. */
class LeaseServer {
  lease: KubeObject | null = null;
  #version = 0;

  answer({ method, body }: KubeRequest): unknown {
    if (method === 'GET') {
      if (this.lease === null) throw new KubeError('KUBE_NOT_FOUND', 'none', { status: 404 });
      return this.lease;
    }
    const wanted = body as KubeObject;
    const isStale =
      method === 'POST'
        ? this.lease !== null
        : this.lease?.metadata.resourceVersion !== wanted.metadata.resourceVersion;
    if (isStale) throw new KubeError('KUBE_CONFLICT', 'changed', { status: 409 });
    this.#version += 1;
    this.lease = { ...wanted, metadata: { ...wanted.metadata, resourceVersion: String(this.#version) } };
    return this.lease;
  }
}

interface Candidate {
  readonly election: LeaderElection;
  readonly told: string[];
  cut: 'no' | 'requests' | 'answers' | 'silence';
}

function candidate(name: string, server: LeaseServer, time: VirtualTime): Candidate {
  const told: string[] = [];
  const self: { cut: Candidate['cut'] } = { cut: 'no' };
  const connection: KubeTransport = {
    async request(request) {
      await Promise.resolve();
      if (self.cut === 'requests') throw new KubeError('KUBE_UNREACHABLE', 'cut');
      const answer = self.cut === 'silence' ? null : server.answer(request);
      if (self.cut === 'no') return answer;
      // As the connection does: no answer, until whoever asked gives up.
      await time.sleep(3_600_000, request.signal as AbortSignal);
      throw request.signal?.reason;
    },
    // biome-ignore lint/correctness/useYield: an election watches nothing
    async *lines() {
      throw new Error('not used');
    },
  };
  const election = new LeaderElection({
    connection,
    namespace: 'n',
    name: 'l',
    identity: name,
    pacing: time,
    events: {
      leading: () => told.push('leading'),
      lost: (why) => told.push(`lost ${why}`),
      following: (holder) => told.push(`following ${holder}`),
    },
  });
  return {
    election,
    told,
    get cut() {
      return self.cut;
    },
    set cut(value) {
      self.cut = value;
    },
  };
}

describe('LeaderElection', () => {
  it('has the first lead, the second follow, and the second lead as soon as the first stops', async () => {
    const time = new VirtualTime(() => 0.5);
    const server = new LeaseServer();
    const [a, b] = [candidate('a', server, time), candidate('b', server, time)];
    a.election.start();
    await time.pass(100);
    b.election.start();
    await time.pass(60_000);
    expect([a.told, b.told]).toEqual([['leading'], ['following a']]);
    await a.election.stop();
    await time.pass(3000);
    expect([a.told, b.told]).toEqual([
      ['leading', 'lost stopped'],
      ['following a', 'leading'],
    ]);
    await b.election.stop();
    expect(server.lease?.spec).toMatchObject({ holderIdentity: '', leaseTransitions: 1 });
  });

  it.each(['requests', 'answers', 'silence'] as const)(
    'has a leader that is cut off (%s) stop leading before another one begins',
    async (cut) => {
      const time = new VirtualTime(() => 0.5);
      const server = new LeaseServer();
      const [a, b] = [candidate('a', server, time), candidate('b', server, time)];
      a.election.start();
      await time.pass(100);
      b.election.start();
      await time.pass(10_000);
      a.cut = cut;
      const states: string[] = [];
      for (let second = 0; second < 80; second += 1) {
        await time.pass(500);
        const now = `${a.election.isLeading ? 'a' : ''}${b.election.isLeading ? 'b' : ''}`;
        if (states.at(-1) !== now) states.push(now);
      }
      expect(states).toEqual(['a', '', 'b']);
      expect(a.told).toEqual(['leading', 'lost not_renewed']);
      a.cut = 'no';
      await time.pass(20_000);
      expect([a.election.isLeading, b.election.isLeading].filter(Boolean)).toHaveLength(1);
      await Promise.all([a.election.stop(), b.election.stop()]);
    },
  );

  it('never has two leaders, whatever is cut off when', async () => {
    const cuts = fc.constantFrom<Candidate['cut']>('no', 'no', 'requests', 'answers', 'silence');
    const step = fc.record({ who: fc.nat(2), cut: cuts, ms: fc.integer({ min: 1, max: 30_000 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        let seed = 1;
        const time = new VirtualTime(() => {
          seed = (seed * 16_807) % 2_147_483_647;
          return seed / 2_147_483_647;
        });
        const server = new LeaseServer();
        const all = ['a', 'b', 'c'].map((name) => candidate(name, server, time));
        for (const one of all) one.election.start();
        for (const { who, cut, ms } of steps) {
          (all[who] as Candidate).cut = cut;
          for (let left = ms; left > 0; left -= 250) {
            await time.pass(Math.min(left, 250));
            expect(all.filter(({ election }) => election.isLeading).length).toBeLessThanOrEqual(1);
          }
        }
        for (const one of all) one.cut = 'no';
        await time.pass(60_000);
        expect(all.filter(({ election }) => election.isLeading)).toHaveLength(1);
        const stopping = Promise.all(all.map(({ election }) => election.stop()));
        await time.pass(20_000);
        await stopping;
      }),
      { numRuns: 15 },
    );
  });
});
