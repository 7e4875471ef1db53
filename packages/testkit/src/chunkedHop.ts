/**
 * A TCP hop that passes bytes on unchanged but in pieces of at most so many bytes, each written by itself: what a fragmenting
 * network does to a protocol. Half-closes and resets go through; each direction waits for its own peer only.
 */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface ChunkedHop {
  readonly port: number;
  /** Pieces written so far, both directions. */
  pieces(): number;
  /** Stops listening and cuts what is open. */
  close(): Promise<void>;
}

export interface ChunkedHopOptions {
  readonly targetPort: number;
  /** Most bytes of one write. */
  readonly pieceBytes: number;
}

/** Listens on 127.0.0.1; each connection is carried to `targetPort` there. */
export async function startChunkedHop(options: ChunkedHopOptions): Promise<ChunkedHop> {
  const { targetPort, pieceBytes } = options;
  const open = new Set<Socket>();
  let pieces = 0;

  const carry = (from: Socket, to: Socket): void => {
    from.on('data', (chunk: Buffer) => {
      let room = true;
      for (let at = 0; at < chunk.length; at += pieceBytes) {
        pieces += 1;
        room = to.write(chunk.subarray(at, at + pieceBytes));
      }
      if (room) return;
      from.pause();
      to.once('drain', () => from.resume());
    });
    from.on('end', () => to.end());
    from.on('error', () => to.resetAndDestroy());
    from.on('close', () => {
      open.delete(from);
      if (!from.readableEnded) to.destroy();
    });
  };

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const target = connect({ host: '127.0.0.1', port: targetPort, allowHalfOpen: true, noDelay: true });
    open.add(client).add(target);
    carry(client, target);
    carry(target, client);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    pieces: () => pieces,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}
