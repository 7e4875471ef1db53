import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { anyDraft, anyText, kinds } from './arbitraries.testing.ts';
import { LINE_BYTES_MAX } from './formatNumbers.ts';
import { lineBytesBound, writeLine } from './line.ts';
import { type DraftOf, type DraftRecord, RecordLine, type RecordOf } from './record.ts';

const sealed = { reel: '0123456789abcdef0123456789abcdef', seq: 7, salt: '00112233445566ff' };

const statement: DraftOf<'statement'> = {
  at: '1763676000123456000',
  mono: '123456789',
  kind: 'statement',
  session: '0123456789abcdef-1',
  n: 2,
  protocol: 'extended',
  sql: 'SELECT abalance FROM pgbench_accounts WHERE aid = $1;',
  statement: 'P0_1',
  portal: '',
  params: [{ v: '42', enc: 'text', format: 'text', type: 'integer', oid: 23, len: 2 }],
  outcome: 'completed',
  stage: 'execute',
  tag: 'SELECT 1',
  rows: 1,
  returned_rows: 1,
  returned_bytes: 11,
  start: '1763676000123456000',
  first_ns: 1000,
  duration_ns: 2000,
  timing: 'exact',
  tx_before: 'I',
  tx_after: 'I',
  fate: 'committed',
};

function written(draft: DraftRecord): string {
  const out = Buffer.alloc(LINE_BYTES_MAX + 16, 0x2e);
  const end = writeLine(draft, sealed, out, 3);
  expect(out.toString('latin1', 0, 3)).toBe('...');
  expect(out.toString('latin1', end, end + 3)).toBe('...');
  expect(end - 3).toBeLessThanOrEqual(lineBytesBound(draft));
  return out.toString('utf8', 3, end);
}

const sha256Of = (text: string) => createHash('sha256').update(text).digest('hex');

const oracle = (draft: DraftRecord) => JSON.stringify(RecordLine.parse({ v: 1, ...sealed, ...draft }));

describe('writeLine', () => {
  it('writes a prepared statement', () => {
    expect(written(statement)).toBe(
      '{"v":1,"reel":"0123456789abcdef0123456789abcdef","seq":7,"salt":"00112233445566ff","at":"1763676000123456000","mono":"123456789","kind":"statement","session":"0123456789abcdef-1","n":2,"protocol":"extended","sql":"SELECT abalance FROM pgbench_accounts WHERE aid = $1;","statement":"P0_1","portal":"","params":[{"v":"42","enc":"text","format":"text","type":"integer","oid":23,"len":2}],"outcome":"completed","stage":"execute","tag":"SELECT 1","rows":1,"returned_rows":1,"returned_bytes":11,"start":"1763676000123456000","first_ns":1000,"duration_ns":2000,"timing":"exact","tx_before":"I","tx_after":"I","fate":"committed"}',
    );
  });

  it.each(kinds.map((kind) => ({ kind })))(
    'writes any $kind as JSON.stringify of the parsed record',
    ({ kind }) => {
      fc.assert(
        fc.property(anyDraft(kind), (draft) => {
          expect(written(draft)).toBe(oracle(draft));
        }),
        { numRuns: kind === 'statement' ? 600 : 150 },
      );
    },
  );

  it('tells prepared statements of one text apart by name and portal, whatever came before', () => {
    const names = fc.constantFrom('', 'a', 'b');
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom('SELECT 1', 'SELECT "2"'), names, names)), (steps) => {
        for (const [sql, name, portal] of steps) {
          const draft = { ...statement, sql, statement: name, portal };
          expect(written(draft)).toBe(oracle(draft));
        }
      }),
    );
  });

  it('forgets texts it has seen, and still writes them right', () => {
    for (let i = 0; i < 1200; i++) {
      const draft = { ...statement, sql: `SELECT ${i % 600}` };
      expect(written(draft)).toBe(oracle(draft));
    }
  });

  it('escapes as JSON.stringify', () => {
    const everyUnit = Array.from({ length: 0x10000 / 256 }, (_, row) =>
      String.fromCharCode(...Array.from({ length: 256 }, (_, column) => row * 256 + column)),
    );
    for (const sql of [...everyUnit, '\ud83d\ude00', '\ude00\ud83d', 'a\ud83d', '\udfff']) {
      const draft = { ...statement, sql };
      expect(written(draft)).toBe(oracle(draft));
    }
  });

  it('follows a change of reel', () => {
    const out = Buffer.alloc(2048);
    for (const reel of ['a'.repeat(32), 'b'.repeat(32), 'a'.repeat(32)]) {
      const end = writeLine(statement, { ...sealed, reel }, out, 0);
      expect(JSON.parse(out.toString('utf8', 0, end)).reel).toBe(reel);
    }
  });
});

