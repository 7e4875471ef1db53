import type { DraftRecord } from '@pgtape/evidence';
import { encode, firstSeq, lineOf } from './encodedDrafts.testing.ts';
import * as example from './exampleDrafts.testing.ts';
import { type ReadSpan, readRequest } from './otlpOracle.testing.ts';
import { readSegmentRequest } from './requestReader.ts';
import { SegmentRequest } from './segmentRequest.ts';
import { rootSpanIdOf, spanIdOf, traceIdOf } from './spanIds.ts';
import type { SpanSession } from './spanSessions.ts';

const { headerLine, reel, sealed, sealLine, session } = example;
const start = '1795212000123400000';
const at = '1795212000123456000';

const ofSession = {
  'db.system.name': 'postgresql',
  'session.id': session,
  'pgtape.reel': reel,
  'db.namespace': 'shop',
  'user.name': 'anna',
  'client.address': '10.0.0.9',
  'client.port': 50123,
  'server.address': '127.0.0.2',
  'server.port': 5432,
  'pgtape.application_name': 'psql',
};
const peer = {
  user: 'anna',
  database: 'shop',
  application_name: 'psql',
  client: example.opened.client,
  server: example.opened.server,
};
const error = (sqlstate: string) => ({ 'db.response.status_code': sqlstate, 'error.type': sqlstate });
const totals = { 'pgtape.statements': 2, 'pgtape.failed': 1, 'pgtape.rows': 3, 'pgtape.bytes': 77 };

interface Case {
  readonly name: string;
  readonly draft: DraftRecord;
  readonly span: Omit<ReadSpan, 'trace' | 'span' | 'parent'>;
}

const internal = { kind: 1, start: at, end: at };
const ofSessions: Case[] = [
  {
    name: 'opened',
    draft: example.opened,
    span: {
      name: 'pg.session.opened',
      kind: 1,
      start,
      end: at,
      attributes: {
        ...ofSession,
        'pgtape.n': 1,
        'pgtape.tls': true,
        'pgtape.protocol_version': '3.0',
        'pgtape.auth': 'scram-sha-256',
        'pgtape.server_version': '18.1',
        'pgtape.pid': 4711,
        'pgtape.ready': true,
      },
    },
  },
  {
    name: 'statement',
    draft: example.statement,
    span: {
      name: 'UPDATE',
      kind: 3,
      start,
      end: '1795212000123452001',
      attributes: {
        ...ofSession,
        'db.operation.name': 'UPDATE',
        'db.query.text': example.statement.sql,
        'db.response.returned_rows': 0,
        'pgtape.affected_rows': 1,
        'pgtape.command_tag': 'UPDATE 1',
        'pgtape.n': 2,
        'pgtape.outcome': 'completed',
        'pgtape.params.count': 2,
        'pgtape.protocol': 'extended',
        'pgtape.timing': 'exact',
        'pgtape.tx.before': 'I',
        'pgtape.tx.after': 'T',
      },
    },
  },
  {
    name: 'failed statement',
    draft: example.failed,
    span: {
      name: 'CREATE',
      kind: 3,
      start,
      end: start,
      attributes: {
        ...ofSession,
        ...error('42710'),
        'db.operation.name': 'CREATE',
        'db.query.text': example.failed.sql,
        'db.response.returned_rows': 2,
        'pgtape.continues': 1,
        'pgtape.fate': 'rolled_back',
        'pgtape.n': 3,
        'pgtape.outcome': 'failed',
        'pgtape.params.count': 0,
        'pgtape.part': 2,
        'pgtape.protocol': 'simple',
        'pgtape.redacted': ['password', 'connection_string'],
        'pgtape.role': 'app',
        'pgtape.runs.name': 'c',
        'pgtape.search_path': '"$user", public',
        'pgtape.session_user': 'anna',
        'pgtape.unsure': ['names_hidden'],
        'pgtape.returned_bytes': 77,
        'pgtape.stage': 'query',
        'pgtape.timing': 'batched',
      },
      links: [{ trace: '0af7651916cd43dd8448eb211c80319c', span: 'b7ad6b7169203331', flags: 1 }],
      status: { code: 2, message: 'role "x" already exists: ä' },
    },
  },
  {
    name: 'running',
    draft: example.running,
    span: {
      name: 'pgtape.running',
      kind: 1,
      start,
      end: '1795212001623400000',
      attributes: {
        ...ofSession,
        'pgtape.n': 4,
        'pgtape.protocol': 'simple',
        'db.query.text': 'SELECT pg_sleep(9)',
        'pgtape.redacted': ['password'],
        'pgtape.runs.name': 'x',
        'pgtape.runs.text': 'SELECT pg_sleep($1)',
      },
    },
  },
  {
    name: 'transaction',
    draft: example.transaction,
    span: {
      ...internal,
      name: 'pgtape.transaction',
      attributes: { ...ofSession, ...error('40001'), 'pgtape.n': 5, 'pgtape.outcome': 'rolled_back' },
      status: { code: 2, message: 'could not serialize' },
    },
  },
  {
    name: 'gap of a session',
    draft: example.sessionGap,
    span: {
      ...internal,
      name: 'pgtape.gap',
      attributes: { ...ofSession, 'pgtape.n': 5, 'pgtape.reason': 'decode_lost', 'pgtape.detail': 'd' },
    },
  },
  {
    name: 'closed',
    draft: example.closed,
    span: {
      ...internal,
      name: 'pg.session.closed',
      attributes: {
        ...ofSession,
        ...error('57P01'),
        ...totals,
        'pgtape.n': 7,
        'pgtape.why': 'error',
        'pgtape.reason': 'upstream_trusts',
        'pgtape.bytes_from_client': 2 ** 40,
        'pgtape.bytes_from_server': 300,
      },
      status: { code: 2, message: 'terminating connection' },
    },
  },
];

