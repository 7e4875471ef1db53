import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import fc from 'fast-check';
import { allDrafts, headerLine, sealed, sealLine } from './exampleDrafts.testing.ts';
import { encodeMessage, readRequest } from './otlpOracle.testing.ts';
import { ProtoWriter } from './protoWriter.ts';
import { readSegmentRequest } from './requestReader.ts';
import { viewOf } from './requestView.ts';
import { SegmentRequest } from './segmentRequest.ts';

const segment = new SegmentRequest({ 'service.name': 'r' });
segment.begin(headerLine);
allDrafts.forEach((draft, i) => {
  segment.record(draft, sealed(i + 1));
});
const request = Buffer.from(segment.end(sealLine));

const text = (key: string, value: string) => ({ key, value: { string_value: value } });
const record = (value: string) => text('pgtape.record', value);
const requestOf = (...spans: object[]): Uint8Array =>
  encodeMessage('ExportTraceServiceRequest', { resource_spans: [{ scope_spans: [{ spans }] }] });

function reading(bytes: Uint8Array): object {
  const read = readSegmentRequest(bytes);
  return read.kind === 'segment'
    ? { ...read, lines: read.lines.map((l) => Buffer.from(l).toString()) }
    : read;
}

/** A span as raw fields, to write what no encoder writes. */
const field = (number: number, ...parts: (number[] | Buffer)[]): Buffer => {
  const content = Buffer.concat(parts.map((part) => Buffer.from(part)));
  return Buffer.concat([Buffer.from([number * 8 + 2, content.length]), content]);
};
const key = field(1, Buffer.from('pgtape.record'));
const value = field(2, field(1, Buffer.from('{}')));
const wrap = (...attributes: Buffer[]): Buffer => field(1, field(2, field(2, ...attributes)));

const cases = [
  { name: 'nothing', bytes: Buffer.alloc(0), expected: { kind: 'view', spans: 0 } },
  {
    name: 'two records',
    bytes: requestOf({ attributes: [record('a')] }, { attributes: [record('b')] }),
    expected: { kind: 'segment', lines: ['a', 'b'] },
  },
  {
    name: 'a record after other attributes',
    bytes: requestOf({ name: 'x', attributes: [text('k', 'v'), record('')] }),
    expected: { kind: 'segment', lines: [''] },
  },
  {
    name: 'spans of others',
    bytes: requestOf({ name: 'x' }, { attributes: [text('k', 'pgtape.record')] }),
    expected: { kind: 'view', spans: 2 },
  },
  {
    name: 'a record first, then none',
    bytes: requestOf({ attributes: [record('a')] }, { name: 'x' }),
    expected: { kind: 'malformed', reason: 'mixture' },
  },
  {
    name: 'none, then a record',
    bytes: requestOf({ name: 'x' }, { attributes: [record('a')] }),
    expected: { kind: 'malformed', reason: 'mixture' },
  },
  {
    name: 'a record twice in a span',
    bytes: requestOf({ attributes: [record('a'), record('a')] }),
    expected: { kind: 'malformed', reason: 'record_twice' },
  },
  {
    name: 'a record that is a number',
    bytes: requestOf({ attributes: [{ key: 'pgtape.record', value: { int_value: 1 } }] }),
    expected: { kind: 'malformed', reason: 'record_not_text' },
  },
  {
    name: 'a record without a value',
    bytes: requestOf({ attributes: [{ key: 'pgtape.record' }] }),
    expected: { kind: 'malformed', reason: 'record_not_text' },
  },
  {
    name: 'value before key',
    bytes: wrap(field(9, value, key)),
    expected: { kind: 'segment', lines: ['{}'] },
  },
  {
    name: 'two values',
    bytes: wrap(field(9, key, value, value)),
    expected: { kind: 'malformed', reason: 'attribute' },
  },
  {
    name: 'two keys',
    bytes: wrap(field(9, key, key, value)),
    expected: { kind: 'malformed', reason: 'attribute' },
  },
  {
    name: 'text twice in the value',
    bytes: wrap(field(9, key, field(2, field(1, []), field(1, [])))),
    expected: { kind: 'malformed', reason: 'record_not_text' },
  },
  {
    name: 'a group',
    bytes: wrap(Buffer.from([0x0b, 0x0c])),
    expected: { kind: 'malformed', reason: 'span' },
  },
  {
    name: 'field number 0',
    bytes: Buffer.from([0x02, 0x00]),
    expected: { kind: 'malformed', reason: 'request' },
  },
  {
    name: 'a length past the end',
    bytes: Buffer.from([0x0a, 0x05, 0x00]),
    expected: { kind: 'malformed', reason: 'request' },
  },
  {
    name: 'a length of 2^63',
    bytes: Buffer.from([0x0a, ...Array<number>(9).fill(0xff), 0x01]),
    expected: { kind: 'malformed', reason: 'request' },
  },
  {
    name: 'a varint of 11 bytes',
    bytes: Buffer.from([0x08, ...Array<number>(10).fill(0x80), 0x00]),
    expected: { kind: 'malformed', reason: 'request' },
  },
  {
    name: 'an inner length past its message',
    bytes: Buffer.from([0x0a, 0x02, 0x12, 0x05, 0, 0, 0, 0, 0]),
    expected: { kind: 'malformed', reason: 'resource_spans' },
  },
];

