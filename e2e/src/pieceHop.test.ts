import { once } from 'node:events';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { type PieceHop, startPieceHop } from './pieceHop.ts';

/** A server that answers with what it got, and keeps the sizes in which it read. */
async function echo(sizes: number[]): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    socket.on('data', (chunk) => {
      sizes.push(chunk.length);
      socket.write(chunk);
    });
    socket.on('end', () => socket.end()).on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as { port: number }).port };
}

/** Also of a socket that is reset. */
const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => void socket.on('error', () => {}).once('close', () => resolve()));

describe('a hop that cuts', () => {
  it.each([
    [1, 20_000],
    [3, 60_000],
    [8192, 4_000_000],
  ])('pieces of %i bytes are read as such, both ways, past a half-close', async (pieceBytes, length) => {
    const seen: number[] = [];
    const far = await echo(seen);
    const hop: PieceHop = await startPieceHop(far.port, pieceBytes);
    const sent = Buffer.from(Array.from({ length }, (_, at) => (at * 31) % 251));
    const socket = createConnection({ host: '127.0.0.1', port: hop.port, allowHalfOpen: true });
    socket.end(sent);
    const heard: Buffer[] = [];
    for await (const piece of socket as AsyncIterable<Buffer>) heard.push(piece);
    expect(Buffer.concat(heard).equals(sent)).toBe(true);
    for (const sizes of [seen, heard.map((piece) => piece.length)]) {
      // What arrives while the reader is amid a read is not yet counted as unread: how often depends on the machine's load.
      const larger = sizes.filter((size) => size > pieceBytes).length;
      expect(larger / sizes.length).toBeLessThan(0.5);
    }
    const { pieces } = await hop.stop();
    expect(pieces).toBeGreaterThanOrEqual((2 * length) / pieceBytes);
    far.server.close();
  });

  it('cuts the client when nothing listens behind it, and what is open when it stops', async () => {
    const far = await echo([]);
    const hop = await startPieceHop(far.port, 1);
    const open = createConnection({ host: '127.0.0.1', port: hop.port });
    const cut = closed(open);
    open.write('x');
    await once(open, 'data');
    far.server.close();
    await closed(createConnection({ host: '127.0.0.1', port: hop.port }));
    await hop.stop();
    await cut;
  });
});
