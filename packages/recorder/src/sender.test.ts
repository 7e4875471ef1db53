import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import {
  encodeExportReply,
  exportTracePath,
  GrpcClient,
  GrpcError,
  GrpcServer,
  grpcCode,
} from '@pgtape/otlp';
import { Outbox } from './outbox.ts';
import { makeSpool, quickDisk } from './pipelineFixture.testing.ts';
import { Sender } from './sender.ts';

const reelA = 'a'.repeat(32);
const reelB = 'b'.repeat(32);

type Answer = 'ok' | GrpcError | { readonly rejected: number } | 'silence';

/** A server that tells what it got and answers as scripted, `ok` once the script is over. */
async function startServer(script: readonly Answer[]) {
  const got: string[] = [];
  const answers = [...script];
  const server = new GrpcServer({
    maxMessageBytes: 1 << 20,
    handlers: new Map([
      [
        exportTracePath,
        async (message: Uint8Array) => {
          got.push(Buffer.from(message).toString());
          const answer = answers.shift() ?? 'ok';
          if (answer instanceof GrpcError) throw answer;
          if (answer === 'silence') await new Promise((resolve) => setTimeout(resolve, 400));
          if (typeof answer === 'object') return encodeExportReply({ count: answer.rejected, message: 'no' });
          return encodeExportReply(null);
        },
      ],
    ]),
  });
  const { port } = await server.listen('127.0.0.1', 0);
  return { server, got, url: `http://127.0.0.1:${port}`, isSilent: () => answers[0] === 'silence' };
}

function boxOf(segments: Readonly<Record<string, number>>): { outbox: Outbox; dir: string } {
  const { outboxDir } = makeSpool();
  const outbox = new Outbox(outboxDir, () => true, quickDisk);
  for (const [reel, count] of Object.entries(segments)) {
    for (let segment = 1; segment <= count; segment += 1) {
      const bytes = zstd(`${reel[0]}${segment}`);
      outbox.write(reel, { segment, lastSeq: segment, digest: '', records: 1, bytes });
    }
  }
  return { outbox, dir: outboxDir };
}

const zstd = (text: string): Buffer => zstdCompressSync(text);

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 3000 && !condition(); i += 1) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(condition()).toBe(true);
}

interface Running {
  readonly sender: Sender;
  readonly outbox: Outbox;
  readonly dir: string;
  readonly got: string[];
  readonly stop: () => Promise<void>;
}

async function run(segments: Readonly<Record<string, number>>, script: readonly Answer[]): Promise<Running> {
  const { server, got, url, isSilent } = await startServer(script);
  const { outbox, dir } = boxOf(segments);
  const client = new GrpcClient({ url });
  let skippedMs = 0;
  const sender = new Sender({
    metadata: () => ({}),
    wallUs: () => 0,
    outbox,
    client,
    // Only a server that is meant to say nothing may be waited for in vain.
    timeoutMs: () => (isSilent() ? 200 : 30_000),
    // Time passes fifty times as fast, so that back-off is waited out.
    nowMs: () => {
      skippedMs += 50;
      return performance.now() + skippedMs;
    },
    random: () => 0.5,
  });
  const stop = async (): Promise<void> => {
    await sender.drain(0);
    await client.close();
    await server.close();
  };
  return { sender, outbox, dir, got, stop };
}

