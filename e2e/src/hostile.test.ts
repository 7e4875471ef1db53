import { randomBytes, randomInt } from 'node:crypto';
import { createConnection, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { message, RawClient, type RawConnection } from '@pgtape/testkit';
import { metricsAt, tell, until, verify, withClient } from './probes.ts';
import { loggedStatements, logSettings, type TapedSession, tapedSessions } from './serverLog.ts';
import { type Stack, startStack } from './stack.ts';

const rounds = Number(process.env.PGTAPE_HOSTILE_ROUNDS ?? 12);

const header = (tag: string, length: number): Buffer => {
  const bytes = Buffer.alloc(5);
  bytes.write(tag, 'latin1');
  bytes.writeInt32BE(length, 1);
  return bytes;
};

/** Real messages with `changes` of their bytes replaced. */
function mutated(changes: number): Buffer {
  const bytes = Buffer.concat([
    message.query("SELECT 'mutant'"),
    message.parse('s', 'SELECT $1::int, $2::text', [23, 25]),
    message.bind('p', 's', ['1', null]),
    message.describe('P', 'p'),
    message.execute('p', 1),
    message.close('S', 's'),
    message.sync(),
    message.query('COPY (SELECT 1) TO STDOUT; SELECT 2'),
  ]);
  for (let change = 0; change < changes; change += 1) bytes[randomInt(bytes.length)] = randomInt(256);
  return bytes;
}

/** What a hostile client sends once it is logged in. */
const attacks: readonly { readonly name: string; readonly bytes: () => Buffer }[] = [
  { name: 'random bytes', bytes: () => randomBytes(randomInt(1, 20_000)) },
  { name: 'mutated messages', bytes: () => mutated(randomInt(1, 6)) },
  { name: 'a length below four', bytes: () => header('Q', randomInt(4)) },
  { name: 'a negative length', bytes: () => header('Q', -randomInt(1, 2 ** 31)) },
  { name: 'a length beyond every limit', bytes: () => header('Q', 0x7fffffff) },
  {
    name: 'a Query of a gigabyte that never comes',
    bytes: () => Buffer.concat([header('Q', 0x3ffffffe), Buffer.from('SELECT ')]),
  },
  { name: 'an oversized Sync', bytes: () => Buffer.concat([header('S', 20_000), Buffer.alloc(19_996)]) },
  { name: 'an unknown tag', bytes: () => Buffer.concat([header('~', 12), Buffer.from('whatever')]) },
  { name: 'a backend tag', bytes: () => Buffer.concat([header('Z', 5), Buffer.from('I')]) },
  { name: 'tag zero', bytes: () => Buffer.alloc(64) },
  { name: 'half a Query', bytes: () => message.query("SELECT 'half'").subarray(0, 9) },
  { name: 'half a header', bytes: () => Buffer.from([0x51, 0, 0]) },
  { name: 'a Query without its end', bytes: () => Buffer.concat([header('Q', 12), Buffer.from('SELECT 1')]) },
  {
    name: 'a Bind that counts more than it holds',
    bytes: () => Buffer.concat([header('B', 12), Buffer.from([0, 0, 0x7f, 0xff, 0x7f, 0xff, 0xff, 0xff])]),
  },
  {
    name: 'a Parse with negative counts',
    bytes: () =>
      Buffer.concat([
        header('P', 10),
        Buffer.from([0, 0x31, 0, 0, 0xff, 0xff]).subarray(0, 6),
        message.sync(),
      ]),
  },
  {
    name: 'CopyData, CopyDone and CopyFail outside a COPY',
    bytes: () =>
      Buffer.concat([
        message.copyData('x'),
        message.copyDone(),
        message.copyFail('no'),
        message.query("SELECT 'after'"),
      ]),
  },
  {
    name: 'a second startup packet',
    bytes: () => message.startup({ user: 'postgres', database: 'postgres' }),
  },
  {
    name: 'a password nobody asked for',
    bytes: () => Buffer.concat([message.password('planted-late-password'), message.sync()]),
  },
  { name: 'a TLS hello', bytes: () => Buffer.from('160301020001', 'hex') },
  { name: 'HTTP', bytes: () => Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n') },
];

/** What comes instead of a startup packet. */
const strangers: readonly { readonly name: string; readonly bytes: () => Buffer }[] = [
  { name: 'random bytes', bytes: () => randomBytes(randomInt(1, 5000)) },
  { name: 'nothing', bytes: () => Buffer.alloc(0) },
  { name: 'half a length', bytes: () => Buffer.from([0, 0]) },
  { name: 'a length without a packet', bytes: () => Buffer.from([0, 0, 0x20, 0, 0, 3, 0, 0]) },
  { name: 'a huge length', bytes: () => Buffer.from([0x7f, 0xff, 0xff, 0xff, 0, 3, 0, 0]) },
  { name: 'a TLS hello', bytes: () => Buffer.from('1603010200010001fc0303', 'hex') },
  {
    name: 'an SSLRequest with a query behind it',
    bytes: () => Buffer.concat([Buffer.from('0000000804d2162f', 'hex'), message.query('SELECT 1')]),
  },
  { name: 'a cancel for nobody', bytes: () => Buffer.from('0000001004d2162e0000000100000002', 'hex') },
  {
    name: 'a startup without an end',
    bytes: () => Buffer.concat([Buffer.from('0000000f00030000', 'hex'), Buffer.from('user\0po')]),
  },
  { name: 'protocol 9.9', bytes: () => Buffer.from('0000000900090009'.concat('00'), 'hex') },
  {
    name: 'a startup, then noise instead of a password',
    bytes: () =>
      Buffer.concat([message.startup({ user: 'postgres', database: 'postgres' }), randomBytes(300)]),
  },
];

function closedWithin(socket: Socket, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const late = setTimeout(() => socket.destroy(), ms);
    socket.on('error', () => {});
    socket.on('data', () => {});
    socket.once('close', () => {
      clearTimeout(late);
      resolve();
    });
  });
}

