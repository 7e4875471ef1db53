/** A journal on a real tmpfs that is small: traffic goes on, and so does the next start after kill -9. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DraftRecord } from '@pgtape/evidence';
import { journalRoom } from './journalRoom.ts';
import { recordLines } from './pipelineFixture.testing.ts';
import {
  connectTo,
  frame,
  ready,
  startServer,
  startupMessage,
  type TestServer,
  until,
} from './relayFixture.testing.ts';
import { accounted } from './spoolFull.testing.ts';

const mebibyte = 1024 * 1024;

it('journal_room: bounds follow the volume', () => {
  expect(journalRoom(24 * mebibyte, 256 * mebibyte)).toEqual({
    fileBytes: 1.5 * mebibyte,
    backlogBytes: 7.5 * mebibyte,
    snapshotBytes: 1.875 * mebibyte,
    reserveBytes: 3 * mebibyte,
  });
  expect(journalRoom(8 * 1024 * mebibyte, 256 * mebibyte)).toEqual({
    fileBytes: 16 * mebibyte,
    backlogBytes: 256 * mebibyte,
    snapshotBytes: 8 * mebibyte,
    reserveBytes: 8 * mebibyte,
  });
  expect(journalRoom(0, 256 * mebibyte)).toMatchObject({ fileBytes: mebibyte, backlogBytes: mebibyte });
});

/** Answers the startup, and each Query with its completion. */
function answerQueries(socket: Socket): void {
  let left = -1;
  let head = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    let at = 0;
    if (left < 0) {
      left = 0;
      socket.write(Buffer.concat([frame('R', Buffer.alloc(4)), ready]));
      return;
    }
    while (at < chunk.length) {
      if (left === 0) {
        const need = Math.min(5 - head.length, chunk.length - at);
        head = Buffer.concat([head, chunk.subarray(at, at + need)]);
        at += need;
        if (head.length < 5) return;
        left = head.readInt32BE(1) - 4;
        head = Buffer.alloc(0);
      }
      const taken = Math.min(left, chunk.length - at);
      left -= taken;
      at += taken;
      if (left === 0) socket.write(Buffer.concat([frame('C', 'SELECT 1\0'), ready]));
    }
  });
}

const canMount = ((): boolean => {
  const dir = mkdtempSync(join(tmpdir(), 'pgtape-mount-'));
  const isMounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', dir]).status === 0;
  if (isMounted) spawnSync('umount', [dir]);
  rmSync(dir, { recursive: true, force: true });
  return isMounted;
})();

let root: string;
let server: TestServer;
const children: ChildProcess[] = [];
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'pgtape-small-'));
  mkdirSync(join(root, 'journal'));
  server = await startServer(answerQueries);
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) {
      await new Promise((resolve) => child.once('exit', resolve));
    }
  }
  await server.close();
  spawnSync('umount', [join(root, 'journal')]);
  rmSync(root, { recursive: true, force: true });
});

async function startChild(
  onSpoolFull: 'pause' | 'pass' = 'pause',
): Promise<{ child: ChildProcess; port: number; errors: () => string }> {
  const config = {
    listen: { port: 0 },
    upstream: { port: server.port },
    trustUpstream: true,
    spool: { dir: join(root, 'spool') },
    journal: { dir: join(root, 'journal') },
    vault: { url: 'http://127.0.0.1:9' },
    failure: { onSpoolFull },
    segment: { maxSeconds: 0.3 },
  };
  const script = new URL('./recorderChild.testing.js', import.meta.url).pathname;
  const child = spawn(process.execPath, [script, JSON.stringify(config)], { stdio: 'pipe' });
  children.push(child);
  let text = '';
  child.stderr.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const port = await new Promise<number>((resolve, reject) => {
    child.stdout.once('data', (chunk: Buffer) => resolve(Number(chunk.toString())));
    child.once('exit', (code) => reject(new Error(`exit ${code}: ${text}`)));
  });
  return { child, port, errors: () => text };
}

