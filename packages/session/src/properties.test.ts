/**
 * What must hold for every sequence of messages: legal ones against a model of the server, and any bytes at
 * all.
 */
import type { DraftRecord } from '@pgtape/evidence';
import fc from 'fast-check';
import { ModelServer } from './modelServer.testing.ts';
import { type Event, eventOf, lines, Stage, startup } from './script.testing.ts';

const runs = 400;
const statements = [
  'select',
  'insert',
  'selec',
  'begin',
  'commit',
  'rollback',
  'savepoint a',
  'release a',
  'rollback to a',
];
const copies = ['copy in', 'copy in bad', 'copy in nope', 'copy in trigger'];
const sql = fc.constantFrom(...statements, 'copy out');
const statement = fc.constantFrom('-', 's1', 's2');
const portal = fc.constantFrom('-', 'p1');
/** A batch of one client: what it sends without waiting. */
const batch = fc.oneof(
  { weight: 3, arbitrary: fc.array(sql, { maxLength: 4 }).map((parts) => [`> Q ${parts.join('; ')}`]) },
  { weight: 4, arbitrary: fc.tuple(statement, sql).map(([name, text]) => [`> P ${name}|${text}`]) },
  { weight: 4, arbitrary: fc.tuple(portal, statement).map(([name, of]) => [`> B ${name}|${of}`]) },
  { weight: 4, arbitrary: fc.tuple(portal, fc.nat(1)).map(([name, rows]) => [`> E ${name} ${rows}`]) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(statement, portal, sql)
      .map(([s, p, text]) => [`> P ${s}|${text}`, `> B ${p}|${s}`, `> E ${p} 0`]),
  },
  { weight: 1, arbitrary: statement.map((name) => [`> D S ${name}`]) },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constantFrom('S', 'P'), statement).map(([kind, name]) => [`> C ${kind} ${name}`]),
  },
  { weight: 4, arbitrary: fc.constant(['> S']) },
  { weight: 1, arbitrary: fc.constant(['> H']) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom(...copies), fc.boolean(), fc.boolean(), fc.boolean())
      .map(([text, early, fail, late]) => [
        // A name of its own, so that no other Bind runs a COPY without its data.
        '> C S cp',
        `> P cp|${text}`,
        '> B -|cp',
        '> E - 0',
        ...(early ? ['> S'] : []),
        '> d 2 20',
        fail ? '> f no' : '> c',
        ...(late ? ['> d 1'] : []),
        '> S',
      ]),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(...copies).map((text) => [`> Q insert; ${text}; insert`, '> d 2 20', '> c']),
  },
);

/** The events of a session in one order they can be seen in: `pace` says how far the server lags behind. */
function session(
  batches: readonly (readonly string[])[],
  pace: readonly number[],
): { events: Event[]; server: ModelServer } {
  const server = new ModelServer();
  const events = lines(startup).map(eventOf);
  let turn = 0;
  for (const line of [...batches.flat(), '> S', '> S']) {
    events.push(eventOf(line));
    server.receive(line);
    // A COPY reads ahead: it is only let run once its data is there.
    const waits = /^> (E|Q|P|B|C|d|H)/.test(line);
    const count = waits ? 0 : (pace[turn % pace.length] ?? 1);
    turn += 1;
    for (let step = 0; step < count && !server.idle; step += 1) events.push(...server.step());
  }
  while (!server.idle) events.push(...server.step());
  return { events, server };
}

const sessions = fc
  .tuple(
    fc.array(batch, { maxLength: 25, size: 'max' }),
    fc.array(fc.nat(30), { minLength: 1, maxLength: 6 }),
  )
  .map(([batches, pace]) => session(batches, pace));

function isStatement(draft: DraftRecord): draft is Extract<DraftRecord, { kind: 'statement' }> {
  return draft.kind === 'statement';
}

/** Fate of every statement by its ordinal, told exactly once: its own, or one transaction's. */
function fates(records: readonly DraftRecord[]): Map<number, string> {
  const told = new Map<number, string>();
  const ordinals = new Set(records.filter(isStatement).map((draft) => draft.n));
  const tell = (n: number, fate: string): void => {
    if (told.has(n)) throw new Error(`${n} was decided twice`);
    told.set(n, fate);
  };
  for (const draft of records) {
    if (isStatement(draft) && draft.fate !== undefined) tell(draft.n, draft.fate);
    if (draft.kind !== 'transaction') continue;
    for (const [first, last] of draft.ranges) {
      for (let n = first; n <= last; n += 1) if (ordinals.has(n)) tell(n, draft.outcome);
    }
  }
  return told;
}

