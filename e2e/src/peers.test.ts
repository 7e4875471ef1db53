import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { message, RawClient } from '@pgtape/testkit';
import pg from 'pg';
import { mebibyte, quantile, residentBytes, roundTrips, tell, until, verify, withClient } from './probes.ts';
import { type ArchivedRecord, type Stack, startStack } from './stack.ts';

const residentMax = 250 * mebibyte;
const crowd = Number(process.env.PGTAPE_IDLE_SESSIONS ?? 1000);
const crowdResidentMax = 300 * mebibyte;
const rows = 3_000_000;
const rowBytes = 200;
const copyBytes = 300 * mebibyte;

/** The socket under a logged-in client, taken away from the driver. */
function socketOf(client: pg.Client): Socket {
  const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
  stream.removeAllListeners('data');
  return stream;
}

async function connected(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString });
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** Milliseconds of round trips one after the other. */
interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly trips: number;
}

async function latencyOf(connectionString: string, ms: number): Promise<Latency> {
  const times = await withClient({ connectionString }, (client) => roundTrips(client, ms));
  return { p50: quantile(times, 0.5), p99: quantile(times, 0.99), trips: times.length };
}

/**
 * Latency of another session, and the recorder's highest memory, while something slow goes on for `ms`. `direct`: of a session around the
 * recorder at the same time, for what this machine makes everybody wait.
 */
async function watch(
  stack: Stack,
  ms: number,
): Promise<Latency & { readonly direct: Latency; readonly resident: number }> {
  let resident = 0;
  const timer = setInterval(() => {
    resident = Math.max(resident, residentBytes(stack.recorder.pid));
  }, 50);
  try {
    const [recorded, direct] = await Promise.all([latencyOf(stack.url, ms), latencyOf(stack.directUrl, ms)]);
    return { ...recorded, direct, resident };
  } finally {
    clearInterval(timer);
  }
}

function statementOf(stack: Stack, part: string): ArchivedRecord | undefined {
  return stack.records().find(({ kind, sql }) => kind === 'statement' && String(sql).includes(part));
}

/** SIGCONT; a backend that has gone already needs none. */
function wakeUp(pid: number): void {
  try {
    process.kill(pid, 'SIGCONT');
  } catch {}
}

const inMib = (bytes: number): string => `${Math.round(bytes / mebibyte)} MiB`;

