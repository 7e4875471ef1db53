/**
 * For the model check: sequences of a client's messages, legal and not, as fast-check makes and shrinks them. Every `#` in a text is a
 * number of its own, so that a reply can be told to be a statement's; the statements themselves say what they are for.
 */
import fc from 'fast-check';

/** What a client does: messages in one go, and how it goes on. */
export interface Move {
  readonly lines: readonly string[];
  /** `quiet`: waits until nothing more comes for a moment; `turn`: one turn of the event loop; `none`: at once. */
  readonly pause: 'none' | 'turn' | 'quiet';
}

/** `plain`: protocol 3.0; `3.2`; `walsender`: a replication connection to a database. */
export type SessionKind = 'plain' | '3.2' | 'walsender';

export interface Sequence {
  readonly moves: readonly Move[];
  /** Sizes of the pieces in which a move is sent; empty: in one. */
  readonly sizes: readonly number[];
  readonly session: SessionKind;
  /** `terminate`: leaves in order, with nothing left open; `half_close`: just says no more, whatever is open. */
  readonly ending: 'terminate' | 'half_close';
}

/** Made anew in every session: what a Query may touch and nobody else sees. */
export const prelude =
  'create temp table late (i int unique deferrable initially deferred); create temp table c (i int primary key)';

/** Made once in every database. `run` tells the sessions apart. */
export const schema = [
  "create table mark (run text default current_setting('pgtape.run'), k int)",
  'create index on mark (run)',
  "create procedure keep(k int) language sql as 'insert into mark (k) values (k)'",
  ...['commit', 'rollback'].map(
    (end) =>
      `create procedure keep_${end}(k int) language plpgsql as $$ begin insert into mark (k) values (k); ${end}; end $$`,
  ),
  'create procedure keep_fail(k int) language plpgsql as ' +
    "$$ begin insert into mark (k) values (k); commit; insert into mark (k) values (-k); raise 'k%', k; end $$",
  "create procedure out_of(k int, inout v text) language plpgsql as $$ begin v := 'k' || k; end $$",
];

/** Stands for the name of the one transaction that a sequence may prepare. */
export const gidWord = '{gid}';

const reads = [
  "select 'k#'",
  "select 'k#' from generate_series(1, 3)",
  "select 'k#', 1 / (2 - g) from generate_series(1, 3) g",
  "select 1/0, 'k#'",
  'selec k#',
  "select nope, 'k#'",
  '',
  '-- k#',
];
const writes = [
  "insert into mark (k) values (#) returning 'k#'",
  "insert into mark (k) values (#) returning 'k#'",
  'insert into late values (1), (1)',
  'insert into late values (#)',
  "do $$ begin raise notice 'k#'; end $$",
  'do $$ begin insert into late values (#), (#); end $$',
  "savepoint a; insert into mark (k) values (#) returning 'k#'; rollback to a",
];
const transactions = [
  'begin',
  'begin',
  'commit',
  'commit',
  'rollback',
  'savepoint a',
  'rollback to a',
  'release a',
  'commit and chain',
  'set constraints all immediate',
  'set local work_mem = 1024',
];
const sessions = [
  "prepare q as select 'k#'",
  'execute q',
  'deallocate q',
  'deallocate all',
  'discard all',
  "declare p cursor for select 'k#' from generate_series(1, 5)",
  "declare h cursor with hold for select 'k#' from generate_series(1, 3)",
  'fetch 2 from p',
  'move 1 from p',
  'close p',
  'close all',
  'listen news',
  "notify news, 'k#'",
  'unlisten *',
  "set application_name = 'a#'",
  'reset all',
  "copy (select 'k#' from generate_series(1, 2)) to stdout",
  'vacuum mark',
  'do $$ begin insert into late values (#); commit; insert into late values (#); rollback; end $$',
  'show work_mem',
];
const calls = [
  'call keep(#)',
  'call keep_commit(#)',
  'call keep_rollback(#)',
  'call keep_fail(#)',
  'call out_of(#, null)',
];
const preparedTransactions = [
  `prepare transaction '${gidWord}'`,
  `prepare transaction '${gidWord}'`,
  `commit prepared '${gidWord}'`,
  `rollback prepared '${gidWord}'`,
  "commit prepared 'nobody'",
];
/** A value says what encoding it was sent in, and its last letters are, byte for byte, those of the text where both had the same. */
export const encodedText = "select current_setting('client_encoding') || ' é#'";
const encodings = [
  ...['latin1', 'utf8', 'win1251', 'sjis'].map((name) => `set client_encoding = ${name}`),
  encodedText,
  encodedText,
  encodedText,
];
const copies = ['copy c from stdin', 'copy nowhere from stdin', 'copy c (nope) from stdin'];
const parameters = [
  { sql: "select concat('k', $1::text)", value: '#' },
  { sql: "insert into mark (k) values ($1::int) returning concat('k', $1::text)", value: '#' },
  { sql: 'select 1 / $1::int', value: '0' },
  { sql: 'select $1::int', value: 'no number' },
];