/** Runs statements one after the other; rejects when the connection ends before the last answer. */
async function talk(port: number, statements: number, bytes: number): Promise<void> {
  const { socket } = await connectTo(port);
  let answers = 0;
  let wake = (): void => {};
  let isOver = false;
  socket.on('data', (chunk: Buffer) => {
    for (const byte of chunk) if (byte === 0x5a) answers += 1;
    wake();
  });
  // A recorder killed with nothing left to read of this client ends the connection; it does not reset it.
  for (const event of ['end', 'close']) {
    socket.on(event, () => {
      isOver = true;
      wake();
    });
  }
  const answered = async (count: number): Promise<void> => {
    while (answers < count) {
      if (isOver) throw new Error('the connection ended');
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  socket.write(startupMessage());
  await answered(1);
  for (let i = 0; i < statements; i += 1) {
    // Such as does not compress, as pictures in INSERTs.
    socket.write(frame('Q', `select '${randomBytes(bytes / 2).toString('hex')}'\0`));
    await answered(2 + i);
  }
  socket.destroy();
}

/** Takes all the room there is. */
function fillUp(path: string): void {
  const block = Buffer.alloc(64 * 1024);
  const fd = openSync(path, 'w');
  try {
    for (let bytes = block.length; bytes > 0; ) {
      try {
        writeSync(fd, block, 0, bytes);
      } catch {
        bytes >>= 1;
      }
    }
  } finally {
    closeSync(fd);
  }
}

/** All records in the outbox, reel by reel. */
function sealedRecords(): DraftRecord[] {
  const spool = { journalDir: join(root, 'journal'), outboxDir: join(root, 'spool', 'outbox') };
  const reels = readdirSync(spool.outboxDir);
  return reels.flatMap((reel) => recordLines(spool, reel).map((line) => JSON.parse(line) as DraftRecord));
}

const mounted = canMount ? describe : describe.skip;
mounted('small_volume_deadlock', () => {
  it.each([
    { size: '24m', clients: 4 },
    { size: '24m', clients: 8 },
    { size: '64m', clients: 16 },
  ])(
    'a tmpfs of $size and $clients clients with statements of 900 kB: all answered, and a restart after kill -9 records',
    async ({ size, clients }) => {
      const options = ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', join(root, 'journal')];
      expect(spawnSync('mount', options).status).toBe(0);
      const first = await startChild();
      const many = (port: number, statements: number): Promise<void>[] =>
        Array.from({ length: clients }, () => talk(port, statements, 900_000));
      await Promise.all(many(first.port, Math.ceil(96 / clients)));
      const cut = Promise.allSettled(many(first.port, 100));
      await new Promise((resolve) => setTimeout(resolve, 700));
      first.child.kill('SIGKILL');
      await cut;
      const second = await startChild();
      await Promise.all(many(second.port, 3));
      expect(second.errors()).not.toContain('worker_died');
    },
  );
});

mounted('a tmpfs that somebody else fills', () => {
  it('pass: all is answered, and what is not recorded is counted, over kill -9 as well', async () => {
    const options = ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', join(root, 'journal')];
    expect(spawnSync('mount', options).status).toBe(0);
    const first = await startChild('pass');
    const filler = join(root, 'journal', 'somebody-elses');
    await talk(first.port, 20, 50_000);
    fillUp(filler);
    await Promise.all([talk(first.port, 30, 50_000), talk(first.port, 30, 50_000)]);
    expect(first.errors()).toContain('journal_full');
    rmSync(filler);
    await until(() => first.errors().includes('journal_over'), 'the journal can be written');
    await talk(first.port, 20, 50_000);
    first.child.kill('SIGKILL');
    const second = await startChild('pass');
    await talk(second.port, 1, 50);
    await until(() => second.errors().includes('recovered'), 'recovered');
    const told = (): number => {
      const { completed, lost, passed } = accounted(sealedRecords());
      return completed + lost + passed;
    };
    await until(() => told() === 101, 'all of it is sealed');
    const { completed, passed } = accounted(sealedRecords());
    expect({ recorded: completed >= 41, passed: passed > 30 }).toEqual({ recorded: true, passed: true });
  });
});