/** Connects without logging in, says `bytes`, waits a little, goes. */
async function stranger(port: number, bytes: Buffer): Promise<void> {
  const socket = createConnection({ host: '127.0.0.1', port });
  const closed = closedWithin(socket, 400);
  socket.write(bytes);
  await closed;
}

async function attack(to: RawConnection, bytes: Buffer): Promise<void> {
  const client = await RawClient.connect(to);
  const late = setTimeout(() => client.destroy(), 300);
  // In pieces: half messages arrive alone.
  const cut = randomInt(bytes.length + 1);
  client.send(bytes.subarray(0, cut));
  await sleep(randomInt(3));
  client.send(bytes.subarray(cut));
  await client.closed();
  clearTimeout(late);
}

/** One ordinary session whose whole tape is known: numbered statements until told to stop. */
async function innocent(stack: Stack, name: string, isOver: () => boolean): Promise<string[]> {
  const sent: string[] = [];
  await withClient({ connectionString: stack.url, application_name: name }, async (client) => {
    while (!isOver()) {
      const sql = `SELECT '${name}-${sent.length}'`;
      const { rows } = await client.query<string[]>({ text: sql, rowMode: 'array' });
      if (rows[0]?.[0] !== `${name}-${sent.length}`) throw new Error(`wrong answer to ${sql}`);
      sent.push(sql);
      await sleep(1);
    }
  });
  return sent;
}

/** Completed statements on tape that the server's log does not have at their place in the order. */
function inventedBy(taped: TapedSession, logged: readonly string[]): string[] {
  let at = 0;
  return taped.records
    .filter(
      ({ kind, outcome, part }) =>
        kind === 'statement' && outcome === 'completed' && ((part as number | undefined) ?? 1) === 1,
    )
    .map(({ sql }) => String(sql))
    .filter((sql) => {
      // Of several statements in one Query the log has the whole text.
      const found = logged.findIndex((text, index) => index >= at && text.trimStart().startsWith(sql));
      if (found >= 0) at = found + 1;
      return found < 0;
    });
}

