import { cancelRequest, gssRequest, sslRequest, startupMessage, untyped } from './relayFixture.testing.ts';
import { StartupGate } from './startupGate.ts';

/** What the gate yields when the bytes come in these pieces. */
function takeAll(pieces: readonly Buffer[]): { packets: string[]; residueBytes: number; bad: string | null } {
  const gate = new StartupGate();
  const packets: string[] = [];
  for (const piece of pieces) {
    gate.push(piece);
    for (;;) {
      const taken = gate.take();
      if (taken.kind === 'bad') return { packets, residueBytes: gate.residueBytes, bad: taken.reason };
      if (taken.kind === 'more') break;
      packets.push(taken.packet.toString('hex'));
    }
  }
  return { packets, residueBytes: gate.residueBytes, bad: null };
}

const longest = untyped(196_608, Buffer.alloc(9996));
const packets = [
  { name: 'SSLRequest', bytes: sslRequest },
  { name: 'GSSENCRequest', bytes: gssRequest },
  {
    name: 'StartupMessage',
    bytes: startupMessage({ user: 'ann', database: 'shop', application_name: 'x'.repeat(60) }),
  },
  { name: 'CancelRequest of protocol 3.2', bytes: cancelRequest(77, Buffer.alloc(32, 7)) },
  { name: 'the longest packet the server takes', bytes: longest },
];

describe('StartupGate', () => {
  it.each(packets)('$name: split at every byte', ({ bytes }) => {
    const whole = { packets: [bytes.toString('hex')], residueBytes: 0, bad: null };
    expect(takeAll([bytes])).toEqual(whole);
    const step = bytes.length > 1000 ? 97 : 1;
    for (let cut = 1; cut < bytes.length; cut += step) {
      expect(takeAll([bytes.subarray(0, cut), bytes.subarray(cut)])).toEqual(whole);
    }
  });

  it('collects single bytes', () => {
    const bytes = Buffer.concat([sslRequest, startupMessage()]);
    const pieces = Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
    expect(takeAll(pieces).packets).toEqual(
      [sslRequest, startupMessage()].map((packet) => packet.toString('hex')),
    );
  });

  it.each([
    { name: 'direct TLS', bytes: Buffer.from([0x16]), bad: 'direct_tls' },
    { name: 'HTTP', bytes: Buffer.from('GET / HTTP/1.1\r\n'), bad: 'startup_length' },
    { name: 'length 0', bytes: Buffer.from([0, 0, 0, 0]), bad: 'startup_length' },
    { name: 'length 7', bytes: Buffer.from([0, 0, 0, 7]), bad: 'startup_length' },
    { name: 'length 10,005', bytes: Buffer.from([0, 0, 0x27, 0x15]), bad: 'startup_length' },
    { name: 'length -1', bytes: Buffer.from([0xff, 0xff, 0xff, 0xff]), bad: 'startup_length' },
    { name: 'length 2^31 - 1', bytes: Buffer.from([0x7f, 0xff, 0xff, 0xff]), bad: 'startup_length' },
  ])('refuses $name', ({ bytes, bad }) => {
    expect(takeAll([bytes])).toEqual({ packets: [], residueBytes: bytes.length, bad });
  });

  it('keeps what follows a packet', () => {
    expect(takeAll([Buffer.concat([sslRequest, Buffer.from([0, 0])])]).residueBytes).toBe(2);
  });
});
