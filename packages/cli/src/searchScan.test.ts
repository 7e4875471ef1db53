import { lineBytesBound, parsePattern, writeLine } from '@pgtape/evidence';
import { drafts } from './archive.testing.ts';
import { type SearchFilter, type SessionFields, sessionTest } from './searchFilter.ts';
import { type ScanTask, searcher } from './searchScan.ts';

const head = (seq: number, kind: string, session: string) => ({
  v: 1,
  reel: 'ab'.repeat(16),
  seq,
  salt: '00'.repeat(8),
  at: '1763675738123456000',
  mono: '5',
  kind,
  session,
  n: seq,
});
const statement = (seq: number, sql: string | null, more: object = {}) => ({
  ...head(seq, 'statement', `${'ab'.repeat(8)}-1`),
  protocol: 'simple',
  sql,
  outcome: 'completed',
  stage: 'query',
  tag: 'SELECT 1',
  rows: 1,
  returned_rows: 1,
  returned_bytes: 4,
  start: '1763675738123456000',
  duration_ns: 1000,
  timing: 'exact',
  tx_before: 'I',
  tx_after: 'I',
  ...more,
});
const opened = {
  ...head(1, 'opened', `${'ab'.repeat(8)}-1`),
  client: { address: '10.0.0.7', port: 5555 },
  user: 'ada',
  database: 'shop',
  application_name: 'x',
};
const lines = [
  opened,
  statement(2, 'select "Ünï" from t'),
  statement(3, 'delete from orders\nwhere id = 1', {
    tag: 'DELETE 3',
    rows: 3,
    returned_rows: 0,
    duration_ns: 5e9,
  }),
  statement(4, 'select \'"kind":"statement"\'', {
    error: { severity: 'ERROR', sqlstate: '42601', message: 'x' },
  }),
  statement(5, null, { sql_unknown: 'portal_not_seen' }),
  { ...head(6, 'running', `${'ab'.repeat(8)}-1`), sql: 'delete from orders' },
  statement(7, 'INSERT INTO t VALUES (1)', {
    tag: 'INSERT 0 5000',
    rows: 5000,
    start: '1763679338000000000',
  }),
];
const text = Buffer.from(
  `{"header":1}\n${lines.map((line) => JSON.stringify(line)).join('\n')}\n{"seal":1}\n`,
);

const nothing: SearchFilter = {
  text: null,
  regex: null,
  tag: null,
  error: null,
  sinceMs: null,
  untilMs: null,
  slowerThanNs: null,
  rowsOver: null,
  user: null,
  database: null,
  client: null,
};
const scan = (filter: Partial<SearchFilter>, more: Partial<ScanTask> = {}) =>
  searcher({ filter: { ...nothing, ...filter }, form: 'lines', limit: null, ...more })(text);
const linesOf = (filter: Partial<SearchFilter>, more: Partial<ScanTask> = {}) =>
  Buffer.from(scan(filter, more).text).toString('utf8').split('\n').slice(0, -1);
const found = (filter: Partial<SearchFilter>) =>
  linesOf(filter).map((line) => (JSON.parse(line) as { seq: number }).seq);