/** Statements in the server's log that a session without a gap does not have on tape. */
function forgottenBy(taped: TapedSession, logged: readonly string[]): string[] {
  if (taped.records.some(({ kind }) => kind === 'gap')) return [];
  const texts = taped.records.filter(({ kind }) => kind === 'statement').map(({ sql }) => String(sql));
  return logged.filter((text) => !texts.some((sql) => text.trimStart().startsWith(sql)));
}

describe('R8: no bytes of a client end the relay or another session’s tape', () => {
  let stack: Stack;
  let to: RawConnection;
  beforeAll(async () => {
    stack = await startStack({ hba: ['host all all 127.0.0.1/32 password'], settings: logSettings });
    to = {
      port: stack.ports.recorder,
      user: 'postgres',
      database: 'postgres',
      password: stack.postgres.password,
    };
  });
  afterAll(() => stack.stop());

  it(`${attacks.length} attacks after login and ${strangers.length} before, ${rounds} times over`, async () => {
    let isOver = false;
    const innocents = [innocent(stack, 'one', () => isOver), innocent(stack, 'two', () => isOver)];
    const logins: Promise<void>[] = [];
    for (let round = 0; round < rounds; round += 1) {
      logins.push(...attacks.map(({ bytes }) => attack(to, bytes())));
      logins.push(...strangers.map(({ bytes }) => stranger(to.port, bytes())));
      await Promise.all(logins.splice(0));
    }
    isOver = true;
    const [one, two] = await Promise.all(innocents);
    await until('every hostile session has ended', 60_000, async () => {
      const metrics = await metricsAt(stack.ports.health);
      return metrics.pgtape_recorder_sessions_open === 0;
    });
    const metrics = await metricsAt(stack.ports.health);
    tell(
      `${metrics.pgtape_recorder_sessions_total} sessions, bad framing ` +
        `${metrics['pgtape_recorder_gaps_total{reason="bad_framing"}'] ?? 0}, decode lost ${metrics.pgtape_recorder_decode_lost_total}`,
    );
    expect(metrics.pgtape_recorder_worker_restarts_total).toBe(0);
    await stack.settle();
    const records = stack.records();
    const sessions = tapedSessions(records);
    const logged = loggedStatements(stack);
    for (const taped of sessions) {
      const own = logged.get(taped.pid) ?? [];
      const { session } = taped;
      expect({ session, invented: inventedBy(taped, own), forgotten: forgottenBy(taped, own) }).toEqual({
        session,
        invented: [],
        forgotten: [],
      });
    }
    for (const [name, sent] of [
      ['one', one],
      ['two', two],
    ] as const) {
      const own = sessions.find(({ records: list }) =>
        list.some(({ kind, application_name: app }) => kind === 'opened' && app === name),
      )?.records;
      const statements = own?.filter(({ kind }) => kind === 'statement') ?? [];
      expect(statements.map(({ sql, outcome }) => [sql, outcome])).toEqual(
        sent?.map((sql) => [sql, 'completed']),
      );
      expect(own?.some(({ kind }) => kind === 'gap')).toBe(false);
      expect(own?.at(-1)).toMatchObject({ kind: 'closed', why: 'terminated' });
    }
    const unclosed = sessions
      .filter(({ records: list }) => list.at(-1)?.kind !== 'closed')
      .map(({ session }) => session);
    expect(unclosed).toEqual([]);
    const gaps = new Set(records.filter(({ kind }) => kind === 'gap').map(({ reason }) => reason));
    expect([...gaps].filter((reason) => reason !== 'bad_framing' && reason !== 'decode_lost')).toEqual([]);
    const report = verify(stack.archiveDir);
    expect([report.reels.length, report.verdict === 'complete' || report.verdict === 'gap']).toEqual([
      1,
      true,
    ]);
    expect(report.reels[0]?.sessions).toHaveLength(sessions.length);
    const text = JSON.stringify(records);
    expect(text.includes('planted-late-password')).toBe(false);
  });
});
