/**
 * Inputs of a hostile or broken client (section 8.2 of the protocol study) against a real PostgreSQL: whole and byte by byte, the outcome
 * through the relay is the server's own, the relay lives, and the tape says what happened.
 */
import { message } from '@pgtape/testkit';
import { brief } from './exchange.testing.ts';
import { RelayBench } from './relayBench.testing.ts';
import { cancelRequest, connectTo, frame, gssRequest, sslRequest, untyped } from './relayFixture.testing.ts';

let bench: RelayBench;
beforeAll(async () => {
  bench = await RelayBench.start();
});
afterAll(() => bench.stop());

const ways = ['direct', 'recorded'] as const;
const plain = 'user\0postgres\0database\0postgres\0';
const version30 = 196_608;
const startup = (pairs: string, version = version30): Buffer =>
  untyped(version, Buffer.from(pairs, 'latin1'));
const lengthOnly = (value: number): Buffer => {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
};
/** A StartupMessage of exactly so many bytes. */
const startupOf = (bytes: number): Buffer =>
  startup(`${plain}application_name\0${'a'.repeat(bytes - 8 - plain.length - 19)}\0\0`);

/**
 * What came before the connection ended, or stood still: `N`, the code of the challenge, the SQLSTATE of an error, or nothing. Packets
 * after the first wait for an answer.
 */
async function opening(port: number, packets: readonly Buffer[], byByte: boolean): Promise<string> {
  const client = await connectTo(port);
  for (const [place, packet] of packets.entries()) {
    for (let at = 0; at < packet.length && !client.socket.destroyed; at += byByte ? 1 : packet.length) {
      client.socket.write(byByte ? packet.subarray(at, at + 1) : packet);
      if (byByte) await new Promise((resolve) => setImmediate(resolve));
    }
    const answered = new Promise<void>((resolve) => client.socket.once('data', () => resolve()));
    if (client.received().length <= place) await Promise.race([answered, client.ended]);
  }
  client.socket.end();
  await client.ended;
  client.socket.destroy();
  const text = client.received().toString('latin1');
  const [, answers = '', rest = ''] = /^(N*)(.*)$/s.exec(text) ?? [];
  if (rest.startsWith('R')) return `${answers}R${rest.charCodeAt(8)}`;
  if (/^E[^\0]/.test(rest)) return `${answers}unframed`;
  return `${answers}${/\0C(\w{5})\0/.exec(rest)?.[1] ?? ''}`;
}

interface Opening {
  readonly name: string;
  readonly packets: readonly Buffer[];
  readonly is: string;
  /** Where the recorder answers in its own words, and why that is so. */
  readonly recorded?: { readonly is: string; readonly because: string };
}

const stuffed =
  'what stands behind a request is refused before the server is asked, so no answer to the request comes first';

const openings: readonly Opening[] = [
  { name: 'length 0', packets: [lengthOnly(0)], is: '' },
  { name: 'length 3', packets: [lengthOnly(3)], is: '' },
  { name: 'length 7', packets: [lengthOnly(7)], is: '' },
  { name: 'length 8, nothing in it', packets: [startup('').subarray(0, 8)], is: '08P01' },
  { name: 'length 10,004', packets: [startupOf(10_004)], is: 'R3' },
  { name: 'length 10,005', packets: [lengthOnly(10_005)], is: '' },
  { name: 'length -1', packets: [lengthOnly(-1)], is: '' },
  { name: 'length 2^31', packets: [lengthOnly(2 ** 31)], is: '' },
  { name: 'no terminator', packets: [startup(plain)], is: '08P01' },
  { name: 'bytes behind the terminator', packets: [startup(`${plain}\0x`)], is: '08P01' },
  { name: 'no user', packets: [startup('database\0postgres\0\0')], is: '28000' },
  {
    name: 'the same key twice: the last one holds',
    packets: [startup(`user\0nobody\0${plain}\0`)],
    is: 'R3',
  },
  { name: 'an unknown key', packets: [startup(`${plain}no_such_setting\0x\0\0`)], is: 'R3' },
  {
    name: 'replication neither bool nor database',
    packets: [startup(`${plain}replication\0maybe\0\0`)],
    is: '22023',
  },
  { name: 'protocol 4.0', packets: [startup(`${plain}\0`, 4 << 16)], is: '0A000' },
  { name: 'protocol 2.0', packets: [startup(plain, 2 << 16)], is: 'unframed' },
  { name: 'HTTP', packets: [Buffer.from('GET / HTTP/1.1\r\n\r\n')], is: '' },
  {
    name: 'SSLRequest twice',
    packets: [sslRequest, sslRequest],
    is: 'N0A000',
  },
  {
    name: 'GSSENCRequest twice',
    packets: [gssRequest, gssRequest],
    is: 'N0A000',
  },
  {
    name: 'SSLRequest, GSSENCRequest, startup',
    packets: [sslRequest, gssRequest, startup(`${plain}\0`)],
    is: 'NNR3',
  },
  {
    name: 'GSSENCRequest, SSLRequest, startup',
    packets: [gssRequest, sslRequest, startup(`${plain}\0`)],
    is: 'NNR3',
  },
  {
    name: 'a startup stuffed behind SSLRequest',
    packets: [Buffer.concat([sslRequest, startup(`${plain}\0`)])],
    is: 'N08P01',
    recorded: { is: '08P01', because: stuffed },
  },
  {
    name: 'a startup stuffed behind GSSENCRequest',
    packets: [Buffer.concat([gssRequest, startup(`${plain}\0`)])],
    is: 'N08P01',
    recorded: { is: '08P01', because: stuffed },
  },
  ...[0, 1, 2, 3, 4, 32, 256, 257].map((bytes) => ({
    name: `a CancelRequest with a key of ${bytes} bytes`,
    packets: [cancelRequest(1, Buffer.alloc(bytes, 7))],
    is: '',
  })),
];

