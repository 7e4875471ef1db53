/**
 * Owns the listening socket: accepts with the options every relayed connection needs. Knows nothing of
 * sessions.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { RecorderError } from './recorderError.ts';
import { keepAliveMs } from './upstream.ts';

export interface Listener {
  readonly host: string;
  readonly port: number;
  /** Stops accepting; what was accepted is not touched. */
  close(): void;
}

const backlogConnections = 1024;

function explain(error: NodeJS.ErrnoException, host: string, port: number): RecorderError {
  const advice: Readonly<Record<string, string>> = {
    EADDRINUSE: 'another program listens there: choose another listen.port, or stop it',
    EACCES: 'this user may not open that port: choose one above 1023',
    EADDRNOTAVAIL: 'this machine does not have that address: correct listen.host',
    EAFNOSUPPORT: 'this machine has no addresses of that family: correct listen.host',
  };
  const why = advice[error.code ?? ''] ?? error.message;
  return new RecorderError('LISTEN', `cannot listen on ${host}:${port}: ${why}`, { cause: error });
}

/** @throws RecorderError `LISTEN` */
export function listen(host: string, port: number, accept: (client: Socket) => void): Promise<Listener> {
  const server: Server = createServer(
    { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveMs },
    accept,
  );
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(explain(error, host, port)));
    server.listen({ host, port, backlog: backlogConnections }, () => {
      const address = server.address();
      const bound = typeof address === 'object' && address !== null ? address.port : port;
      server.removeAllListeners('error');
      // An accept that fails (no file descriptor left) must not end the sessions that work.
      server.on('error', () => {});
      resolve({ host, port: bound, close: () => void server.close() });
    });
  });
}

const absentCodes = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT']);

function isAbsent(error: unknown): boolean {
  const cause = error instanceof RecorderError ? (error.cause as NodeJS.ErrnoException) : null;
  return absentCodes.has(cause?.code ?? '');
}

/**
 * Listens on `host` and, with the port that it got there, on each of `others` that this machine has; the others are
 * told. In a pod `::1` may be missing, and that must not keep anyone from the database.
 * @throws RecorderError `LISTEN`; nothing listens then
 */
export async function listenOnAll(
  {
    host,
    port,
    others,
  }: { readonly host: string; readonly port: number; readonly others: readonly string[] },
  accept: (client: Socket) => void,
  onAbsent: (message: string) => void,
): Promise<Listener> {
  const first = await listen(host, port, accept);
  const all = [first];
  const close = (): void => {
    for (const one of all) one.close();
  };
  for (const other of new Set(others.filter((address) => address !== host))) {
    try {
      all.push(await listen(other, first.port, accept));
    } catch (error) {
      if (isAbsent(error)) onAbsent((error as RecorderError).message);
      else {
        close();
        throw error;
      }
    }
  }
  return { host, port: first.port, close };
}
