/** Owns how the recorder reaches the server: TCP or unix socket, reading into one buffer of the session. */
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';

export interface UpstreamAddress {
  /** A directory (starts with /) holds the server's unix socket. */
  readonly host: string;
  readonly port: number;
  readonly connectTimeoutMs: number;
}

/** Pages that were never read into take no memory, so an idle session does not pay for this. */
export const readBufferBytes = 64 * 1024;

/** `.s.PGSQL.5432`: libpq's name of the socket in its directory. */
export function socketPath(address: UpstreamAddress): string | null {
  return address.host.startsWith('/') ? join(address.host, `.s.PGSQL.${address.port}`) : null;
}

export interface UpstreamEvents {
  onConnected(): void;
  /** Bytes lie in `buffer[0, bytes)` until the next read; false stops reading. */
  onRead(bytes: number, buffer: Buffer): boolean;
  /** Its end was read. */
  onEnd(): void;
  onError(error: NodeJS.ErrnoException): void;
  onClosed(): void;
}

/**
 * Connects; half-open, without Nagle's delay. A connection that does not come about ends in onError and
 * onClosed.
 */
export function connectUpstream(address: UpstreamAddress, events: UpstreamEvents): Socket {
  const path = socketPath(address);
  const socket = connect({
    ...(path === null ? { host: address.host, port: address.port } : { path }),
    allowHalfOpen: true,
    noDelay: true,
    onread: {
      buffer: Buffer.allocUnsafeSlow(readBufferBytes),
      callback: (bytes, buffer) => events.onRead(bytes, buffer as Buffer),
    },
  });
  const late = setTimeout(() => {
    socket.destroy(Object.assign(new Error('connection timed out'), { code: 'ETIMEDOUT' }));
  }, address.connectTimeoutMs);
  socket.once('connect', () => {
    clearTimeout(late);
    events.onConnected();
  });
  socket.on('end', () => events.onEnd());
  socket.on('error', (error) => events.onError(error));
  socket.once('close', () => {
    clearTimeout(late);
    events.onClosed();
  });
  return socket;
}
