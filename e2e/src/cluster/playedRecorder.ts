/**
 * A recorder's answers, and whoever else takes connections in a pod, as real servers on an address of the loopback network:
 * what the operator sees of a pod where there is no kubelet.
 */
import { createServer as httpServer } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import type { RecorderStatus } from '@pgtape/evidence';

const healthPort = 7418;
const now = (): string => new Date().toISOString();

export interface PlayedRecorder {
  readonly ip: string;
  /** What it says of itself from now on. */
  say(over: (said: RecorderStatus) => Partial<RecorderStatus>): void;
  close(): Promise<void>;
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve());
  });
}

function firstWords(database: string, configHash: string): RecorderStatus {
  return {
    version: '0.1.0',
    reel: '0'.repeat(32),
    database,
    configHash,
    startedAt: now(),
    recorderStarts: 1,
    capture: { mode: 'AddressSwap', achieved: true, reason: null, listeners: [], others: [] },
    tls: { matched: true, reason: null },
    coverage: {
      state: 'measured',
      reason: null,
      seen: 1000,
      recorded: 1000,
      bypasses: 0,
      at: now(),
      recent: [],
    },
    vault: { lagSeconds: 1.5, pendingSegments: 0, acknowledgedAt: now(), reason: null },
    spool: { full: null },
    sessions: { open: 1, recorded: 1000 },
  };
}

/** @param captures whether what takes connections on PostgreSQL's port is the recorder */
export async function playRecorder(
  ip: string,
  database: string,
  configHash: string,
  captures = true,
): Promise<PlayedRecorder> {
  let said = firstWords(database, configHash);
  const taken = new Set<string>();
  const sockets = new Set<Socket>();
  const health = httpServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://recorder');
    const body =
      url.pathname === '/v1/recorder' ? said : { seen: taken.has(url.searchParams.get('from') ?? '') };
    response.writeHead(200, { connection: 'close' }).end(JSON.stringify(body));
  });
  const clients = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    if (captures) taken.add(`${socket.remoteAddress}:${socket.remotePort}`);
  });
  await listening(health, ip, healthPort);
  await listening(clients, ip, 5432);
  return {
    ip,
    say(over) {
      said = { ...said, ...over(said) };
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      health.closeAllConnections();
      await Promise.all([health, clients].map((server) => new Promise((done) => server.close(done))));
    },
  };
}
