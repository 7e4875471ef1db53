/** Owns how the recorder reaches the server: TCP or unix socket, reading into one buffer of the session. */
import { connect, type Socket, type TcpSocketConnectOpts } from 'node:net';
import { join } from 'node:path';

export interface UpstreamAddress {
  /** A directory (starts with /) holds the server's unix socket. */
  readonly host: string;
  readonly port: number;
  /** Where TCP connections come from; absent, the system's choice. */
  readonly localAddress?: string | undefined;
  readonly connectTimeoutMs: number;
}

/** Pages that were never read into take no memory, so an idle session does not pay for this. */
export const readBufferBytes = 64 * 1024;
/** A peer that has silently gone is noticed. */
export const keepAliveMs = 60_000;

/** `.s.PGSQL.5432`: libpq's name of the socket in its directory. */
export function socketPath(address: UpstreamAddress): string | null {
  return address.host.startsWith('/') ? join(address.host, `.s.PGSQL.${address.port}`) : null;
}

function tcpOptions({ host, port, localAddress }: UpstreamAddress): TcpSocketConnectOpts {
  return localAddress === undefined ? { host, port } : { host, port, localAddress };
}

/**
 * Connects; half-open, without Nagle's delay, with TCP's own probes of an idle connection. One that does not
 * come about ends in 'error' and 'close'.
 * @param onRead bytes lie in `buffer[0, bytes)` until the next read; false stops reading
 */
export function connectUpstream(
  address: UpstreamAddress,
  onRead: (bytes: number, buffer: Buffer) => boolean,
  onConnected: () => void,
): Socket {
  const path = socketPath(address);
  const socket = connect({
    ...(path === null ? tcpOptions(address) : { path }),
    allowHalfOpen: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: keepAliveMs,
    onread: {
      buffer: Buffer.allocUnsafeSlow(readBufferBytes),
      callback: (bytes, buffer) => onRead(bytes, buffer as Buffer),
    },
  });
  const late = setTimeout(() => {
    socket.destroy(Object.assign(new Error('connection timed out'), { code: 'ETIMEDOUT' }));
  }, address.connectTimeoutMs);
  socket.once('connect', () => {
    clearTimeout(late);
    onConnected();
  });
  socket.once('close', () => clearTimeout(late));
  return socket;
}