describe('startups', () => {
  it.each(openings)('8.2 $name', async ({ packets, is, recorded }) => {
    // Byte by byte, nobody knows what of a stuffed packet comes before the answer.
    for (const byByte of recorded?.because === stuffed ? [false] : [false, true]) {
      const direct = await opening(bench.postgres.port, packets, byByte);
      const through = await opening(bench.relay.port, packets, byByte);
      expect({ byByte, direct, through }).toEqual({ byByte, direct: is, through: recorded?.is ?? is });
    }
  });
});

/** Sends `bytes` and then Sync and Terminate on a session, and ends; what is heard, in short. */
async function ending(
  way: (typeof ways)[number],
  bytes: Buffer,
  sizes: readonly number[] = [],
): Promise<string> {
  const client = await bench.open(way);
  await client.send(Buffer.concat([bytes, frame('S'), frame('X')]), sizes);
  client.socket.end();
  await client.ended();
  client.socket.destroy();
  const heard = client.frames.map(brief).join(' ');
  if (way === 'recorded') {
    const records = await bench.closedSession(client.pid);
    expect(records.filter((one) => one.kind === 'gap' && one.reason !== 'bad_framing')).toEqual([]);
  }
  return heard;
}

const typed = (type: number, length: number, body = 0): Buffer => {
  const bytes = Buffer.alloc(5 + body, 0x61);
  bytes[0] = type;
  bytes.writeInt32BE(length, 1);
  return bytes;
};
const letters = [...'QPBDECSHFdcfX'].map((letter) => letter.charCodeAt(0));