describe('Sender', () => {
  it('sends each reel in order and forgets what is acknowledged', async () => {
    const { sender, outbox, got, stop, dir } = await run({ [reelA]: 3, [reelB]: 2 }, []);
    sender.start();
    await until(() => outbox.segments === 0);
    expect(got.filter((text) => text.startsWith('a'))).toEqual(['a1', 'a2', 'a3']);
    expect(got.filter((text) => text.startsWith('b'))).toEqual(['b1', 'b2']);
    // In turn, not one reel after the other.
    expect(got.slice(0, 2)).toEqual(['a1', 'b1']);
    expect({ acked: sender.acked, bytes: outbox.bytes, error: sender.lastError }).toEqual({
      acked: 5,
      bytes: 0,
      error: '',
    });
    expect(readdirSync(join(dir, reelA))).toEqual(['00000003.acked']);
    await stop();
  });

  it.each([
    { name: 'unavailable', answer: new GrpcError(grpcCode.unavailable, 'later') },
    { name: 'unavailable with a delay', answer: new GrpcError(grpcCode.unavailable, 'later', 300) },
    { name: 'resource exhausted', answer: new GrpcError(grpcCode.resourceExhausted, 'full') },
    { name: 'aborted', answer: new GrpcError(grpcCode.aborted, 'again') },
    { name: 'no answer in time', answer: 'silence' as const },
  ])('tries again until acknowledged: $name', async ({ answer }) => {
    const { sender, outbox, got, stop } = await run({ [reelA]: 2 }, [answer, answer, answer]);
    sender.start();
    await until(() => outbox.segments === 0);
    expect(got).toEqual(['a1', 'a1', 'a1', 'a1', 'a2']);
    expect(sender.acked).toBe(2);
    // On a busy machine one may be given up before the server has it: no answer in time either.
    if (answer === 'silence') expect(sender.errors).toBeGreaterThanOrEqual(3);
    else expect(sender.errors).toBe(3);
    await stop();
  });

  it.each([
    {
      name: 'a refusal',
      answer: new GrpcError(grpcCode.failedPrecondition, 'forged: other bytes'),
      text: 'segment 1 of aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: failedPrecondition: forged: other bytes',
    },
    {
      name: 'a partial success',
      answer: { rejected: 2 },
      text: 'segment 1 of aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: the vault rejected 2 spans: no',
    },
  ])('$name blocks its reel and no other, and deletes nothing', async ({ answer, text }) => {
    const { sender, outbox, got, stop, dir } = await run({ [reelA]: 2, [reelB]: 3 }, [answer]);
    sender.start();
    await until(() => outbox.segments === 2);
    expect(got.filter((sent) => sent.startsWith('b'))).toEqual(['b1', 'b2', 'b3']);
    expect(sender.blocked).toEqual([reelA]);
    expect(sender.lastError).toBe(text);
    expect(readdirSync(join(dir, reelA))).toEqual(['00000001.otlp.zst', '00000002.otlp.zst']);
    await stop();
  });

  it('goes on when the vault comes back', async () => {
    const { server, got, url } = await startServer([]);
    const port = Number(new URL(url).port);
    await server.close();
    const { outbox } = boxOf({ [reelA]: 2 });
    const client = new GrpcClient({ url });
    const sender = new Sender({
      metadata: () => ({}),
      wallUs: () => 0,
      outbox,
      client,
      timeoutMs: () => 30_000,
      nowMs: () => performance.now(),
      random: () => 0,
    });
    sender.start();
    await until(() => sender.errors > 1);
    expect(got).toEqual([]);
    const again = await startServerAt(port, got);
    await until(() => outbox.segments === 0);
    expect(got).toEqual(['a1', 'a2']);
    await sender.drain(0);
    await client.close();
    await again.close();
  });

  it('drains within its grace and leaves the rest', async () => {
    const { sender, outbox, stop } = await run({ [reelA]: 2 }, Array(50).fill(new GrpcError(14, 'no')));
    sender.start();
    await sender.drain(20);
    expect(outbox.segments).toBe(2);
    await stop();
  });
});

async function startServerAt(port: number, got: string[]): Promise<GrpcServer> {
  const server = new GrpcServer({
    maxMessageBytes: 1 << 20,
    handlers: new Map([
      [
        exportTracePath,
        async (message: Uint8Array) => {
          got.push(Buffer.from(message).toString());
          return encodeExportReply(null);
        },
      ],
    ]),
  });
  await server.listen('127.0.0.1', port);
  return server;
}

describe('Outbox', () => {
  it('finds after a restart what was not acknowledged, and keeps the newest of a reel that goes on', () => {
    const { outbox, dir } = boxOf({ [reelA]: 3, [reelB]: 1 });
    outbox.acknowledged(reelA, 1);
    outbox.acknowledged(reelB, 1);
    writeFileSync(join(dir, reelA, '00000004.otlp.zst.tmp'), 'half');
    const again = new Outbox(dir, () => true, quickDisk);
    expect({ segments: again.segments, reels: again.reels(), next: again.next(reelA) }).toEqual({
      segments: 2,
      reels: [reelA],
      next: 2,
    });
    expect(readdirSync(join(dir, reelA))).toEqual(['00000002.otlp.zst', '00000003.otlp.zst']);
    expect(readdirSync(join(dir, reelB))).toEqual(['00000001.acked']);
  });

  it('leaves nothing of a reel whose journal is gone once all is acknowledged', () => {
    const { outbox, dir } = boxOf({ [reelA]: 2, [reelB]: 1 });
    outbox.acknowledged(reelB, 1);
    outbox.complete(reelB);
    expect(existsSync(join(dir, reelB))).toBe(false);
    const again = new Outbox(dir, () => false, quickDisk);
    again.acknowledged(reelA, 1);
    again.acknowledged(reelA, 2);
    expect(existsSync(join(dir, reelA))).toBe(false);
    expect(again.segments).toBe(0);
  });

  it('acknowledges only the oldest', () => {
    const { outbox } = boxOf({ [reelA]: 2 });
    outbox.acknowledged(reelA, 2);
    expect(outbox.next(reelA)).toBe(1);
    expect(outbox.segments).toBe(2);
  });

  it('sets aside a newest segment that does not read back, and never deletes it', () => {
    const { outbox, dir } = boxOf({ [reelA]: 2 });
    expect(outbox.head(reelA)).toEqual({ segment: 0, lastSeq: 0, digest: '0'.repeat(64) });
    expect(readdirSync(join(dir, reelA))).toEqual(['00000001.otlp.zst.damaged', '00000002.otlp.zst.damaged']);
    outbox.complete(reelA);
    expect(readdirSync(join(dir, reelA))).toHaveLength(2);
  });

  it('counts bytes of what waits', () => {
    const { outbox } = boxOf({ [reelA]: 2 });
    expect(outbox.bytes).toBe(zstd('a1').length * 2);
  });
});
