/**
 * Owns how an accepted connection is read into one buffer of the session, as one that we connect is: Node
 * offers `onread` for the latter only. Knows nothing of what is read.
 *
 * An accepted socket's 'data' costs a 64 KiB allocation, its release and the readable stream's bookkeeping
 * for each read: about 1.6 of the relay thread's 16 microseconds per transaction (pgbench -S -M prepared
 * -c 8). So the accepted handle is wrapped once more, in a socket that has `onread`. The `handle` option is
 * what Node's own server uses, but no documentation names it. It is on by default because the Node that runs
 * us is pinned by the lock file, inPlace.test.ts holds that Node to it, and on any Node without it the
 * socket is read by its events as before.
 */
import { Socket } from 'node:net';
import { readBufferBytes } from './upstream.ts';

interface StreamHandle {
  readonly useUserBuffer?: unknown;
}

interface Wrapping {
  _handle?: StreamHandle | null;
}

/** Bytes lie in `buffer[0, bytes)` until the next read; false stops reading. */
export type OnRead = (bytes: number, buffer: Buffer) => boolean;

/**
 * Takes a connection that was just accepted away from its socket; to be called before anything listens to
 * that one. @returns the socket to use instead; `accepted` itself, untouched, where this Node does not let us
 */
export function readInPlace(accepted: Socket, onRead: OnRead): Socket {
  const old: Wrapping = accepted as object;
  const handle = old._handle;
  if (typeof handle?.useUserBuffer !== 'function') return accepted;
  const options = {
    handle,
    allowHalfOpen: true,
    onread: { buffer: Buffer.allocUnsafeSlow(readBufferBytes), callback: onRead },
  };
  const socket = new Socket(options as object);
  if ((socket as Wrapping)._handle !== handle) return accepted;
  old._handle = null;
  return socket;
}