const sql = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...reads) },
  { weight: 5, arbitrary: fc.constantFrom(...writes) },
  { weight: 4, arbitrary: fc.constantFrom(...transactions) },
  { weight: 3, arbitrary: fc.constantFrom(...sessions) },
  { weight: 1, arbitrary: fc.constantFrom(...calls) },
  { weight: 1, arbitrary: fc.constantFrom(...preparedTransactions) },
  { weight: 1, arbitrary: fc.constantFrom(...encodings) },
);
/** Text of one statement: a Parse takes no more. */
const single = sql.filter((text) => !text.includes('; ') || text.includes('$$'));
const statement = fc.constantFrom('-', '-', 's', 'q');
const portal = fc.constantFrom('-', '-', 'p');
const maxRows = fc.constantFrom(0, 0, 0, 1, 2);
const sync = fc.constantFrom<readonly string[]>(['S'], ['S'], ['S'], ['H'], [], []);
const data = fc.array(fc.constantFrom('d 1', 'd 2', 'd 2', 'd x', 'd #', 'H', 'S'), { maxLength: 4 });
const copyEnd = fc.constantFrom<readonly string[]>(
  ['c'],
  ['c'],
  ['f no'],
  ['c', 'd 7', 'c'],
  ['c', 'f late'],
);

const extended = fc
  .tuple(statement, portal, single, maxRows, fc.boolean(), sync)
  .map(([s, p, text, rows, describes, end]) => [
    `P ${s}|${text}`,
    ...(describes ? [`D S ${s}`] : []),
    `B ${p}|${s}`,
    ...(describes ? [`D P ${p}`] : []),
    `E ${p} ${rows}`,
    ...end,
  ]);
const withParameter = fc
  .tuple(statement, portal, fc.constantFrom(...parameters), fc.nat(2), sync)
  .map(([s, p, { sql: text, value }, times, end]) => [
    `P ${s}|${text}`,
    ...Array.from({ length: times + 1 }, () => [
      `B ${p}|${s}|${value}`,
      `E ${p}`,
      ...(p === '-' ? [] : [`C P ${p}`]),
    ]).flat(),
    ...end,
  ]);
const copyExtended = fc
  .tuple(fc.constantFrom(...copies), fc.boolean(), data, copyEnd, sync)
  .map(([text, early, rows, end, last]) => [
    'C S cp',
    `P cp|${text}`,
    'B -|cp',
    'E -',
    ...(early ? ['S'] : []),
    ...rows,
    ...end,
    ...last,
  ]);
const copySimple = fc
  .tuple(fc.constantFrom(...copies), fc.option(single, { nil: '' }), data, copyEnd)
  .map(([text, next, rows, end]) => [`Q ${text}${next === '' ? '' : `; ${next}`}`, ...rows, ...end]);
const malformed = fc
  .tuple(fc.constantFrom(...'QPBDECFSH'), fc.uint8Array({ maxLength: 12 }))
  .map(([tag, body]) => [`!${tag} ${Buffer.from(body).toString('hex')}`]);

const lines: fc.Arbitrary<readonly string[]> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.array(sql, { minLength: 1, maxLength: 4 }).map((texts) => [`Q ${texts.join('; ')}`]),
  },
  { weight: 8, arbitrary: extended },
  { weight: 4, arbitrary: withParameter },
  { weight: 2, arbitrary: copyExtended },
  { weight: 2, arbitrary: copySimple },
  { weight: 2, arbitrary: fc.tuple(portal, maxRows).map(([p, rows]) => [`E ${p} ${rows}`]) },
  { weight: 2, arbitrary: fc.tuple(portal, statement).map(([p, s]) => [`B ${p}|${s}`]) },
  { weight: 2, arbitrary: fc.tuple(statement, single).map(([s, text]) => [`P ${s}|${text}`]) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom('D', 'C'), fc.constantFrom('S', 'P'), fc.constantFrom('-', 's', 'p', 'q', 'h'))
      .map(([m, what, name]) => [`${m} ${what} ${name}`]),
  },
  { weight: 4, arbitrary: fc.constant(['S']) },
  { weight: 2, arbitrary: fc.constant(['H']) },
  { weight: 1, arbitrary: fc.constantFrom(['c'], ['f no'], ['d 5'], ['d 6', 'c']) },
  { weight: 1, arbitrary: fc.constantFrom(['F 1397|-5'], ['F 1397|x'], ['F 0|'], ['F 1397|']) },
  { weight: 1, arbitrary: malformed },
);
const rare: fc.Arbitrary<readonly string[]> = fc.constantFrom(['X'], ['!y 00'], ['!Z 49'], ['!p 00']);

