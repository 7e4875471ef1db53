import fc from 'fast-check';
import { serialize } from 'pg-protocol';
import { bytesOf, int32, type Part } from './framing.testing.ts';
import { readStartup, startupPacketBytes } from './startup.ts';

/** An untyped packet with a true length. */
function packet(...parts: readonly Part[]): Uint8Array {
  const body = bytesOf(...parts);
  return bytesOf(int32(4 + body.length), body);
}

const version3 = int32(3 << 16);
const version32 = int32((3 << 16) | 2);

describe('readStartup', () => {
  it.each([
    { name: 'SSLRequest', bytes: packet(int32(80_877_103)), is: { kind: 'ssl_request' } },
    { name: 'GSSENCRequest', bytes: packet(int32(80_877_104)), is: { kind: 'gssenc_request' } },
    {
      name: 'CancelRequest of protocol 3.0',
      bytes: packet(int32(80_877_102), int32(4711), 'key!'),
      is: { kind: 'cancel_request', pid: 4711 },
    },
    {
      name: 'CancelRequest of protocol 3.2, its key dropped',
      bytes: bytesOf(int32(44), int32(80_877_102), int32(4711)),
      is: { kind: 'cancel_request', pid: 4711 },
    },
    {
      name: 'CancelRequest without a pid',
      bytes: packet(int32(80_877_102), 'abc'),
      is: { kind: 'malformed', reason: 'cancel' },
    },
    {
      name: 'StartupMessage',
      bytes: packet(version3, 'user\0anna\0database\0shop\0\0'),
      is: {
        kind: 'startup',
        protocol: '3.0',
        major: 3,
        minor: 0,
        parameters: { user: 'anna', database: 'shop' },
      },
    },
    {
      name: 'the last of equal keys, empty values, protocol options',
      bytes: packet(version32, 'user\0a\0user\0b\0options\0\0_pq_.x\0y\0\0'),
      is: {
        kind: 'startup',
        protocol: '3.2',
        major: 3,
        minor: 2,
        parameters: { user: 'b', options: '', '_pq_.x': 'y' },
      },
    },
    {
      name: 'no parameters',
      bytes: packet(version3, '\0'),
      is: { kind: 'startup', protocol: '3.0', major: 3, minor: 0, parameters: {} },
    },
    { name: 'protocol 2', bytes: packet(int32(2 << 16), 'x'), is: { kind: 'unsupported', code: 131_072 } },
    { name: 'protocol 4', bytes: packet(int32(4 << 16), '\0'), is: { kind: 'unsupported', code: 262_144 } },
    {
      name: 'an unknown request',
      bytes: packet(int32(80_877_105)),
      is: { kind: 'unsupported', code: 80_877_105 },
    },
    { name: 'no bytes', bytes: new Uint8Array(0), is: { kind: 'malformed', reason: 'short' } },
    { name: 'seven bytes', bytes: bytesOf(int32(7), [0, 3, 0]), is: { kind: 'malformed', reason: 'short' } },
    {
      name: 'a wrong length',
      bytes: bytesOf(int32(10), version3, '\0'),
      is: { kind: 'malformed', reason: 'length' },
    },
    {
      name: 'no terminator',
      bytes: packet(version3, 'user\0a\0'),
      is: { kind: 'malformed', reason: 'terminator' },
    },
    {
      name: 'bytes after it',
      bytes: packet(version3, 'user\0a\0\0x'),
      is: { kind: 'malformed', reason: 'terminator' },
    },
    {
      name: 'a key without a value',
      bytes: packet(version3, 'user\0'),
      is: { kind: 'malformed', reason: 'terminator' },
    },
    {
      name: 'an open value',
      bytes: packet(version3, 'user\0anna'),
      is: { kind: 'malformed', reason: 'terminator' },
    },
  ])('reads $name', ({ bytes, is }) => {
    expect(readStartup(bytes)).toEqual(is);
  });

  it('keeps a parameter named __proto__ a parameter', () => {
    const startup = readStartup(packet(version3, '__proto__\0x\0user\0a\0\0'));
    expect(startup.kind === 'startup' && Object.entries(startup.parameters)).toEqual([
      ['__proto__', 'x'],
      ['user', 'a'],
    ]);
  });

  it('reads what pg-protocol writes', () => {
    expect(readStartup(serialize.startup({ user: 'anna', database: 'shop' }))).toMatchObject({
      kind: 'startup',
      protocol: '3.0',
      parameters: { user: 'anna', database: 'shop', client_encoding: 'UTF8' },
    });
    expect(readStartup(serialize.requestSsl())).toEqual({ kind: 'ssl_request' });
    expect(readStartup(serialize.cancel(7, 8))).toEqual({ kind: 'cancel_request', pid: 7 });
  });

  it('never throws (R8)', () => {
    const codes = fc.constantFrom(version3, version32, int32(80_877_102), int32(80_877_103), int32(1));
    fc.assert(
      fc.property(codes, fc.uint8Array({ maxLength: 60 }), fc.boolean(), (code, rest, honest) => {
        const bytes = honest ? packet(code, rest) : rest;
        expect(typeof readStartup(bytes).kind).toBe('string');
      }),
      { numRuns: 500 },
    );
  });
});

describe('startupPacketBytes', () => {
  it.each([
    { name: 'nothing yet', head: [], is: null },
    { name: 'one byte', head: [0], is: null },
    { name: 'three bytes', head: [0, 0, 0], is: null },
    { name: 'direct TLS', head: [0x16], is: 'bad' },
    { name: 'HTTP', head: [0x47], is: 'bad' },
    { name: 'a length of 64 KiB and more', head: [0, 1], is: 'bad' },
    { name: 'a length of 7', head: [0, 0, 0, 7], is: 'bad' },
    { name: 'a length of 8', head: [0, 0, 0, 8], is: 8 },
    { name: 'a length of 10004', head: [0, 0, 0x27, 0x14], is: 10_004 },
    { name: 'a length of 10005', head: [0, 0, 0x27, 0x15], is: 'bad' },
    { name: 'a negative length', head: [0xff, 0xff, 0xff, 0xff], is: 'bad' },
    { name: 'more than the length', head: [0, 0, 0, 8, 4, 210, 22, 47, 0x16], is: 8 },
  ])('tells $name', ({ head, is }) => {
    expect(startupPacketBytes(Uint8Array.from(head))).toBe(is);
  });
});