describe('writeLine of what does not fit', () => {
  const long = 'x'.repeat(LINE_BYTES_MAX);
  const parsed = (draft: DraftRecord) => {
    const text = written(draft);
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(LINE_BYTES_MAX);
    expect(written(draft)).toBe(text);
    return RecordLine.parse(JSON.parse(text));
  };

  it('cuts sql first and says so', () => {
    expect(parsed({ ...statement, sql: long })).toEqual({
      v: 1,
      ...sealed,
      ...statement,
      sql: 'x'.repeat(65_536),
      sql_cut: { len: 1_048_576, sha256: sha256Of(long) },
    });
  });

  it('keeps what an earlier cut said', () => {
    const sql_cut = { len: 9_000_000, sha256: 'ab'.repeat(32) };
    expect(parsed({ ...statement, sql: long, sql_cut })).toEqual(expect.objectContaining({ sql_cut }));
  });

  it('cuts between characters', () => {
    const line = parsed({ ...statement, sql: `x${'😀'.repeat(300_000)}` });
    expect(line.kind === 'statement' && line.sql).toBe(`x${'😀'.repeat(16_383)}`);
  });

  it('cuts parameters after sql, with the hash of the wire bytes where it still has them', () => {
    const v = 'y'.repeat(600_000);
    const param = { v, enc: 'text', format: 'text', type: 'text', oid: 25, len: 600_000 } as const;
    const line = parsed({ ...statement, params: [param, { ...param, format: 'binary', len: 12 }] });
    const cut = { v: 'y'.repeat(65_536), cut: true };
    expect(line.kind === 'statement' && line.params).toEqual([
      { ...param, ...cut, sha256: sha256Of(v) },
      { ...param, ...cut, format: 'binary', len: 12 },
    ]);
  });

  it('drops parameters last, by a rule it names', () => {
    const params = Array.from({ length: 20_000 }, () => statement.params![0]!);
    const { params: _, ...rest } = statement;
    expect(parsed({ ...statement, params, redacted: ['password'] })).toEqual({
      v: 1,
      ...sealed,
      ...rest,
      redacted: ['password', 'line_limit'],
    });
  });

  it('counts the held objects that have no room', () => {
    const object = { key: 'k'.repeat(90), version: 'v'.repeat(1024), sessions: [] };
    const line = parsed({
      at: '1',
      mono: '1',
      kind: 'held',
      hold: 'a',
      objects: Array.from({ length: 3000 }, () => object),
      objects_more: 7,
    });
    const { objects, objects_more: more = 0 } = line as RecordOf<'held'>;
    expect([objects.length > 100, objects.length + more]).toEqual([true, 3007]);
    expect(objects[0]).toEqual(object);
  });

  it.each<{ name: string; draft: DraftRecord }>([
    { name: 'control characters only', draft: { ...statement, sql: '\u0000'.repeat(400_000) } },
    {
      name: 'every text of a statement',
      draft: { ...statement, sql: long, statement: long, portal: long, tag: long, traceparent: long },
    },
    {
      name: 'an error',
      draft: {
        ...statement,
        error: { severity: long, sqlstate: '22000', message: long, detail: long, hint: long },
      },
    },
    { name: 'rules', draft: { ...statement, redacted: Array.from({ length: 200_000 }, () => 'password') } },
    {
      name: 'a running statement',
      draft: {
        at: '1',
        mono: '1',
        kind: 'running',
        session: '0123456789abcdef-1',
        n: 1,
        protocol: 'simple',
        sql: long,
        runs: { name: 'x', sql: long },
        start: '1',
        duration_ns: 1,
        redacted: Array.from({ length: 200_000 }, () => 'password'),
      },
    },
    { name: 'a gap', draft: { at: '1', mono: '1', kind: 'gap', reason: 'decode_lost', detail: long } },
    {
      name: 'ranges',
      draft: {
        at: '1',
        mono: '1',
        kind: 'transaction',
        session: '0123456789abcdef-1',
        n: 300_000,
        outcome: 'committed',
        implicit: false,
        ranges: Array.from({ length: 150_000 }, (_, i): [number, number] => [i * 2 + 1, i * 2 + 1]),
      },
    },
    {
      name: 'a heartbeat',
      draft: {
        at: '1',
        mono: '1',
        kind: 'heartbeat',
        opened: 30_000,
        closed: 0,
        statements: 0,
        open: Array.from({ length: 30_000 }, (_, i) => ({ session: `0123456789abcdef-${i + 1}`, n: 1 })),
      },
    },
    {
      name: 'an opened session',
      draft: {
        at: '1',
        mono: '1',
        kind: 'opened',
        session: '0123456789abcdef-1',
        n: 1,
        start: '1',
        client: { address: long, port: 1 },
        server: { address: long, port: 1 },
        tls: false,
        protocol: long,
        user: long,
        database: long,
        application_name: long,
        auth: long,
        server_version: long,
        pid: 1,
        replication: long,
        tls_client: {
          version: long,
          cipher: long,
          server_name: long,
          alpn: long,
          certificate: { subject: long, issuer: long, serial: long, san: long },
        },
        tls_server: {
          version: long,
          cipher: long,
          certificate: { subject: long, issuer: long, serial: long },
        },
        cancels: 'unknown',
        clamped: true,
        ready: true,
      },
    },
    {
      name: 'a hold',
      draft: {
        at: '1',
        mono: '1',
        kind: 'hold',
        hold: long,
        case: long,
        reason: long,
        who: long,
        scope: {
          sessions: Array.from({ length: 60_000 }, (_, i) => `0123456789abcdef-${i + 1}`),
          user: long,
          database: long,
          search: long,
        },
      },
    },
    {
      name: 'held objects',
      draft: {
        at: '1',
        mono: '1',
        kind: 'held',
        hold: 'a',
        objects: Array.from({ length: 3000 }, () => ({
          key: 'k'.repeat(90),
          version: long.slice(0, 1024),
          sessions: [],
        })),
      },
    },
    {
      name: 'a release',
      draft: {
        at: '1',
        mono: '1',
        kind: 'release',
        hold: long,
        reason: long,
        who: long,
        asked: '1',
        second: { who: long, key: '0'.repeat(64), sig: '0'.repeat(128) },
      },
    },
    {
      name: 'a retention',
      draft: {
        at: '1',
        mono: '1',
        kind: 'retention',
        who: long,
        reason: long,
        scope: { before: '1' },
        until: '1',
      },
    },
    {
      name: 'a probe',
      draft: {
        at: '1',
        mono: '1',
        kind: 'probe',
        at_start: true,
        lock: 'strict',
        results: Array.from({ length: 8000 }, () => ({
          test: 'delete',
          outcome: 'unknown' as const,
          detail: long.slice(0, 300),
        })),
      },
    },
  ])('writes a line whatever is too long: $name', ({ draft }) => {
    expect(parsed(draft).kind).toBe(draft.kind);
  });
});

describe('lineBytesBound', () => {
  it('holds for the longest fields the schema allows', () => {
    fc.assert(
      fc.property(fc.array(anyText), (values) => {
        written({
          ...statement,
          session: `0123456789abcdef-${'9'.repeat(16)}`,
          n: Number.MAX_SAFE_INTEGER,
          at: '9'.repeat(20),
          mono: '9'.repeat(20),
          sql_unknown: 'over_inspection_limit',
          sql_cut: { len: Number.MAX_SAFE_INTEGER, sha256: 'f'.repeat(64) },
          params: values.map((v) => ({
            v,
            enc: 'failed',
            format: 'binary',
            type: v,
            oid: Number.MAX_SAFE_INTEGER,
            len: Number.MAX_SAFE_INTEGER,
            cut: true,
            sha256: 'f'.repeat(64),
          })),
        });
      }),
    );
  });
});
