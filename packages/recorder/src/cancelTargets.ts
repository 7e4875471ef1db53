/**
 * Owns which session a CancelRequest is for: pid and key of every open session, in memory only (R11). Knows
 * no sockets and journals nothing.
 */
import { timingSafeEqual } from 'node:crypto';

const pidAt = 8;
const keyAt = 12;

interface Target<S> {
  readonly key: Buffer;
  readonly session: S;
}

export class CancelTargets<S extends object> {
  /** A pid is a session's until the server gives it to another one. */
  readonly #byPid = new Map<number, Target<S>>();
  readonly #pids = new WeakMap<S, number>();

  add(pid: number, key: Buffer, session: S): void {
    this.#byPid.set(pid, { key, session });
    this.#pids.set(session, pid);
  }

  /** The session is over. */
  remove(session: S): void {
    const pid = this.#pids.get(session);
    if (pid !== undefined && this.#byPid.get(pid)?.session === session) this.#byPid.delete(pid);
  }

  /** @param packet a whole CancelRequest */
  find(packet: Buffer): S | null {
    if (packet.length <= keyAt) return null;
    const target = this.#byPid.get(packet.readUInt32BE(pidAt));
    const key = packet.subarray(keyAt);
    if (target === undefined || target.key.length !== key.length) return null;
    return timingSafeEqual(target.key, key) ? target.session : null;
  }
}