const ofReels: Case[] = [
  {
    name: 'reel_opened',
    draft: example.reelOpened,
    span: { ...internal, name: 'pgtape.reel_opened', attributes: { 'pgtape.reel': reel } },
  },
  {
    name: 'gap',
    draft: example.gap,
    span: {
      ...internal,
      name: 'pgtape.gap',
      attributes: { 'pgtape.reel': reel, 'pgtape.reason': 'journal_full', 'pgtape.detail': 'd' },
    },
  },
  {
    name: 'heartbeat',
    draft: example.heartbeat,
    span: {
      ...internal,
      name: 'pgtape.heartbeat',
      attributes: { 'pgtape.reel': reel, 'pgtape.statements': 2 },
    },
  },
  {
    name: 'reel_closed',
    draft: example.reelClosed,
    span: {
      ...internal,
      name: 'pgtape.reel_closed',
      attributes: { 'pgtape.reel': reel, 'pgtape.statements': 2, 'pgtape.why': 'stopped' },
    },
  },
];

describe('SegmentRequest', () => {
  it.each(ofSessions)('encodes $name as the oracle reads it', ({ draft, span }) => {
    const spans = encode([draft], [{ session, stretch: 4, idle: false, peer }]);
    const stretchNumber = draft.kind === 'opened' ? 1 : 4;
    expect(spans[1]).toEqual({
      ...span,
      trace: traceIdOf(reel, session, stretchNumber),
      span: spanIdOf(reel, firstSeq),
      parent: rootSpanIdOf(reel, session, stretchNumber),
      attributes: {
        ...span.attributes,
        'pgtape.record': lineOf(draft, firstSeq),
        'pgtape.kind': draft.kind,
        'pgtape.seq': firstSeq,
      },
    });
  });

  it.each(ofReels)('encodes $name, which has no session, in the trace of the reel', ({ draft, span }) => {
    expect(encode([draft])[1]).toEqual({
      ...span,
      trace: reel,
      span: spanIdOf(reel, firstSeq),
      attributes: {
        ...span.attributes,
        'pgtape.record': lineOf(draft, firstSeq),
        'pgtape.kind': draft.kind,
        'pgtape.seq': firstSeq,
      },
    });
  });

  it('encodes a stretch as its root span, linked to the one before', () => {
    const draft = { ...example.stretch, stretch: 3 };
    expect(encode([draft], [{ session, stretch: 3, idle: false, peer }])[1]).toEqual({
      name: 'pg.session',
      kind: 1,
      start,
      end: '1795212900123400000',
      trace: traceIdOf(reel, session, 3),
      span: rootSpanIdOf(reel, session, 3),
      attributes: {
        ...ofSession,
        ...totals,
        'pgtape.record': lineOf(draft, firstSeq),
        'pgtape.kind': 'stretch',
        'pgtape.seq': firstSeq,
        'pgtape.n': 6,
        'pgtape.stretch': 3,
        'pgtape.first_n': 1,
      },
      links: [{ trace: traceIdOf(reel, session, 2), span: rootSpanIdOf(reel, session, 2), flags: 1 }],
    });
  });

  it('encodes header and seal as first and last span, the header at the time of the first record', () => {
    const request = new SegmentRequest({ 'service.name': 'pgtape-recorder', 'host.name': 'h' });
    request.begin(headerLine);
    request.record(example.opened, sealed(1));
    const { spans, ...rest } = readRequest(request.end(sealLine));
    const bare = { kind: 1, trace: reel };
    expect({ ...rest, first: spans[0], last: spans[2], count: spans.length }).toEqual({
      resource: { 'service.name': 'pgtape-recorder', 'host.name': 'h' },
      scope: { name: 'pgtape', version: '0.1.0' },
      schemaUrl: 'https://opentelemetry.io/schemas/1.44.0',
      count: 3,
      first: {
        ...bare,
        name: 'pgtape.header',
        span: 'c899aabbccddeef1',
        start,
        end: start,
        attributes: {
          'pgtape.record': headerLine,
          'pgtape.kind': 'header',
          'pgtape.reel': reel,
          'pgtape.segment': 7,
        },
      },
      last: {
        ...bare,
        name: 'pgtape.seal',
        span: 'c899aabbccddeef0',
        start: '1795212009000000000',
        end: '1795212009000000000',
        attributes: {
          'pgtape.record': sealLine,
          'pgtape.kind': 'seal',
          'pgtape.reel': reel,
          'pgtape.segment': 7,
        },
      },
    });
  });

  it('keeps a session in one trace per stretch; closing belongs to the stretch that just ended', () => {
    const next = { ...example.statement, n: 8 };
    const second = { ...example.stretch, stretch: 2, n: 9 };
    const drafts = [example.opened, example.statement, example.stretch, next, second, example.closed, next];
    const traces = encode(drafts).map(({ trace }) => trace);
    const [one, two] = [traceIdOf(reel, session, 1), traceIdOf(reel, session, 2)];
    expect(traces).toEqual([reel, one, one, one, two, two, two, one, reel]);
  });

  it('goes on after a restart where sessions() left off', () => {
    const before = new SegmentRequest({});
    before.begin(headerLine);
    for (const draft of [example.opened, example.statement, example.stretch]) before.record(draft, sealed(1));
    const saved = JSON.parse(JSON.stringify(before.sessions())) as SpanSession[];
    expect(new SegmentRequest({}, saved).sessions()).toEqual(saved);
    before.begin(headerLine);
    before.record(example.failed, sealed(firstSeq));
    expect(encode([example.failed], saved)[1]).toEqual(readRequest(before.end(sealLine)).spans[1]);
  });

  it('forgets a session when it is closed', () => {
    const request = new SegmentRequest({});
    request.begin(headerLine);
    request.record(example.opened, sealed(1));
    request.record(example.closed, sealed(2));
    expect(request.sessions()).toEqual([]);
  });

  it('gives the exact lines to the walker, in order, and counts them', () => {
    const request = new SegmentRequest({ a: 'b' });
    for (let round = 0; round < 2; round++) {
      request.begin(headerLine);
      const views = example.allDrafts.map((draft, i) =>
        Buffer.from(request.record(draft, sealed(i + 1))).toString(),
      );
      const whole = request.end(sealLine);
      const expected = [headerLine, ...example.allDrafts.map((draft, i) => lineOf(draft, i + 1)), sealLine];
      const reading = readSegmentRequest(whole);
      expect(reading.kind === 'segment' && reading.lines.map((line) => Buffer.from(line).toString())).toEqual(
        expected,
      );
      expect(views).toEqual(expected.slice(1, -1));
      expect(request.lineBytes).toBe(expected.reduce((sum, line) => sum + Buffer.byteLength(line), 0));
      expect(request.bytes).toBe(whole.length);
    }
  });
});
