import { randomBytes } from 'node:crypto';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { startChunkedHop } from './chunkedHop.ts';

const listening = async (onClient: (socket: Socket) => void): Promise<Server> => {
  const server = createServer({ allowHalfOpen: true }, onClient);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
};

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

describe('a chunked hop', () => {
  it.each([
    { pieceBytes: 1, bytes: 5000 },
    { pieceBytes: 3, bytes: 20_000 },
    { pieceBytes: 8192, bytes: 3_000_000 },
  ])(
    'passes $bytes bytes both ways in pieces of $pieceBytes, and half-closes',
    async ({ pieceBytes, bytes }) => {
      // Answers only after the client's end: a hop that closes both ways at once would lose the answer.
      const server = await listening((socket) => {
        const seen: Buffer[] = [];
        socket.on('data', (chunk: Buffer) => seen.push(chunk));
        socket.on('end', () => socket.end(Buffer.concat(seen)));
      });
      const hop = await startChunkedHop({ targetPort: portOf(server), pieceBytes });
      const sent = randomBytes(bytes);
      const back: Buffer[] = [];
      await new Promise<void>((resolve, reject) => {
        const socket = connect({ host: '127.0.0.1', port: hop.port, allowHalfOpen: true }, () =>
          socket.end(sent),
        );
        socket.on('data', (chunk: Buffer) => back.push(chunk));
        socket.on('end', resolve);
        socket.on('error', reject);
      });
      expect(Buffer.concat(back).equals(sent)).toBe(true);
      expect(hop.pieces()).toBeGreaterThanOrEqual(2 * Math.ceil(bytes / pieceBytes));
      await hop.close();
      await new Promise((resolve) => server.close(resolve));
    },
  );

  it('passes a reset on', async () => {
    const server = await listening((socket) => {
      socket.on('data', () => socket.resetAndDestroy());
      socket.on('error', () => {});
    });
    const hop = await startChunkedHop({ targetPort: portOf(server), pieceBytes: 1 });
    const code = await new Promise<string>((resolve) => {
      const socket = connect({ host: '127.0.0.1', port: hop.port }, () => socket.write('x'));
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
      socket.on('close', () => resolve('closed'));
    });
    expect(code).toBe('ECONNRESET');
    await hop.close();
    await new Promise((resolve) => server.close(resolve));
  });
});
