import { segmentKey } from '@pgtape/evidence';
import type { Caller } from './callers.ts';
import { actions, covers, GrantRequest, scopeOf } from './grantScope.ts';
import { type AccessRecord, type GrantBounds, Grants } from './grants.ts';
import type { Permission } from './httpConfig.ts';
import { HttpRefusal } from './httpRefusal.ts';

const session = '3f9ac01d77e2b415-12';
const reel = '3f9ac01d77e2b41500112233445566aa';
const other = 'ffffffffffffffff00112233445566aa';
const recorder = '00112233445566aa';

const caller = (may: readonly Permission[], name = 'alice'): Caller => ({
  name,
  method: 'token',
  may: new Set(may),
});
const asked = (request: object): GrantRequest => GrantRequest.parse(request);

interface Bench {
  readonly grants: Grants;
  readonly records: AccessRecord[];
  now: number;
  fails: boolean;
}

function bench(bounds: Partial<GrantBounds> = {}): Bench {
  const records: AccessRecord[] = [];
  let ids = 0;
  const made = { now: 0, fails: false, records };
  const grants = new Grants(
    { grantMs: 1000, perCallerMax: 10, perMinute: 1000, whyRequired: false, ...bounds },
    {
      now: () => made.now,
      newId: () => `grant-${++ids}`,
      record: async (access) => {
        if (made.fails) throw new Error('the disk is full at /secret/place');
        records.push(access);
      },
    },
  );
  return Object.assign(made, { grants });
}

const reasonOf = async (work: () => unknown): Promise<string> => {
  try {
    await work();
    return 'granted';
  } catch (error) {
    return (error as HttpRefusal).reason;
  }
};

describe('who may do what', () => {
  const rows = actions.flatMap((action) =>
    (['read', 'export', 'hold', 'status', 'probe'] as const).map((may) => ({ action, may })),
  );
  it.each(rows)('$may lets $action', async ({ action, may }) => {
    const { grants, records } = bench();
    const needed = action === 'export' ? 'export' : 'read';
    const outcome = await reasonOf(() => grants.open(caller([may]), asked({ action, session })));
    expect([outcome, records.length]).toEqual(may === needed ? ['granted', 1] : ['not_allowed', 0]);
  });
});

