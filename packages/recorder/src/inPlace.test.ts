/** That the pinned Node lets an accepted socket be read in place, and that it is left alone where not. */
import { connect, createServer, Socket } from 'node:net';
import { readInPlace } from './inPlace.ts';

/** A client, and the connection it made as the server's own code sees it first. */
async function accept<T>(adopt: (accepted: Socket) => T): Promise<{ client: Socket; adopted: T }> {
  const server = createServer({ allowHalfOpen: true });
  const adopted = new Promise<T>((resolve) => server.once('connection', (socket) => resolve(adopt(socket))));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const result = { client, adopted: await adopted };
  server.close();
  return result;
}

const once = (socket: Socket, event: string): Promise<void> =>
  new Promise((resolve) => socket.once(event, () => resolve()));

describe('readInPlace', () => {
  it('reads into one buffer, never by events, and the rest of the socket works', async () => {
    const reads: string[] = [];
    const buffers = new Set<Buffer>();
    let tell = (): void => {};
    const { client, adopted } = await accept((accepted) => {
      const socket = readInPlace(accepted, (bytes, buffer) => {
        reads.push(buffer.toString('latin1', 0, bytes));
        buffers.add(buffer);
        tell();
        return true;
      });
      return { socket, accepted };
    });
    const { socket, accepted } = adopted;
    expect(socket).not.toBe(accepted);
    const events: string[] = [];
    socket.on('data', () => events.push('data'));
    accepted.on('close', () => events.push('accepted closed'));
    const read = async (bytes: string): Promise<void> => {
      const done = new Promise<void>((resolve) => {
        tell = resolve;
      });
      client.write(bytes);
      await done;
    };
    await read('one');
    await read('two');
    socket.pause();
    client.write('three');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(reads).toEqual(['one', 'two']);
    const third = new Promise<void>((resolve) => {
      tell = resolve;
    });
    socket.resume();
    await third;
    expect(reads).toEqual(['one', 'two', 'three']);
    expect(buffers.size).toBe(1);
    expect([socket.remoteAddress, socket.remotePort]).toEqual(['127.0.0.1', client.localPort]);

    const ended = once(socket, 'end');
    client.end();
    await ended;
    const answer: Buffer[] = [];
    client.on('data', (chunk: Buffer) => answer.push(chunk));
    const closed = Promise.all([once(socket, 'close'), once(client, 'close')]);
    socket.end('half open');
    await closed;
    expect(Buffer.concat(answer).toString()).toBe('half open');
    expect(events).toEqual([]);
  });

  it('a reset ends in error and close', async () => {
    const { client, adopted: socket } = await accept((accepted) => readInPlace(accepted, () => true));
    const errors: string[] = [];
    socket.on('error', (error: NodeJS.ErrnoException) => errors.push(error.code ?? ''));
    const closed = once(socket, 'close');
    client.resetAndDestroy();
    await closed;
    expect(errors).toEqual(['ECONNRESET']);
  });

  it.each([
    ['without a handle', null],
    ['whose handle cannot read in place', {}],
  ])('leaves a socket %s alone', (_, handle) => {
    const socket = new Socket();
    Object.defineProperty(socket, '_handle', { value: handle, configurable: true });
    expect(readInPlace(socket, () => true)).toBe(socket);
  });
});
