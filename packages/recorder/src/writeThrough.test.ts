/** That the pinned Node keeps order, ends and failures when a socket's stream is passed by. */
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { WriteThrough } from './writeThrough.ts';

/** Both ends of one TCP connection; `far` reads nothing until told. */
async function connection(): Promise<{ near: Socket; far: Socket }> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const near = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const far = await accepted;
  if (near.connecting) await new Promise<void>((resolve) => near.once('connect', () => resolve()));
  server.close();
  return { near, far };
}

async function received(far: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  far.on('data', (chunk: Buffer) => chunks.push(chunk));
  const ended = new Promise<void>((resolve) => far.once('end', () => resolve()));
  far.resume();
  await ended;
  return Buffer.concat(chunks);
}

/** More than the kernel holds for a reader that does not read. */
const tooMuch = Buffer.alloc(16 * 1024 * 1024, 'x');

describe('WriteThrough', () => {
  it('tells at once what the kernel took at once', async () => {
    const { near, far } = await connection();
    const events: string[] = [];
    const through = new WriteThrough(near, () => events.push('written'));
    events.push(`ready ${through.isReady}`);
    events.push(`whole ${through.write(Buffer.from('one '))}`, `ready ${through.isReady}`);
    events.push(`whole ${through.write(Buffer.from('two'))}`);
    near.end();
    expect(events).toEqual(['ready true', 'written', 'whole true', 'ready true', 'written', 'whole true']);
    expect((await received(far)).toString()).toBe('one two');
    far.destroy();
  });

  it('waits for what the kernel did not take; the stream and the end queue up behind it', async () => {
    const { near, far } = await connection();
    const events: string[] = [];
    const through = new WriteThrough(near, () => events.push('written'));
    events.push(`whole ${through.write(tooMuch)}`, `ready ${through.isReady}`);
    near.write('behind ', () => events.push('behind'));
    near.end('the end');
    await sleep(20);
    expect(events).toEqual(['whole false', 'ready false']);
    const all = await received(far);
    expect(all.length).toBe(tooMuch.length + 'behind the end'.length);
    expect(all.subarray(tooMuch.length).toString()).toBe('behind the end');
    expect(events.slice(2, 4)).toEqual(['written', 'behind']);
    expect(through.isReady).toBe(false);
    far.destroy();
  });

  it('is not ready while the stream has something queued, or before the connection', async () => {
    const { near, far } = await connection();
    const through = new WriteThrough(near, () => {});
    near.write(tooMuch);
    expect(through.isReady).toBe(false);
    const other = connect({ port: near.remotePort as number, host: '127.0.0.1' });
    other.on('error', () => {});
    expect(new WriteThrough(other, () => {}).isReady).toBe(false);
    other.destroy();
    far.destroy();
    near.on('error', () => {});
    near.destroy();
  });

  it('a reset while a chunk waits destroys the socket and never says written', async () => {
    const { near, far } = await connection();
    const events: string[] = [];
    near.on('error', (error: NodeJS.ErrnoException) => events.push(`error ${error.code}`));
    const closed = new Promise<void>((resolve) => near.once('close', () => resolve()));
    const through = new WriteThrough(near, () => events.push('written'));
    through.write(tooMuch);
    far.resetAndDestroy();
    await closed;
    expect(events).toHaveLength(1);
    expect(['error ECONNRESET', 'error EPIPE']).toContain(events[0]);
  });

  it('a socket already destroyed is written nothing', async () => {
    const { near, far } = await connection();
    const events: string[] = [];
    const through = new WriteThrough(near, () => events.push('written'));
    near.destroy();
    through.write(Buffer.from('late'));
    expect(events).toEqual([]);
    far.destroy();
  });
});
