import { parsePattern, type SearchFilter, type SessionFields, sessionTest } from './searchFilter.ts';
import { searcher } from './searchScan.ts';

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
const found = (filter: Partial<SearchFilter>) =>
  searcher({ ...nothing, ...filter })(text).hits.map(({ statement: { seq } }) => seq);

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
    const { hits, opened: sessions } = searcher({ ...nothing, tag: 'DELETE' })(text);
    expect(hits.map(({ line }) => line)).toEqual([JSON.stringify(lines[2])]);
    expect(sessions.map(({ user }) => user)).toEqual(['ada']);
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
