import { FakeIo, FakeOutput } from './fakeIo.testing.ts';
import { paintFor } from './paint.ts';
import { widthOf } from './table.ts';
import { type TailRecord, tailRow } from './tailRow.ts';

const io = new FakeIo();
const plain = paintFor(io, new FakeOutput(), true);
const coloured = paintFor(io, new FakeOutput(80), true);
const head = { at: '1795212000123456000', session: 'abababababababab-3', n: 7 };
const before = '2026-11-20 22:00:00.123Z  abababababababab-3#7  ';

describe('a row of pgtape tail', () => {
  it.each<{ name: string; record: TailRecord; row: string | null }>([
    {
      name: 'a statement',
      record: {
        ...head,
        kind: 'statement',
        sql: 'select\n  1',
        tag: 'SELECT 1',
        outcome: 'completed',
        duration_ns: 1.5e6,
      },
      row: `${before}SELECT 1      1.50 ms  select 1\n`,
    },
    {
      name: 'a failed one',
      record: {
        ...head,
        kind: 'statement',
        sql: 'x',
        outcome: 'failed',
        duration_ns: 1e3,
        error: { sqlstate: '42601', message: 'm' },
      },
      row: `${before}42601            1 µs  x\n`,
    },
    {
      name: 'one of unknown text',
      record: { ...head, kind: 'statement', sql: null, outcome: 'lost', duration_ns: 1e3 },
      row: `${before}lost             1 µs  (text unknown)\n`,
    },
    {
      name: 'a running one',
      record: { ...head, kind: 'running', sql: 'select pg_sleep(9)', duration_ns: 1e9 },
      row: `${before}running        1.00 s  select pg_sleep(9)\n`,
    },
    {
      name: 'opened',
      record: { ...head, kind: 'opened', user: 'a\u001b', database: 'b' },
      row: `${before}opened by a␛ in b\n`,
    },
    {
      name: 'closed',
      record: { ...head, kind: 'closed', why: 'client_closed', duration_ns: 2e9 },
      row: `${before}closed: client closed   2.00 s\n`,
    },
    {
      name: 'a fate',
      record: { ...head, kind: 'transaction', outcome: 'rolled_back' },
      row: `${before}rolled back\n`,
    },
    {
      name: 'a gap of the reel',
      record: { at: head.at, kind: 'gap', reason: 'spool_full' },
      row: '2026-11-20 22:00:00.123Z  reel  NOT RECORDED: spool_full\n',
    },
    {
      name: 'what was left out',
      record: { lagged: 12 },
      row: '-- 12 records left out: this view is too slow\n',
    },
    { name: 'nothing of heartbeats', record: { ...head, kind: 'heartbeat' }, row: null },
    { name: 'nothing of kinds to come', record: { ...head, kind: 'novelty' }, row: null },
  ])('shows $name', ({ record, row }) => {
    expect(tailRow(record, null, plain)).toBe(row);
  });

  it('fits a terminal', () => {
    const record = { ...head, kind: 'statement', sql: 'x'.repeat(300), tag: 'SELECT 1', duration_ns: 1e6 };
    const row = tailRow(record, 100, plain)?.trimEnd() ?? '';
    expect([widthOf(row), row.endsWith('…')]).toEqual([100, true]);
    expect(tailRow(record, 100, coloured)).toContain('\u001b[32mSELECT 1      1.00 ms\u001b[39m');
  });
});
