/**
 * Owns the proof, from outside of a pod, of who answers at an address: a connection that says nothing, and the recorder
 * asked whether it came to it. PostgreSQL, if it is who answers, logs an incomplete startup packet and no more.
 */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RecorderPlace, recorderSaw } from './recorderAnswers.ts';

/**
 * Who answers:
 * - `recorder`: the recorder has seen the connection;
 * - `another`: the connection was taken, and the recorder has not seen it;
 * - `nobody`: the connection was refused or not taken in time;
 * - `untold`: it was taken, and the recorder could not be asked.
 */
export type Answering = 'recorder' | 'another' | 'nobody' | 'untold';

const connectMs = 2000;
/** What the recorder may take from the kernel's handshake to its own accept. */
const askMs = [20, 200, 1000] as const;

export async function whoAnswers(
  address: string,
  port: number,
  recorder: RecorderPlace,
  signal: AbortSignal,
): Promise<Answering> {
  const socket = await connected(address, port, signal);
  if (socket === null) return 'nobody';
  try {
    const from = addressText(socket.localAddress ?? '', socket.localPort ?? 0);
    let last: Answering = 'untold';
    for (const waitMs of askMs) {
      await sleep(waitMs, undefined, { signal });
      const { answer } = await recorderSaw(recorder, from, signal);
      if (answer?.seen === true) return 'recorder';
      last = answer === null ? 'untold' : 'another';
    }
    return last;
  } finally {
    socket.destroy();
  }
}

/** As recorders write addresses. */
export function addressText(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function connected(host: string, port: number, signal: AbortSignal): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, signal });
    socket.setTimeout(connectMs, () => socket.destroy());
    socket.once('connect', () => {
      socket.setTimeout(0);
      resolve(socket);
    });
    socket.once('close', () => resolve(null));
    // Later ones too: the other side may break off while it is being asked.
    socket.on('error', () => resolve(null));
  });
}
