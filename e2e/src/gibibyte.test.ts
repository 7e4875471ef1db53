/** Messages of the size PostgreSQL still takes (just under 1 GiB) flow through in memory bounded by a constant. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import pg from 'pg';
import { mebibyte, residentBytes, tell } from './probes.ts';
import { type Stack, startStack } from './stack.ts';

const residentMax = 250 * mebibyte;
const messageBytes = 1_000_000_000;
const piece = Buffer.alloc(1024 * 1024, 'x');

/** A logged-in connection without its driver. */
async function connected(stack: Stack): Promise<Socket> {
  const client = new pg.Client({ connectionString: stack.url });
  client.on('error', () => {});
  await client.connect();
  const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
  stream.removeAllListeners('data');
  return stream;
}

function header(tag: string, bodyBytes: number): Buffer {
  const head = Buffer.alloc(5);
  head.write(tag, 'latin1');
  head.writeInt32BE(bodyBytes + 4, 1);
  return head;
}

async function write(socket: Socket, bytes: Buffer): Promise<void> {
  if (!socket.write(bytes)) await once(socket, 'drain');
}

/** One Query whose text is a statement and a comment that fills the rest. */
async function sendQuery(socket: Socket, sql: string, bodyBytes: number): Promise<void> {
  const start = Buffer.from(`${sql} /*`);
  const end = Buffer.from('*/\0');
  await write(socket, Buffer.concat([header('Q', bodyBytes), start]));
  let left = bodyBytes - start.length - end.length;
  for (; left >= piece.length; left -= piece.length) await write(socket, piece);
  await write(socket, Buffer.concat([piece.subarray(0, left), end]));
}

/** Reads up to ReadyForQuery in an idle session. @returns bytes read, and how the last message but that one began */
function answered(socket: Socket): Promise<{ bytes: number; tail: string }> {
  const ready = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);
  return new Promise((resolve, reject) => {
    let bytes = 0;
    let tail: Buffer = Buffer.alloc(0);
    socket.on('close', () => reject(new Error('the connection ended')));
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      tail = Buffer.concat([tail, chunk.subarray(-64)]).subarray(-64);
      if (tail.subarray(-ready.length).equals(ready)) resolve({ bytes, tail: tail.toString('latin1') });
    });
  });
}

describe('R7: messages of nearly a gibibyte', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack();
  });
  afterAll(() => stack.stop());

  it('a Query, and a DataRow, in bounded memory, on tape with length and hash', async () => {
    const up = await connected(stack);
    const reply = answered(up);
    await sendQuery(up, 'select 41', messageBytes);
    const { tail } = await reply;
    expect(tail).toContain('SELECT 1');
    up.destroy();

    const down = await connected(stack);
    const rows = answered(down);
    const sql = Buffer.from(`select repeat('x', ${messageBytes})\0`);
    down.write(Buffer.concat([header('Q', sql.length), sql]));
    const { bytes } = await rows;
    expect(bytes).toBeGreaterThan(messageBytes);
    down.destroy();

    const highest = residentBytes(stack.recorder.pid, 'peak');
    await stack.settle();
    const statements = stack.records().filter(({ kind }) => kind === 'statement');
    expect(
      statements.map(({ sql_cut, sql_unknown, outcome, rows: count, returned_rows, returned_bytes }) => ({
        len: (sql_cut as { len: number } | undefined)?.len,
        sql_unknown,
        outcome,
        count,
        returned_rows,
        isLarge: (returned_bytes as number) > messageBytes,
      })),
    ).toEqual([
      {
        len: messageBytes - 1,
        sql_unknown: undefined,
        outcome: 'completed',
        count: 1,
        returned_rows: 1,
        isLarge: false,
      },
      {
        len: undefined,
        sql_unknown: undefined,
        outcome: 'completed',
        count: 1,
        returned_rows: 1,
        isLarge: true,
      },
    ]);
    tell(`recorder's peak ${Math.round(highest / mebibyte)} MiB`);
    expect(highest).toBeLessThan(residentMax);
  }, 240_000);
});
