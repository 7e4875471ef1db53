/**
 * Every code of every client encoding, decoded here and by the server's own convert_from(). `PGTAPE_CHARSETS=all` (nightly) asks for the
 * four-byte codes of GB18030 beyond the Basic Multilingual Plane, too.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedPostgres, message, RawClient, startTestPostgres } from '@pgtape/testkit';
import { charsetOf, decodeText } from './charset.ts';

const password = 'charset-password';
let server: EmbeddedPostgres;
let client: RawClient;
let root: string;

/** Texts of what the server takes of `count` codes in an encoding, as `code=utf8` in hex. */
const asked = `
  create function pg_temp.told(enc text, prefix bytea, lo int, hi int, lo2 int, hi2 int) returns text language plpgsql as $$
  declare b bytea; told text[] := '{}'; one bytea := '\\x00'; two bytea := '\\x0000';
  begin
    for i in lo..hi loop for j in lo2..hi2 loop
      b := prefix || case when hi2 = 0 then set_byte(one, 0, i) else set_byte(set_byte(two, 0, i), 1, j) end;
      begin
        told := told || (encode(b, 'hex') || '=' || encode(convert_to(convert_from(b, enc), 'UTF8'), 'hex'));
      exception when others then null;
      end;
    end loop; end loop;
    return array_to_string(told, ' ');
  end $$`;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'pgtape-charset-'));
  server = await startTestPostgres({
    dir: join(root, 'cluster'),
    password,
    settings: { fsync: 'off' },
    hba: ['host all all 127.0.0.1/32 password'],
  });
  client = await RawClient.connect({ port: server.port, user: 'postgres', database: 'postgres', password });
  client.send(message.query(asked));
  await client.until('Z');
});

afterAll(async () => {
  await client?.end();
  await server?.stop();
  rmSync(root, { recursive: true, force: true });
});

interface Told {
  readonly code: string;
  readonly text: string;
}

async function told(name: string, prefix: string, ...bounds: readonly number[]): Promise<Told[]> {
  client.send(message.query(`select pg_temp.told('${name}', '\\x${prefix}', ${bounds.join(', ')})`));
  let answer = '';
  for (let tag = ''; tag !== 'Z'; ) {
    const frame = await client.take();
    tag = frame.tag;
    if (tag === 'E') throw new Error(frame.body.toString());
    if (tag === 'D') answer = frame.body.toString('utf8', 6);
  }
  return answer
    .split(' ')
    .filter((one) => one !== '')
    .map((one) => {
      const [code = '', utf8 = ''] = one.split('=');
      return { code, text: Buffer.from(utf8, 'hex').toString('utf8') };
    });
}

/** Codes read otherwise than the server reads them; what it refuses never becomes a statement. */
function different(name: string, codes: readonly Told[]): object[] {
  return codes.flatMap(({ code, text }) => {
    const ours = decodeText(charsetOf(name), Buffer.from(code, 'hex'), false);
    const isSame = ours.text === text && ours.isExact === !text.includes('\ufffd');
    return isSame ? [] : [{ code, ours, text }];
  });
}

const single = [
  ...['ISO_8859_5', 'ISO_8859_6', 'ISO_8859_7', 'ISO_8859_8', 'KOI8R', 'KOI8U', 'WIN866', 'WIN874'],
  ...['1', '2', '3', '4', '5', '6', '7', '8', '9', '10'].map((number) => `LATIN${number}`),
  ...['0', '1', '2', '3', '4', '5', '6', '7', '8'].map((number) => `WIN125${number}`),
];
const multiple = [
  { name: 'BIG5', codesMin: 13_000 },
  { name: 'EUC_CN', codesMin: 7000 },
  { name: 'EUC_JP', codesMin: 6000 },
  { name: 'EUC_KR', codesMin: 8000 },
  { name: 'GB18030', codesMin: 23_000 },
  { name: 'GBK', codesMin: 21_000 },
  { name: 'SJIS', codesMin: 7000 },
  { name: 'UHC', codesMin: 17_000 },
];

describe('client encodings as the server reads them', () => {
  it.each(single)('%s', async (name) => {
    const codes = await told(name, '', 0x01, 0xff, 0, 0);
    expect(codes.length).toBeGreaterThan(200);
    expect(different(name, codes)).toEqual([]);
  });

  it.each(multiple)('$name', async ({ name, codesMin }) => {
    const codes = [
      ...(await told(name, '', 0x01, 0xff, 0, 0)),
      ...(await told(name, '', 0x80, 0xff, 1, 0xff)),
    ];
    expect(codes.length).toBeGreaterThan(codesMin);
    expect(different(name, codes)).toEqual([]);
  });

  it('EUC_JP, in three bytes', async () => {
    const codes = await told('EUC_JP', '8f', 0xa1, 0xfe, 0xa1, 0xfe);
    expect(codes.length).toBeGreaterThan(6000);
    expect(different('EUC_JP', codes)).toEqual([]);
  });

  it('GB18030, in four bytes', async () => {
    // 90 to e3 are the planes beyond the first, by the same sum.
    const leads =
      process.env.PGTAPE_CHARSETS === 'all'
        ? [[0x81, 0xe3]]
        : [
            [0x81, 0x81],
            [0x90, 0x90],
          ];
    let count = 0;
    for (const [from = 0, to = 0] of leads) {
      for (let lead = from; lead <= to; lead += 1) {
        for (let second = 0x30; second <= 0x39; second += 1) {
          const prefix = Buffer.of(lead, second).toString('hex');
          const codes = await told('GB18030', prefix, 0x81, 0xfe, 0x30, 0x39);
          count += codes.length;
          expect(different('GB18030', codes)).toEqual([]);
        }
      }
    }
    expect(count).toBeGreaterThan(20_000);
  }, 300_000);
});
