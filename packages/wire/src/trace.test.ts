import fc from 'fast-check';
import { serialize } from 'pg-protocol';
import { encodeError } from './errorResponse.ts';
import { bytesOf, frame, int16, int32 } from './framing.testing.ts';
import { backendName, backendTag, frontendName, frontendTag, type Side } from './tag.ts';
import { trace } from './trace.ts';

const lineOf = (side: Side, bytes: Uint8Array) => trace(side, bytes[0]!, bytes.subarray(5));

describe('trace', () => {
  it.each([
    [serialize.query('select "a\\b"\n'), 'F Query "select \\x22a\\x5cb\\x22\\x0a"'],
    [serialize.parse({ name: 's1', text: 'select $1', types: [23] }), 'F Parse "s1" "select $1" 1 23'],
    [
      serialize.bind({ statement: 's1', values: ["o'k", null, Buffer.of(0, 255)], binary: true }),
      'F Bind "" "s1" 3 0 0 1 3 3 \'o\\x27k\' -1 2 \'\\x00\\xff\' 1 1',
    ],
    [serialize.describe({ type: 'S', name: 's1' }), 'F Describe S "s1"'],
    [serialize.close({ type: 'P' }), 'F Close P ""'],
    [serialize.execute({ rows: 5 }), 'F Execute "" 5'],
    [serialize.sync(), 'F Sync'],
    [serialize.flush(), 'F Flush'],
    [serialize.end(), 'F Terminate'],
    [serialize.copyData(Buffer.from('row\n')), 'F CopyData 4b'],
    [serialize.copyDone(), 'F CopyDone'],
    [serialize.copyFail('no'), 'F CopyFail "no"'],
    [serialize.password('hunter2'), 'F Authentication 8b'],
    [frame('F', bytesOf(int32(7), int16(0), int16(1), int32(-1), int16(1))), 'F FunctionCall 7 0 1 -1 1'],
    [frame('Q', 'open'), 'F Query malformed 6f70656e'],
    [frame('S', 'x'), 'F Sync malformed 78'],
    [frame('z', 'x'), 'F unknown_0x7a malformed 78'],
  ])('frontend %#', (bytes, line) => {
    expect(lineOf('frontend', bytes)).toBe(line);
  });

  it.each([
    [frame('R', int32(10)), 'B Authentication 10'],
    [frame('S', 'TimeZone\0UTC\0'), 'B ParameterStatus "TimeZone" "UTC"'],
    [frame('K', bytesOf(int32(7), 'key!')), 'B BackendKeyData 7'],
    [frame('v', bytesOf(int32(196_610), int32(1), '_pq_.a\0')), 'B NegotiateProtocolVersion 3.2 1 "_pq_.a"'],
    [frame('Z', 'I'), 'B ReadyForQuery I'],
    [frame('1'), 'B ParseComplete'],
    [frame('2'), 'B BindComplete'],
    [frame('3'), 'B CloseComplete'],
    [frame('n'), 'B NoData'],
    [frame('s'), 'B PortalSuspended'],
    [frame('I'), 'B EmptyQueryResponse'],
    [frame('t', bytesOf(int16(1), int32(25))), 'B ParameterDescription 1 25'],
    [
      frame('T', bytesOf(int16(1), 'id\0', int32(0), int16(0), int32(23), int16(4), int32(-1), int16(0))),
      'B RowDescription 1 "id" 23',
    ],
    [frame('D', 'abc'), 'B DataRow 3b'],
    [frame('C', 'SELECT 1\0'), 'B CommandComplete "SELECT 1"'],
    [frame('A', bytesOf(int32(7), 'ch\0hi\0')), 'B NotificationResponse 7 "ch" "hi"'],
    [frame('G', bytesOf([0], int16(1), int16(0))), 'B CopyInResponse 0 1 0'],
    [frame('H', bytesOf([1], int16(0))), 'B CopyOutResponse 1 0'],
    [frame('W', bytesOf([0], int16(0))), 'B CopyBothResponse 0 0'],
    [frame('d', 'x'), 'B CopyData 1b'],
    [frame('c'), 'B CopyDone'],
    [frame('V', int32(-1)), 'B FunctionCallResponse 4b'],
    [
      encodeError({ severity: 'ERROR', sqlstate: '42601', message: 'm' }),
      'B ErrorResponse S "ERROR" V "ERROR" C "42601" M "m"',
    ],
    [frame('N', 'SNOTICE\0Mm\0Fa.c\0L1\0Rf\0\0'), 'B NoticeResponse S "NOTICE" M "m"'],
    [frame('Z', 'II'), 'B ReadyForQuery malformed 4949'],
  ])('backend %#', (bytes, line) => {
    expect(lineOf('backend', bytes)).toBe(line);
  });

  it('is one line and never throws, whatever the frame', () => {
    const side = fc.constantFrom<Side>('frontend', 'backend');
    fc.assert(
      fc.property(side, fc.nat(255), fc.uint8Array({ maxLength: 40 }), (each, tag, body) => {
        expect(trace(each, tag, body)).toMatch(/^[FB] \w+( .*)?$/);
      }),
    );
  });
});

describe('names', () => {
  it('are the protocol’s, for every tag', () => {
    for (const [name, tag] of Object.entries(frontendTag))
      expect([tag, frontendName(tag)]).toEqual([tag, name]);
    for (const [name, tag] of Object.entries(backendTag))
      expect([tag, backendName(tag)]).toEqual([tag, name]);
  });

  it('exist for unknown tags too', () => {
    expect([frontendName(0), backendName(255), backendName(-1), frontendName(256)]).toEqual([
      'unknown_0x00',
      'unknown_0xff',
      'unknown_0xff',
      'unknown_0x00',
    ]);
  });
});