describe('readSegmentRequest', () => {
  it.each(cases)('reads $name', ({ bytes, expected }) => {
    expect(reading(bytes)).toEqual(expected);
  });

  it('counts the spans of the stock exporter as a view', () => {
    const memory = new InMemorySpanExporter();
    const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(memory)] });
    for (const name of ['a', 'b', 'c'])
      provider.getTracer('t').startSpan(name, { attributes: { name } }).end();
    const bytes = ProtobufTraceSerializer.serializeRequest(memory.getFinishedSpans()) as Uint8Array;
    expect(reading(bytes)).toEqual({ kind: 'view', spans: 3 });
    expect(viewOf(bytes)).toBe(null);
    // The oracle's schema reads what another encoder wrote.
    expect(readRequest(bytes).spans.map(({ name, attributes }) => [name, attributes])).toEqual(
      ['a', 'b', 'c'].map((name) => [name, { name }]),
    );
  });

  it('finds every truncation of a request malformed, and never throws', () => {
    const missed: number[] = [];
    for (let end = 1; end < request.length; end++) {
      const cut = request.subarray(0, end);
      if (readSegmentRequest(cut).kind !== 'malformed' || viewOf(cut) !== null) missed.push(end);
    }
    expect(missed).toEqual([]);
    expect(readSegmentRequest(request)).toMatchObject({
      kind: 'segment',
      lines: { length: allDrafts.length + 2 },
    });
  });

  it('refuses more lines than a segment can have', () => {
    const span = field(2, field(9, key, value));
    const scope = Buffer.concat(Array<Buffer>(100_001).fill(span));
    const writer = new ProtoWriter(scope.length + 64);
    const resource = writer.open(0x0a);
    const inner = writer.open(0x12);
    writer.block(scope);
    writer.close(inner);
    writer.close(resource);
    expect(readSegmentRequest(writer.copy())).toEqual({ kind: 'malformed', reason: 'too_many' });
  });

  it('never throws and never gives bytes from outside, for arbitrary and for mutated bytes', () => {
    const inside = (bytes: Uint8Array): boolean => {
      const read = readSegmentRequest(bytes);
      const lines = read.kind === 'segment' ? read.lines : [];
      const end = bytes.byteOffset + bytes.length;
      const view = viewOf(bytes);
      return (
        lines.every((line) => line.byteOffset >= bytes.byteOffset && line.byteOffset + line.length <= end) &&
        (view === null || readSegmentRequest(view).kind !== 'segment')
      );
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), inside), { numRuns: 2000 });
    const change = fc.tuple(fc.nat({ max: request.length - 1 }), fc.nat({ max: 255 }));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), (changes) => {
        const mutated = Buffer.from(request);
        for (const [at, byte] of changes) mutated[at] = byte;
        return inside(mutated);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('viewOf', () => {
  it('keeps spans of sessions and statements, whole but for the line', () => {
    const kept = new Set(['opened', 'statement', 'stretch', 'closed']);
    const whole = readRequest(request);
    const spans = whole.spans
      .filter(({ attributes }) => kept.has(attributes['pgtape.kind'] as string))
      .map((span) => {
        const { 'pgtape.record': _, ...attributes } = span.attributes;
        return { ...span, attributes };
      });
    expect(spans.length).toBe(5);
    expect(readRequest(viewOf(request) as Uint8Array)).toEqual({ ...whole, spans });
  });

  it('is nothing for a segment without such spans', () => {
    const bare = new SegmentRequest({});
    bare.begin(headerLine);
    expect(viewOf(bare.end(sealLine))).toBe(null);
  });

  it('works on a request of another encoder', () => {
    const attributes = [record('line'), text('pgtape.kind', 'closed'), text('k', 'v')];
    const view = viewOf(requestOf({ name: 'a', attributes }, { name: 'b', attributes: [record('x')] }));
    expect(view === null ? null : Buffer.from(view).includes('line')).toBe(false);
    expect(readSegmentRequest(view as Uint8Array)).toEqual({ kind: 'view', spans: 1 });
  });
});
