import { type BackendsSeen, knownStride } from './backendBook.ts';
import {
  type ActiveBackend,
  CoverageJudge,
  type DatabaseSessions,
  type ServerSight,
} from './coverageJudge.ts';

const startMs = 1_800_000_000_000;

interface Known {
  readonly pid: number;
  readonly sinceMs?: number;
  readonly untilMs?: number;
  readonly port?: number;
}

function book(known: readonly Known[], more: Partial<BackendsSeen> = {}): BackendsSeen {
  const numbers = new Float64Array(known.length * knownStride);
  for (const [at, { pid, sinceMs = startMs, untilMs = startMs + 50, port = 0 }] of known.entries())
    numbers.set([pid, sinceMs, untilMs, 0, port], at * knownStride);
  const counts = { loggedIn: {}, recorded: 0, open: 0, uncertain: 0, unread: 0 };
  return { atMs: startMs, known: numbers, addresses: ['127.0.0.2'], ...counts, ...more };
}

const backend = (more: Partial<ActiveBackend>): ActiveBackend => ({
  pid: 7,
  user: 'ann',
  database: 'shop',
  address: '',
  port: 0,
  application: 'psql',
  startedMs: startMs + 10,
  type: 'client backend',
  ...more,
});

const sight = (
  active: readonly ActiveBackend[],
  sessions: readonly DatabaseSessions[] | null = null,
  atMs = startMs + 60_000,
): ServerSight => ({ atMs, active, sessions });

const shop = (sessions: number, resetAt = ''): DatabaseSessions[] => [
  { database: 'shop', sessions, resetAt },
];
const since = { startedMs: startMs - 1000, allow: [] };
const nobody: ReadonlySet<number> = new Set();

describe('sessions that pg_stat_activity shows', () => {
  it.each([
    { name: 'a session of ours', known: [{ pid: 7 }], active: [backend({})], bypasses: 0 },
    { name: 'nobody of ours has that pid', known: [{ pid: 8 }], active: [backend({})], bypasses: 1 },
    {
      name: 'the pid was ours, and the server has given it to somebody else',
      known: [{ pid: 7 }],
      active: [backend({ startedMs: startMs + 30_000 })],
      bypasses: 1,
    },
    {
      name: 'relayed unread: known by the connection it came on',
      known: [{ pid: 0, port: 4711, untilMs: startMs + 60_000 }],
      active: [backend({ address: '127.0.0.2', port: 4711 })],
      bypasses: 0,
    },
    {
      name: 'from the same address by another connection',
      known: [{ pid: 0, port: 4711, untilMs: startMs + 60_000 }],
      active: [backend({ address: '127.0.0.2', port: 4712 })],
      bypasses: 1,
    },
    {
      name: 'left by the recorder before',
      known: [],
      active: [backend({ startedMs: startMs - 5000 })],
      former: [7],
      bypasses: 0,
    },
    {
      name: 'its pid, but begun under this recorder',
      known: [],
      active: [backend({})],
      former: [7],
      bypasses: 1,
    },
    { name: 'a walsender past us', known: [], active: [backend({ type: 'walsender' })], bypasses: 1 },
    {
      name: 'allowed, by user and application',
      known: [],
      active: [backend({})],
      allow: [{ user: 'ann', application: 'psql' }],
      bypasses: 0,
    },
    {
      name: 'allowed, in that database',
      known: [],
      active: [backend({})],
      allow: [{ user: 'ann', database: 'shop' }],
      bypasses: 0,
    },
    {
      name: 'the same user in another database',
      known: [],
      active: [backend({})],
      allow: [{ user: 'ann', database: 'postgres' }],
      bypasses: 1,
    },
    {
      name: 'another application of that user',
      known: [],
      active: [backend({})],
      allow: [{ user: 'ann', application: 'exporter' }],
      bypasses: 1,
    },
  ])('$name', ({ known, active, bypasses, ...rest }) => {
    const { former = [], allow = [] } = rest as { former?: number[]; allow?: [] };
    const judge = new CoverageJudge();
    const found = judge.judge(sight(active), book(known), {}, new Set(former), { ...since, allow });
    expect(found).toHaveLength(bypasses);
    // What is still there is not told again, though the clocks' difference is measured anew.
    const moved = active.map((one) => ({ ...one, startedMs: one.startedMs + 2 }));
    expect(judge.judge(sight(moved), book(known), {}, new Set(former), { ...since, allow })).toEqual([]);
  });
});