describe('R7: a slow peer slows its own session only, in bounded memory', () => {
  it('a client that asks for 600 MB and does not read', async () => {
    const stack = await startStack();
    try {
      const quiet = await watch(stack, 1500);
      const client = await connected(stack.url);
      const socket = socketOf(client);
      socket.pause();
      socket.write(message.query(`SELECT repeat('x', ${rowBytes}) FROM generate_series(1, ${rows})`));
      await sleep(300);
      const during = await watch(stack, 10_000);
      // 7 bytes of header and column count and 4 of the column's length before each value.
      const expected = rows * (rowBytes + 11);
      let bytes = 0;
      socket.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
      socket.resume();
      const after = await watch(stack, 1000);
      await until('the whole result has come', 60_000, () => bytes > expected);
      const peak = residentBytes(stack.recorder.pid, 'peak');
      tell(
        `recorder ${inMib(during.resident)} while nobody reads, peak ${inMib(peak)}; others' SELECT 1: ` +
          `p50 ${quiet.p50.toFixed(2)} -> ${during.p50.toFixed(2)} ms, p99 ${quiet.p99.toFixed(2)} -> ` +
          `${during.p99.toFixed(2)} ms, while it flows p99 ${after.p99.toFixed(2)} ms`,
      );
      socket.end(message.terminate());
      await once(socket, 'close');
      await stack.settle();
      const statement = statementOf(stack, 'generate_series');
      expect(statement).toMatchObject({
        outcome: 'completed',
        returned_rows: rows,
        returned_bytes: rows * (rowBytes + 6),
        tag: `SELECT ${rows}`,
      });
      expect(peak).toBeLessThan(residentMax);
      expect(during.trips).toBeGreaterThan(Math.min(500, during.direct.trips / 4));
      expect(during.p50).toBeLessThan(Math.max(quiet.p50, during.direct.p50) * 3 + 2);
      expect(during.p99).toBeLessThan(Math.max(100, quiet.p99 * 3, during.direct.p99 * 5));
      expect(verify(stack.archiveDir).verdict).toBe('complete');
    } finally {
      await stack.stop();
    }
  });

  it('a server that does not read: COPY of 300 MB into a stopped backend', async () => {
    const stack = await startStack();
    let backend = 0;
    try {
      const client = await connected(stack.url);
      await client.query('CREATE UNLOGGED TABLE sink (line text)');
      const { rows: found } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      backend = found[0]?.pid as number;
      const socket = socketOf(client);
      let replies = '';
      socket.on('data', (chunk: Buffer) => {
        replies += chunk.toString('latin1');
      });
      socket.write(message.query('COPY sink FROM STDIN'));
      await until('the server waits for data', 60_000, () => replies.startsWith('G'));
      process.kill(backend, 'SIGSTOP');
      const line = Buffer.from(`${'y'.repeat(1023)}\n`);
      const piece = Buffer.concat(Array.from({ length: 64 }, () => message.copyData(line)));
      const pieces = copyBytes / (64 * line.length);
      let sent = 0;
      const sending = (async () => {
        for (; sent < pieces; sent += 1) if (!socket.write(piece)) await once(socket, 'drain');
        socket.write(message.copyDone());
      })();
      const during = await watch(stack, 5000);
      const accepted = sent * piece.length;
      process.kill(backend, 'SIGCONT');
      await sending;
      await until('the copy is done', 60_000, () => replies.includes('COPY '));
      const peak = residentBytes(stack.recorder.pid, 'peak');
      tell(
        `recorder ${inMib(during.resident)} while the backend is stopped, ${inMib(accepted)} taken from the client, ` +
          `peak ${inMib(peak)}; others' SELECT 1: p50 ${during.p50.toFixed(2)} p99 ${during.p99.toFixed(2)} ms`,
      );
      socket.end(message.terminate());
      await once(socket, 'close');
      await stack.settle();
      const statement = statementOf(stack, 'COPY sink');
      expect(statement).toMatchObject({
        outcome: 'completed',
        tag: `COPY ${copyBytes / line.length}`,
        copy: { direction: 'in', messages: pieces * 64, bytes: copyBytes },
      });
      expect(accepted).toBeLessThan(64 * mebibyte);
      expect(peak).toBeLessThan(residentMax);
      expect(during.p99).toBeLessThan(Math.max(100, during.direct.p99 * 5));
      expect(verify(stack.archiveDir).verdict).toBe('complete');
    } finally {
      if (backend > 0) wakeUp(backend);
      await stack.stop();
    }
  });

  it(`${crowd} idle sessions`, async () => {
    const stack = await startStack({
      settings: { max_connections: String(crowd + 100), shared_buffers: '16MB' },
      hba: ['host all all 127.0.0.1/32 password'],
    });
    const clients: RawClient[] = [];
    try {
      const before = residentBytes(stack.recorder.pid);
      const to = {
        port: stack.ports.recorder,
        user: 'postgres',
        database: 'postgres',
        password: stack.postgres.password,
      };
      while (clients.length < crowd) {
        const many = Math.min(20, crowd - clients.length);
        clients.push(...(await Promise.all(Array.from({ length: many }, () => RawClient.connect(to)))));
      }
      const opened = residentBytes(stack.recorder.pid);
      const during = await watch(stack, 3000);
      tell(
        `${crowd} idle sessions: recorder ${inMib(before)} -> ${inMib(opened)}, ${inMib(during.resident)} after 3 s ` +
          `(${Math.round((during.resident - before) / crowd / 1024)} KiB each); SELECT 1 p99 ${during.p99.toFixed(2)} ms`,
      );
      expect(during.resident).toBeLessThan(crowdResidentMax);
      // Half say goodbye, half vanish.
      for (const [index, client] of clients.entries()) {
        if (index % 2 === 0) client.send(message.terminate());
        else client.destroy();
      }
      await Promise.all(clients.map((client) => client.closed()));
      await sleep(500);
      await stack.settle();
      const records = stack.records();
      const crowdOnly = records.filter(({ session }) => Number(session?.split('-')[1]) <= crowd);
      const why = crowdOnly.filter(({ kind }) => kind === 'closed').map((record) => record.why);
      expect({
        opened: crowdOnly.filter(({ kind, ready }) => kind === 'opened' && ready === true).length,
        terminated: why.filter((word) => word === 'terminated').length,
        closed: why.length,
        gaps: records.filter(({ kind }) => kind === 'gap').length,
      }).toEqual({ opened: crowd, terminated: crowd / 2, closed: crowd, gaps: 0 });
      const report = verify(stack.archiveDir);
      expect([report.verdict, report.reels[0]?.sessions.length]).toEqual(['complete', crowd + 1]);
    } finally {
      for (const client of clients) client.destroy();
      await stack.stop();
    }
  }, 180_000);
});
