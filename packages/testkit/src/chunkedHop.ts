/** A TCP hop that passes bytes on in pieces of a given size, each in a write of its own: what fragmenting networks do to framing. */
import { once } from 'node:events';
import { createConnection, createServer, type Server, type Socket } from 'node:net';

export interface ChunkedHopOptions {
  /** Where it listens, on 127.0.0.1; 0 or absent: any free port. */
  readonly listen?: number;
  readonly target: { readonly host: string; readonly port: number };
  /** Largest piece in bytes, in both directions; one piece is written per turn of the event loop. */
  readonly chunkBytes: number;
}

export interface ChunkedHop {
  readonly port: number;
  /** Pieces written since it began, both directions. */
  readonly pieces: () => number;
  /** Stops listening and cuts what is still connected. */
  stop(): Promise<void>;
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Resolves when more may be written; rejects when nothing ever will. */
function drained(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      socket.off('drain', done).off('close', done);
      if (socket.destroyed) reject(new Error('the other side has gone'));
      else resolve();
    };
    if (socket.destroyed) done();
    else socket.once('drain', done).once('close', done);
  });
}

/** Starts one; the caller stops it. */
export async function startChunkedHop(options: ChunkedHopOptions): Promise<ChunkedHop> {
  const open = new Set<Socket>();
  let written = 0;

  async function pass(from: Socket, to: Socket): Promise<void> {
    // Destroyed at its end, a half-closed socket could not be answered any more.
    for await (const chunk of from.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      for (let at = 0; at < chunk.length; at += options.chunkBytes) {
        written += 1;
        if (!to.write(chunk.subarray(at, at + options.chunkBytes))) await drained(to);
        // Without a turn between them the kernel would be handed all pieces in one writev.
        await nextTurn();
      }
    }
    to.end();
  }

  const server: Server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const upstream = createConnection({ ...options.target, allowHalfOpen: true, noDelay: true });
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.on('close', () => open.delete(socket));
    }
    const cut = (): void => {
      client.destroy();
      upstream.destroy();
    };
    client.on('error', cut);
    upstream.on('error', cut);
    pass(client, upstream).catch(cut);
    pass(upstream, client).catch(cut);
  });
  server.listen(options.listen ?? 0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the hop has no port');
  return {
    port: address.port,
    pieces: () => written,
    async stop() {
      server.close();
      for (const socket of open) socket.destroy();
      if (server.listening) await once(server, 'close');
    },
  };
}