describe('Grants', () => {
  it('writes what the reader is held to before what he says himself', async () => {
    const { grants, records } = bench();
    const alice = caller(['read', 'export']);
    await grants.open(alice, asked({ action: 'search', what: 'shop.orders', why: 'case 7' }));
    await grants.open(alice, asked({ action: 'play', session }));
    await grants.open(alice, asked({ action: 'sessions', reel: '3f9a', what: 'all: nothing' }));
    const head = { who: 'alice', method: 'token' };
    expect(records).toEqual([
      { ...head, action: 'search', what: 'all: shop.orders', why: 'case 7', grant: 'grant-1' },
      { ...head, action: 'play', what: `session ${session}`, why: '', grant: 'grant-2' },
      { ...head, action: 'sessions', what: 'reel 3f9a: all: nothing', why: '', grant: 'grant-3' },
    ]);
  });

  it('gives nothing when the record fails, and does not say why to the reader', async () => {
    const made = bench();
    made.fails = true;
    const open = made.grants.open(caller(['read']), asked({ action: 'search' }));
    await expect(open).rejects.toEqual(
      new HttpRefusal('access_not_recorded', 'this reading cannot be recorded now, so it is refused', 5),
    );
    expect(await reasonOf(() => made.grants.find(caller(['read']), 'grant-1'))).toBe('grant_unknown');
    expect(made.grants.live).toBe(0);
  });

  it('gives the grant only when the record is durable', async () => {
    let durable: () => void = () => {};
    const grants = new Grants(
      { grantMs: 1000, perCallerMax: 10, perMinute: 1000, whyRequired: false },
      { now: () => 0, newId: () => 'id', record: () => new Promise<void>((resolve) => (durable = resolve)) },
    );
    const alice = caller(['read']);
    const opening = grants.open(alice, asked({ action: 'search' }));
    expect(await reasonOf(() => grants.find(alice, 'id'))).toBe('grant_unknown');
    durable();
    expect((await opening).id).toBe('id');
    expect(grants.find(alice, 'id').action).toBe('search');
  });

  it.each([
    { name: 'his own', who: 'alice', id: 'grant-1', after: 999, outcome: 'granted' },
    { name: 'an expired one', who: 'alice', id: 'grant-1', after: 1000, outcome: 'grant_expired' },
    { name: "somebody else's", who: 'bob', id: 'grant-1', after: 0, outcome: 'grant_unknown' },
    { name: 'a forged one', who: 'alice', id: 'grant-2', after: 0, outcome: 'grant_unknown' },
    { name: 'none', who: 'alice', id: undefined, after: 0, outcome: 'grant_unknown' },
    { name: 'what every object has', who: 'alice', id: '__proto__', after: 0, outcome: 'grant_unknown' },
  ])('finds $name: $outcome', async ({ who, id, after, outcome }) => {
    const made = bench();
    await made.grants.open(caller(['read']), asked({ action: 'search' }));
    made.now += after;
    expect(await reasonOf(() => made.grants.find(caller(['read'], who), id))).toBe(outcome);
  });

  it('serves no longer who may no longer', async () => {
    const { grants } = bench();
    await grants.open(caller(['read']), asked({ action: 'search' }));
    expect(await reasonOf(() => grants.find(caller(['export']), 'grant-1'))).toBe('not_allowed');
  });

  it("ends the oldest of a caller who has too many, and nobody else's", async () => {
    const { grants } = bench({ perCallerMax: 2 });
    await grants.open(caller(['read'], 'bob'), asked({ action: 'search' }));
    for (let i = 0; i < 3; i += 1) await grants.open(caller(['read']), asked({ action: 'search' }));
    const found = await Promise.all(
      [1, 2, 3, 4].map((i) =>
        reasonOf(() => grants.find(caller(['read'], i === 1 ? 'bob' : 'alice'), `grant-${i}`)),
      ),
    );
    expect([found, grants.live]).toEqual([['granted', 'grant_unknown', 'granted', 'granted'], 3]);
  });

  it('gives so many in a minute, then one as time passes', async () => {
    const made = bench({ perMinute: 2 });
    const open = () => reasonOf(() => made.grants.open(caller(['read']), asked({ action: 'search' })));
    expect([await open(), await open(), await open()]).toEqual(['granted', 'granted', 'too_many_grants']);
    made.now += 29_000;
    expect(await open()).toBe('too_many_grants');
    made.now += 1000;
    expect([await open(), await open()]).toEqual(['granted', 'too_many_grants']);
    expect(await reasonOf(() => made.grants.open(caller(['read'], 'bob'), asked({ action: 'search' })))).toBe(
      'granted',
    );
  });

  it.each([
    { why: '', outcome: 'why_required' },
    { why: ' \t', outcome: 'why_required' },
    { why: 'TICKET-1', outcome: 'granted' },
  ])('where a reason is asked for, takes "$why": $outcome', async ({ why, outcome }) => {
    const { grants } = bench({ whyRequired: true });
    expect(await reasonOf(() => grants.open(caller(['read']), asked({ action: 'search', why })))).toBe(
      outcome,
    );
  });
});

describe('scope', () => {
  const own = segmentKey(recorder, reel, 1);
  const others = segmentKey(recorder, other, 1);
  const objects = [
    own,
    others,
    'reel/stranger',
    `quarantine/${reel}/1`,
    `quarantine/${other}/1`,
    'log/checkpoint',
  ];
  it.each([
    { request: { action: 'play', session }, covered: [own, 'log/checkpoint'] },
    { request: { action: 'export', session }, covered: [own, 'log/checkpoint'] },
    { request: { action: 'search', reel: '3f9a' }, covered: [own, 'log/checkpoint'] },
    { request: { action: 'search', reel: other }, covered: [others, 'log/checkpoint'] },
    { request: { action: 'sessions' }, covered: [own, others, 'reel/stranger', 'log/checkpoint'] },
    { request: { action: 'export' }, covered: [own, others, 'reel/stranger', 'log/checkpoint'] },
    { request: { action: 'verify' }, covered: objects },
    { request: { action: 'verify', reel }, covered: [own, `quarantine/${reel}/1`, 'log/checkpoint'] },
  ])('$request covers what is his', ({ request, covered }) => {
    const scope = scopeOf(asked(request));
    expect(objects.filter((key) => scope !== null && covers(scope, key))).toEqual(covered);
  });

  it.each([
    { action: 'play' },
    { action: 'play', reel: '3f9a' },
    { action: 'export', session, reel },
    { action: 'tail', reel },
  ])('refuses $action of $reel', (request) => {
    expect(scopeOf(asked(request))).toBeNull();
  });

  it.each([
    { name: 'an unknown action', request: { action: 'read' } },
    { name: 'no session id', request: { action: 'play', session: 'last' } },
    { name: 'a part of one', request: { action: 'play', session: '3f9a-12' } },
    { name: 'a long text', request: { action: 'search', what: 'x'.repeat(1001) } },
    { name: 'an unknown field', request: { action: 'search', scope: 'all' } },
    { name: 'no reel', request: { action: 'search', reel: '../..' } },
  ])('does not take $name', ({ request }) => {
    expect(GrantRequest.safeParse(request).success).toBe(false);
  });
});
