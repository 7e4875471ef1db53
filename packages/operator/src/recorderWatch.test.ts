/** Against real sockets: a recorder's health server, and who answers on PostgreSQL's port, on addresses of the loopback network. */
import { createServer as httpServer } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { addressText, whoAnswers } from './captureProbe.ts';
import { coverageOf, saidOf } from './recordedCluster.testing.ts';
import { recorderStatus } from './recorderAnswers.ts';
import { RecorderWatch, type WatchedPod, worstOf } from './recorderWatch.ts';

const open: Server[] = [];
const never = new AbortController().signal;

function listen(server: Server, host: string, port: number): Promise<number> {
  open.push(server);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve((server.address() as { port: number }).port));
  });
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

/** Answers `/v1/recorder` with this text, and `connection` by what `taken` has seen. */
async function recorderAt(host: string, text: string, seen: ReadonlySet<string>, status = 200, port = 0) {
  const server = httpServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://recorder');
    const isStatus = url.pathname === '/v1/recorder';
    const body = isStatus ? text : JSON.stringify({ seen: seen.has(url.searchParams.get('from') ?? '') });
    response.writeHead(status, { connection: 'close' }).end(body);
  });
  return await listen(server, host, port);
}

/** Takes connections, and tells `seen` of them as a recorder does; of another, nobody. */
async function takerAt(host: string, seen: Set<string> | null): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    seen?.add(addressText(socket.remoteAddress ?? '', socket.remotePort ?? 0));
  });
  const port = await listen(server, host, 0);
  server.on('close', () => undefined);
  const close = server.close.bind(server);
  server.close = (done) => {
    for (const socket of sockets) socket.destroy();
    return close(done);
  };
  return port;
}

describe('recorderStatus', () => {
  it.each([
    { name: 'understood', text: JSON.stringify(saidOf()), status: 200, problem: undefined },
    {
      name: 'of another database',
      text: JSON.stringify(saidOf({ database: 'shop/web' })),
      status: 200,
      problem: 'other_database',
    },
    { name: 'no JSON', text: 'recorder', status: 200, problem: 'not_understood' },
    { name: 'another shape', text: '{}', status: 200, problem: 'not_understood' },
    {
      name: 'too long',
      text: JSON.stringify({ ...saidOf(), more: 'x'.repeat(65_536) }),
      status: 200,
      problem: 'not_understood',
    },
    { name: 'not there', text: '{}', status: 404, problem: 'refused' },
  ])('$name', async ({ text, status, problem }) => {
    const port = await recorderAt('127.0.7.1', text, new Set(), status);
    const got = await recorderStatus({ host: '127.0.7.1', port }, 'shop/orders', never);
    expect(got).toEqual(problem === undefined ? { answer: saidOf() } : { answer: null, problem });
  });

  it('says that nobody is there, and that nobody answers in time', async () => {
    const nobody = await recorderStatus({ host: '127.0.7.2', port: 1 }, 'shop/orders', never);
    const port = await takerAt('127.0.7.2', null);
    const silent = await recorderStatus({ host: '127.0.7.2', port }, 'shop/orders', never);
    expect([nobody, silent]).toEqual([
      { answer: null, problem: 'unreachable' },
      { answer: null, problem: 'timeout' },
    ]);
  });
});

describe('whoAnswers', () => {
  const host = '127.0.7.3';
  it.each(['recorder', 'another', 'nobody', 'untold'] as const)('%s', async (wanted) => {
    const seen = new Set<string>();
    const port = wanted === 'nobody' ? 1 : await takerAt(host, wanted === 'recorder' ? seen : null);
    const health = wanted === 'untold' ? 1 : await recorderAt(host, '', seen);
    expect(await whoAnswers(host, port, { host, port: health }, never)).toBe(wanted);
  });
});

describe('worstOf', () => {
  it.each([
    { found: ['recorder', 'another'], worst: 'another' },
    { found: ['recorder', 'nobody'], worst: 'recorder' },
    { found: ['nobody', 'nobody'], worst: 'nobody' },
    { found: ['recorder', 'untold'], worst: 'untold' },
    { found: [], worst: 'nobody' },
  ] as const)('$found', ({ found, worst }) => {
    expect(worstOf(found)).toBe(worst);
  });
});

describe('RecorderWatch', () => {
  const host = '127.0.7.4';
  const database = 'shop/orders';
  const of = (port: number): WatchedPod => ({ pod: coverageOf({ addresses: [host] }), database, port });

  it('hears a recorder, proves its capture once, and forgets one that is silent for long', async () => {
    const seen = new Set<string>();
    const port = await takerAt(host, seen);
    const healthPort = await recorderAt(host, JSON.stringify(saidOf()), seen);
    let nowMs = 0;
    const asked: string[] = [];
    const watch = new RecorderWatch({
      pods: () => [of(port)],
      asked: (outcome) => void asked.push(outcome),
      now: () => nowMs,
      healthPort,
    });
    const { uid } = coverageOf();
    expect(watch.seen(uid)).toBeNull();
    expect(await watch.poll(never)).toBe(true);
    expect(watch.seen(uid)).toEqual({
      status: saidOf(),
      problem: '',
      capture: { startedAt: saidOf().startedAt, atPort: 'recorder', atRecorder: null },
    });
    expect([await watch.poll(never), seen.size]).toEqual([false, 1]);
    await new Promise((resolve) => (open.pop() as Server).close(resolve));
    expect([await watch.poll(never), watch.seen(uid)?.status, watch.seen(uid)?.problem]).toEqual([
      true,
      saidOf(),
      'unreachable',
    ]);
    nowMs = 31_000;
    expect(watch.seen(uid)?.status).toBeNull();
    expect(asked).toEqual(['answered', 'answered', 'unreachable']);
  });

  it('knows nothing of pods that are gone', async () => {
    const healthPort = await recorderAt(host, JSON.stringify(saidOf()), new Set());
    let pods: WatchedPod[] = [of(1)];
    const watch = new RecorderWatch({ pods: () => pods, asked: () => undefined, now: () => 0, healthPort });
    await watch.poll(never);
    expect(watch.seen(coverageOf().uid)?.capture?.atPort).toBe('nobody');
    pods = [];
    await watch.poll(never);
    expect(watch.seen(coverageOf().uid)).toBeNull();
  });

  it('is broken off when this process leads no more', async () => {
    const port = await takerAt(host, null);
    const watch = new RecorderWatch({
      pods: () => [of(port)],
      asked: () => undefined,
      now: () => 0,
      healthPort: port,
    });
    const end = new AbortController();
    const polling = watch.poll(end.signal);
    end.abort(new Error('lost'));
    await expect(polling).rejects.toThrow('lost');
  });
});