describe('typed frames', () => {
  it('8.2 an empty message of every type byte', async () => {
    for (let type = 0; type < 256; type += 1) {
      const heard = { direct: '', recorded: '' };
      for (const way of ways) heard[way] = await ending(way, typed(type, 4));
      expect({ type, heard: heard.recorded }).toEqual({ type, heard: heard.direct });
    }
  });

  it.each([0, 3, -1, 0x7f_ff_ff_ff, -0x80_00_00_00])('8.2 length %d for every message', async (length) => {
    for (const type of letters) {
      for (const sizes of [[], [1]]) {
        const heard = { direct: '', recorded: '' };
        for (const way of ways) heard[way] = await ending(way, typed(type, length), sizes);
        expect({ type, heard: heard.recorded }).toEqual({ type, heard: heard.direct });
      }
    }
  });

  it('8.2 small messages one byte over their limit, and at it', async () => {
    for (const type of [...'CDEHSXcf'].map((letter) => letter.charCodeAt(0))) {
      for (const length of [10_000, 10_001]) {
        const heard = { direct: '', recorded: '' };
        for (const way of ways) heard[way] = await ending(way, typed(type, length, length - 4));
        expect({ type, length, heard: heard.recorded }).toEqual({ type, length, heard: heard.direct });
      }
    }
  });
});

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const bodies: readonly { readonly name: string; readonly bytes: readonly Buffer[]; readonly is: string }[] = [
  {
    name: 'Bind of 65,535 values in a short body',
    bytes: [message.parse('', 'select 1'), frame('B', hex('0000 0000 ffff'))],
    is: '1 E.08P01 Z.I',
  },
  {
    name: 'Bind of 65,535 NULLs',
    bytes: [
      message.parse('', 'select 1'),
      frame('B', Buffer.concat([hex('0000 0000 ffff'), Buffer.alloc(4 * 65_535, 255), hex('0000')])),
    ],
    is: '1 E.08P01 Z.I',
  },
  { name: 'Parse without a zero byte', bytes: [frame('P', 'name and no text')], is: 'E.08P01 Z.I' },
  {
    name: 'Parse of 65,535 OIDs that are not there',
    bytes: [frame('P', Buffer.concat([Buffer.from('a\0select 1\0'), hex('ffff')]))],
    is: 'E.08P01 Z.I',
  },
  {
    name: 'Parse with 65,535 OIDs',
    bytes: [frame('P', Buffer.concat([Buffer.from('a\0select 1\0'), hex('ffff'), Buffer.alloc(4 * 65_535)]))],
    is: 'E.42P18 Z.I',
  },
  {
    name: 'Parse with a name that is no UTF-8',
    bytes: [frame('P', Buffer.from('\xff\xfe\0select 1\0\0\0', 'latin1'))],
    is: 'E.22021 Z.I',
  },
  {
    name: 'Parse with a name of 1 MB',
    bytes: [message.parse('n'.repeat(1_000_000), 'select 1')],
    is: '1 Z.I',
  },
  { name: 'Query without a zero byte', bytes: [frame('Q', 'select 1')], is: 'E.08P01 Z.I Z.I' },
  {
    name: 'Query with bytes behind its zero byte',
    bytes: [frame('Q', 'select 1\0drop table t\0')],
    is: 'E.08P01 Z.I Z.I',
  },
  {
    name: 'Query that is no UTF-8',
    bytes: [frame('Q', Buffer.from("select '\xff'\0", 'latin1'))],
    is: 'E.22021 Z.I Z.I',
  },
  { name: 'Describe of neither statement nor portal', bytes: [frame('D', 'Xname\0')], is: 'E.08P01 Z.I' },
  { name: 'Close of neither statement nor portal', bytes: [frame('C', 'Xname\0')], is: 'E.08P01 Z.I' },
  {
    name: 'Execute with max_rows -1: all rows',
    bytes: [message.parse('', 'select generate_series(1, 3)'), message.bind('', ''), message.execute('', -1)],
    is: '1 2 D D D C.SELECT_3 Z.I',
  },
  { name: 'Sync with a body', bytes: [frame('S', 'x')], is: 'E.08P01 Z.I Z.I' },
  { name: 'FunctionCall of nothing', bytes: [frame('F')], is: 'E.08P01 Z.I Z.I' },
  {
    name: 'FunctionCall of an unknown function',
    bytes: [message.functionCall(0, [])],
    is: 'E.42883 Z.I Z.I',
  },
  {
    name: 'FunctionCall with a value that is not there',
    bytes: [frame('F', hex('0000 053e 0000 0001 7fffffff 61 0000'))],
    is: 'E.08P01 Z.I Z.I',
  },
  {
    name: 'a password message amid the session',
    bytes: [message.password('late-9a71-secret')],
    is: 'E.08P01.FATAL',
  },
  { name: 'a message of the server', bytes: [frame('Z', 'I')], is: 'E.08P01.FATAL' },
];

describe('bodies', () => {
  it.each(bodies)('8.2 $name', async ({ bytes, is }) => {
    const all = Buffer.concat(bytes);
    for (const sizes of all.length > 10_000 ? [[], [9973]] : [[], [1]]) {
      const heard = { direct: '', recorded: '' };
      for (const way of ways) {
        // A server that dies with bytes unread resets the connection, and its last words may be lost.
        for (
          let tries = 0;
          tries < 5 && (tries === 0 || (is.endsWith('FATAL') && heard[way] !== is));
          tries += 1
        )
          heard[way] = await ending(way, all, sizes);
      }
      expect({ sizes, ...heard }).toEqual({ sizes, direct: is, recorded: is });
    }
    expect(bench.relay.journalBytes().includes('late-9a71-secret')).toBe(false);
  });
});
