/**
 * Owns which session a CancelRequest is for: pid and key of every open session, in memory only (R11). Knows
 * no sockets and journals nothing.
 */
import { timingSafeEqual } from 'node:crypto';

const pidAt = 8;
const keyAt = 12;

/** What a CancelRequest has to know of the session it is for. */
export interface CancelTarget {
  /** In the reel. */
  readonly number: number;
  readonly isServerSecured: boolean;
}

export class CancelTargets {
  /** A pid is a session's until the server gives it to another one. */
  readonly #byPid = new Map<number, { readonly key: Buffer; readonly target: CancelTarget }>();
  /** By session. */
  readonly #pids = new Map<number, number>();

  add(pid: number, key: Buffer, target: CancelTarget): void {
    this.#byPid.set(pid, { key, target });
    this.#pids.set(target.number, pid);
  }

  /** The session is over. */
  remove(session: number): void {
    const pid = this.#pids.get(session);
    if (pid === undefined) return;
    this.#pids.delete(session);
    if (this.#byPid.get(pid)?.target.number === session) this.#byPid.delete(pid);
  }

  /** @param packet a whole CancelRequest */
  find(packet: Buffer): CancelTarget | null {
    if (packet.length <= keyAt) return null;
    const found = this.#byPid.get(packet.readUInt32BE(pidAt));
    const key = packet.subarray(keyAt);
    if (found === undefined || found.key.length !== key.length) return null;
    return timingSafeEqual(found.key, key) ? found.target : null;
  }
}