/** What is kept in one transaction, prepared, and decided in another. */
const inTwoPhases = fc
  .tuple(
    fc.constantFrom("insert into mark (k) values (#) returning 'k#'", 'call keep(#)'),
    fc.array(sql, { maxLength: 1 }),
    fc.array(fc.constantFrom(...preparedTransactions), { maxLength: 2 }),
  )
  .map(([text, more, ends]) =>
    ['begin', text, ...more, `prepare transaction '${gidWord}'`, ...ends].map((one) => `Q ${one}`),
  );
const inAnEncoding = fc
  .tuple(fc.constantFrom(...encodings), statement, fc.constantFrom('; ', ';\n'))
  .map(([text, s, between]) => [
    `Q ${text}${between}${encodedText}`,
    `P ${s}|${encodedText}`,
    `B -|${s}`,
    'E -',
    'S',
    `Q ${encodedText}`,
  ]);
const walsender = fc.constantFrom<readonly string[]>(
  ['Q CREATE_REPLICATION_SLOT w# TEMPORARY PHYSICAL'],
  ['Q CREATE_REPLICATION_SLOT w TEMPORARY PHYSICAL'],
  ['Q DROP_REPLICATION_SLOT w'],
  ['Q READ_REPLICATION_SLOT w'],
  ['Q TIMELINE_HISTORY 9'],
  ['Q SHOW work_mem'],
  ['Q START_REPLICATION SLOT nowhere LOGICAL 0/0'],
  ['Q START_REPLICATION what'],
  ['Q BASE_BACKUP (nope)'],
  ['P -|select 1', 'S'],
  ['B -|-', 'E -', 'S'],
  ['F 1397|-5'],
);

const allLines = fc.oneof(
  { weight: 110, arbitrary: lines },
  { weight: 4, arbitrary: inTwoPhases },
  { weight: 6, arbitrary: inAnEncoding },
  { weight: 1, arbitrary: rare },
);
const moveOf = (arbitrary: fc.Arbitrary<readonly string[]>): fc.Arbitrary<Move> =>
  fc.record({ lines: arbitrary, pause: fc.constantFrom<Move['pause']>('none', 'none', 'turn', 'quiet') });
const movesOf = (arbitrary: fc.Arbitrary<readonly string[]>): fc.Arbitrary<Move[]> =>
  fc.array(moveOf(arbitrary), { minLength: 1, maxLength: 14, size: 'max' });

const spoken: fc.Arbitrary<Pick<Sequence, 'moves' | 'session'>> = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({
      moves: movesOf(allLines),
      session: fc.constantFrom<SessionKind>('plain', 'plain', '3.2'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      moves: movesOf(fc.oneof({ weight: 2, arbitrary: walsender }, { weight: 1, arbitrary: lines })),
      session: fc.constant<SessionKind>('walsender'),
    }),
  },
);

export const sequences: fc.Arbitrary<Sequence> = fc
  .tuple(
    spoken,
    fc.record({
      sizes: fc.oneof(
        { weight: 3, arbitrary: fc.constant<readonly number[]>([]) },
        { weight: 1, arbitrary: fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 4 }) },
      ),
      ending: fc.constantFrom<Sequence['ending']>('terminate', 'terminate', 'terminate', 'half_close'),
    }),
  )
  .map(([said, sent]) => numbered({ ...said, ...sent }));

/** Gives every `#` its number; a Query's or Parse's all have the same one in one statement. */
function numbered({ moves, ...rest }: Sequence): Sequence {
  let next = 0;
  const number = (text: string): string =>
    text
      .split('; ')
      .map((one) => {
        next += 1;
        return one.replaceAll('#', String(next));
      })
      .join('; ');
  return { moves: moves.map((one) => ({ ...one, lines: one.lines.map(number) })), ...rest };
}

/** A sequence as a person reads it. */
export function told({ moves, sizes, session, ending }: Sequence): string {
  const text = moves
    .map((one) => [...one.lines.map((line) => `  > ${line}`), `  ${one.pause}`].join('\n'))
    .join('\n');
  return `${session}, pieces of ${sizes.length === 0 ? 'a move' : sizes.join(', ')} bytes\n${text}\n  ${ending}`;
}