function play(events: readonly Event[], cuts: ReadonlySet<number> = new Set()): DraftRecord[] {
  const stage = new Stage();
  for (const [place, event] of events.entries()) {
    if (cuts.has(place)) stage.swap();
    stage.apply(event);
  }
  stage.apply(eventOf('close client_closed'));
  return stage.records;
}

function ordinals(records: readonly DraftRecord[]): number[] {
  return records.map((draft) => ('n' in draft ? (draft.n ?? 0) : 0));
}

describe('every legal session', () => {
  it('gives every execution one record, in order, with its outcome and text', () => {
    fc.assert(
      fc.property(sessions, ({ events, server }) => {
        const records = play(events);
        expect(records.filter((draft) => draft.kind === 'gap')).toEqual([]);
        const seen = records
          .filter(isStatement)
          .map(({ outcome, sql: text }) => ({ outcome, sql: text ?? '' }));
        const known = server.expected.map(({ outcome, sql: text }, place) => ({
          outcome,
          // What a swallowed message meant is the machine's own business.
          sql: outcome === 'skipped' || text === '' ? (seen[place]?.sql ?? '') : text,
        }));
        expect(seen).toEqual(known);
      }),
      { numRuns: runs },
    );
  });

  it('decides every statement once, and as the server did', () => {
    fc.assert(
      fc.property(sessions, ({ events, server }) => {
        const records = play(events);
        const told = fates(records);
        const decided = records.filter(isStatement).map((draft) => told.get(draft.n));
        // A block that is still open at the end is rolled back.
        const known = server.expected.map(({ fate }) => (fate === '?' ? 'rolled_back' : fate));
        expect(decided).toEqual(known);
      }),
      { numRuns: runs },
    );
  });

  it('goes on the same from a snapshot, wherever it is cut', () => {
    fc.assert(
      fc.property(sessions, fc.array(fc.nat(120), { maxLength: 8 }), ({ events }, cuts) => {
        expect(play(events, new Set(cuts))).toEqual(play(events));
      }),
      { numRuns: 200 },
    );
    fc.assert(
      fc.property(sessions, ({ events }) => {
        expect(play(events, new Set(events.keys()))).toEqual(play(events));
      }),
      { numRuns: 60 },
    );
  });
});

const letters = 'QFPBDECSHXdcfp'.split('').map((letter) => letter.charCodeAt(0));
const answers = '123ACDEGHIKNRSTVWZcdnstv'.split('').map((letter) => letter.charCodeAt(0));
const bodies = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc
    .constantFrom(
      'I',
      'T',
      'E',
      '\0',
      'x\0',
      '\0\0',
      'SELECT 1\0',
      'VERROR\0C42601\0Mno\0\0',
      'VFATAL\0C57P01\0\0',
    )
    .map((body) => Buffer.from(body)),
);
const anything: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('frontend' as const),
      tag: fc.constantFrom(...letters),
      body: bodies.map((body) => Buffer.from(body)),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('backend' as const),
      tag: fc.constantFrom(...answers),
      body: bodies.map((body) => Buffer.from(body)),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom('frontend' as const, 'backend' as const),
      tag: fc.nat(255),
      body: bodies.map((body) => Buffer.from(body)),
      bodyBytes: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('counted' as const),
      side: fc.constantFrom('frontend' as const, 'backend' as const),
      tag: fc.constantFrom(0x44, 0x64),
      frames: fc.nat(9),
      bytes: fc.nat(999),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('startup' as const),
      body: fc.uint8Array({ maxLength: 60 }).map((body) => Buffer.from(body)),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'tick' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'wait' as const, ns: 2e9 }) },
);

describe('any input', () => {
  it('never throws; ordinals are gapless, closed is the last, and every statement is decided once', () => {
    fc.assert(
      fc.property(fc.array(anything, { maxLength: 60, size: 'max' }), fc.boolean(), (events, started) => {
        const records = play(started ? [...lines(startup).map(eventOf), ...events] : events);
        expect(ordinals(records)).toEqual(records.map((_, place) => place + 1));
        expect(records[0]?.kind).toBe('opened');
        expect(records.filter(({ kind }) => kind === 'closed')).toEqual(records.slice(-1));
        const told = fates(records);
        expect(records.filter(isStatement).filter(({ n }) => !told.has(n))).toEqual([]);
      }),
      { numRuns: 1500 },
    );
  });

  it('goes on the same from a snapshot after every message', () => {
    fc.assert(
      fc.property(fc.array(anything, { maxLength: 40, size: 'max' }), (events) => {
        const all = [...lines(startup).map(eventOf), ...events];
        expect(play(all, new Set(all.keys()))).toEqual(play(all));
      }),
      { numRuns: 200 },
    );
  });
});