describe('searching a segment', () => {
  it.each([
    { name: 'everything', filter: {}, seqs: [2, 3, 4, 5, 7] },
    { name: 'text', filter: parsePattern('from orders', false), seqs: [3] },
    { name: 'text is case sensitive', filter: parsePattern('FROM ORDERS', false), seqs: [] },
    { name: 'unless asked', filter: parsePattern('FROM ORDERS', true), seqs: [3] },
    { name: 'text with a newline', filter: parsePattern('orders\nwhere', false), seqs: [3] },
    { name: 'text with quotes and umlauts', filter: parsePattern('"Ünï"', false), seqs: [2] },
    { name: 'text that looks like structure', filter: parsePattern('"kind":"statement"', false), seqs: [4] },
    { name: 'text that stands only outside the SQL', filter: parsePattern('completed', false), seqs: [] },
    { name: 'a regular expression', filter: parsePattern('/^(delete|insert)/i', false), seqs: [3, 7] },
    { name: 'special characters as text', filter: parsePattern('VALUES (1)', true), seqs: [7] },
    { name: 'a tag', filter: { tag: 'delete' }, seqs: [3] },
    { name: 'any error', filter: { error: 'any' }, seqs: [4] },
    { name: 'a class of errors', filter: { error: '42' }, seqs: [4] },
    { name: 'another error', filter: { error: '23505' }, seqs: [] },
    { name: 'slow ones', filter: { slowerThanNs: 1e9 }, seqs: [3] },
    { name: 'many rows', filter: { rowsOver: 2 }, seqs: [3, 7] },
    { name: 'since', filter: { sinceMs: 1_763_679_338_000 }, seqs: [7] },
    { name: 'until', filter: { untilMs: 1_763_679_337_999 }, seqs: [2, 3, 4, 5] },
  ])('finds $name', ({ filter, seqs }) => {
    expect(found(filter)).toEqual(seqs);
  });

  it('gives the exact line and the sessions opened', () => {
    expect(linesOf({ tag: 'DELETE' })).toEqual([JSON.stringify(lines[2])]);
    const { opened: sessions, ends, sessionOf, sessions: ids } = scan({ tag: 'DELETE' });
    expect(sessions).toEqual([
      {
        session: `${'ab'.repeat(8)}-1`,
        user: 'ada',
        database: 'shop',
        application_name: 'x',
        client: { address: '10.0.0.7', port: 5555 },
      },
    ]);
    expect([[...ends], [...sessionOf], ids]).toEqual([
      [JSON.stringify(lines[2]).length + 1],
      [0],
      [`${'ab'.repeat(8)}-1`],
    ]);
  });

  it('stops at the limit', () => {
    expect(linesOf({}, { limit: 2 })).toEqual([lines[1], lines[2]].map((line) => JSON.stringify(line)));
  });

  it('does not stop at the limit where the session decides', () => {
    expect(linesOf({ user: 'ada' }, { limit: 2 }).length).toBe(5);
  });

  it('makes rows for people', () => {
    const rows = Buffer.from(scan({ error: 'any' }, { form: 'rows' }).text).toString('utf8');
    expect(rows.replaceAll('\u0000', '|')).toBe(
      `2025-11-20 21:55:38.123Z  ${'ab'.repeat(8)}-1#4|42601          1 µs|select '"kind":"statement"'|failed\n`,
    );
  });

  it('finds any part of any text, however it is escaped', () => {
    const reel = 'ab'.repeat(16);
    const chars = ['"', '\\', '\n', '\t', '\u0001', '\u007f', '\u2028', 'n', 'u', '0', 'é', '渋', '🐘', ' '];
    let seed = 20_261_120;
    const below = (bound: number): number => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      return seed % bound;
    };
    const anyText = (): string =>
      Array.from({ length: 1 + below(8) }, () => chars[below(chars.length)] as string).join('');
    for (let round = 0; round < 2000; round += 1) {
      const texts = [anyText(), anyText(), anyText()];
      const units = [...(texts[0] as string)];
      const from = below(units.length);
      const part = units.slice(from, from + 1 + below(4)).join('');
      const segment = texts.map((one, index) => {
        const draft = drafts.statement(`${'ab'.repeat(8)}-1`, index + 1, 0, one);
        const out = Buffer.alloc(lineBytesBound(draft));
        const end = writeLine(draft, { reel, seq: index + 1, salt: '00'.repeat(8) }, out, 0);
        return `${out.toString('utf8', 0, end)}\n`;
      });
      const task: ScanTask = { filter: { ...nothing, text: part }, form: 'lines', limit: null };
      const hits = Buffer.from(searcher(task)(Buffer.from(segment.join(''))).text).toString('utf8');
      expect(hits).toBe(segment.filter((_, index) => texts[index]?.includes(part)).join(''));
    }
  });

  it.each([
    { name: 'user', filter: { user: 'ada' }, fits: true },
    { name: 'another user', filter: { user: 'eve' }, fits: false },
    { name: 'address', filter: { client: '10.0.0.7' }, fits: true },
    { name: 'address and port', filter: { client: '10.0.0.7:5555' }, fits: true },
    { name: 'another database', filter: { user: 'ada', database: 'x' }, fits: false },
  ])('session filter: $name', ({ filter, fits }) => {
    expect(sessionTest({ ...nothing, ...filter }, opened as unknown as SessionFields)).toBe(fits);
    expect(sessionTest({ ...nothing, ...filter }, undefined)).toBe(false);
  });
});