describe('sessions that only pg_stat_database has counted', () => {
  const settled = startMs + 60_000;

  /** Past the doubts of the first look. */
  function begun(counted: number, loggedIn: number): CoverageJudge {
    const judge = new CoverageJudge();
    const first = judge.judge(
      sight([], shop(counted), startMs),
      book([], { loggedIn: { shop: loggedIn } }),
      {},
      nobody,
      since,
    );
    expect(first).toEqual([]);
    return judge;
  }
  const look = (
    judge: CoverageJudge,
    counted: number,
    loggedIn: number,
    more: Partial<BackendsSeen> = {},
    atMs = settled,
  ) =>
    judge.judge(
      sight([], shop(counted), atMs),
      book([], { loggedIn: { shop: loggedIn }, ...more }),
      {},
      nobody,
      since,
    );

  it('none where the server counted what we recorded, or has not yet', () => {
    const judge = begun(100, 5);
    expect(look(judge, 103, 8)).toEqual([]);
    expect(look(judge, 103, 9)).toEqual([]);
    expect(look(judge, 104, 9)).toEqual([]);
  });

  it('says how many came and went, in which database, once', () => {
    const judge = begun(100, 5);
    expect(look(judge, 103, 6)).toEqual([{ how: 'counted', sessions: 2, backend: null, database: 'shop' }]);
    expect(look(judge, 103, 6)).toEqual([]);
    expect(look(judge, 105, 7)).toEqual([{ how: 'counted', sessions: 1, backend: null, database: 'shop' }]);
  });

  it('one that activity has shown is not counted again', () => {
    const judge = begun(100, 5);
    const there = backend({ startedMs: settled - 1000 });
    const first = judge.judge(
      sight([there], shop(100), settled),
      book([], { loggedIn: { shop: 5 } }),
      {},
      nobody,
      since,
    );
    expect(first).toMatchObject([{ how: 'activity' }]);
    expect(look(judge, 101, 5, {}, settled + 10_000)).toEqual([]);
  });

  it('sessions of the recorder itself are nobody past it', () => {
    const judge = begun(100, 5);
    const found = judge.judge(
      sight([], shop(102), settled),
      book([], { loggedIn: { shop: 5 } }),
      { shop: 2 },
      nobody,
      since,
    );
    expect(found).toEqual([]);
  });

  it('a client that left while it logged in may have been counted: it is given the benefit for a while', () => {
    const judge = begun(100, 5);
    expect(look(judge, 101, 5, { uncertain: 1 })).toEqual([]);
    expect(look(judge, 102, 5, { uncertain: 1 })).toHaveLength(1);
    const later = begun(100, 5);
    expect(look(later, 100, 5, { uncertain: 1 })).toEqual([]);
    expect(look(later, 101, 5, { uncertain: 1 }, settled + 60_000)).toHaveLength(1);
  });

  it('counts that begin anew are a new base', () => {
    const judge = begun(100, 5);
    expect(look(judge, 2, 6)).toEqual([]);
    expect(look(judge, 3, 7)).toEqual([]);
    expect(look(judge, 5, 7, {}, settled + 60_000)).toMatchObject([{ sessions: 2 }]);
    const reset = judge.judge(
      sight([], shop(9, 'today'), settled + 61_000),
      book([], { loggedIn: { shop: 7 } }),
      {},
      nobody,
      since,
    );
    expect(reset).toEqual([]);
  });

  it('are not looked for where somebody is allowed past', () => {
    const judge = new CoverageJudge();
    const allowing = { ...since, allow: [{ user: 'exporter' }] };
    judge.judge(sight([], shop(1)), book([]), {}, nobody, allowing);
    expect(judge.judge(sight([], shop(9)), book([]), {}, nobody, allowing)).toEqual([]);
  });

  describe('where somebody is allowed past in one database', () => {
    const exporter = { user: 'exporter', database: 'postgres' };
    const allowing = { ...since, allow: [exporter] };
    const both = (shopped: number, exported: number): DatabaseSessions[] => [
      ...shop(shopped),
      { database: 'postgres', sessions: exported, resetAt: '' },
    ];
    const at = (
      judge: CoverageJudge,
      sessions: readonly DatabaseSessions[],
      loggedIn: Readonly<Record<string, number>>,
      { active = [], own = {}, allow = allowing, atMs = settled }: Partial<At> = {},
    ) => judge.judge(sight(active, sessions, atMs), book([], { loggedIn }), own, nobody, allow);
    interface At {
      readonly active: readonly ActiveBackend[];
      readonly own: Readonly<Record<string, number>>;
      readonly allow: typeof allowing;
      readonly atMs: number;
    }
    function started(): CoverageJudge {
      const judge = new CoverageJudge();
      at(judge, both(100, 1000), { shop: 5, postgres: 7 }, { atMs: startMs });
      return judge;
    }

    it('his short sessions are nobody past the recorder, those in other databases are', () => {
      const judge = started();
      expect(at(judge, both(100, 1240), { shop: 5, postgres: 7 })).toEqual([]);
      expect(at(judge, both(103, 1480), { shop: 6, postgres: 7 })).toEqual([
        { how: 'counted', sessions: 2, backend: null, database: 'shop' },
      ]);
      expect(at(judge, both(103, 1720), { shop: 6, postgres: 7 })).toEqual([]);
    });

    it('what is on tape, or of the recorder itself, in his database makes up for nobody in another', () => {
      const judge = started();
      const found = at(judge, both(102, 1010), { shop: 5, postgres: 17 }, { own: { postgres: 9 } });
      expect(found).toEqual([{ how: 'counted', sessions: 2, backend: null, database: 'shop' }]);
    });

    it('one of his database that is told is not one of another that is counted', () => {
      const judge = started();
      const stranger = backend({ user: 'eve', database: 'postgres', startedMs: settled - 1000 });
      const found = at(judge, both(101, 1001), { shop: 5, postgres: 7 }, { active: [stranger] });
      expect(found).toEqual([
        { how: 'activity', sessions: 1, backend: stranger, database: 'postgres' },
        { how: 'counted', sessions: 1, backend: null, database: 'shop' },
      ]);
    });

    it('counts that begin anew in his database are no new base for the others', () => {
      const judge = started();
      const reset = [...shop(102), { database: 'postgres', sessions: 1, resetAt: 'today' }];
      expect(at(judge, reset, { shop: 5, postgres: 7 })).toMatchObject([{ sessions: 2, database: 'shop' }]);
    });

    it('nothing is counted where another is allowed anywhere', () => {
      const judge = new CoverageJudge();
      const allow = { ...since, allow: [exporter, { user: 'backup' }] } as unknown as typeof allowing;
      at(judge, both(100, 1000), {}, { allow, atMs: startMs });
      expect(at(judge, both(500, 2000), {}, { allow })).toEqual([]);
    });
  });
});
