/**
 * Owns which of the server's backends are sessions of this recorder: pid and time of each, while it lasts and some minutes longer, so that
 * somebody who asks the server can tell them from sessions that came past the recorder. Touched when a session connects, is keyed and
 * closes, never by its bytes.
 */

import { plainAddress } from './addressText.ts';

/** Everything one look at the server is held against. Times are wall clock, milliseconds since 1970. */
export interface BackendsSeen {
  readonly atMs: number;
  /**
   * Sessions open, and closed lately, five numbers each: pid (0: not told yet, or never will be), when the connection to the server was
   * made, when it was known to be logged in (while it is not, now), index in `addresses`, port. The address is the recorder's end of
   * that connection; port 0 is a unix socket.
   */
  readonly known: Float64Array;
  readonly addresses: readonly string[];
  /** Sessions that were logged in since the start, walsenders aside, by database. */
  readonly loggedIn: Readonly<Record<string, number>>;
  /** All that were logged in, walsenders as well. */
  readonly recorded: number;
  /** Of `recorded`, those that are open now. */
  readonly open: number;
  /** Sessions since the start of which it is not known whether the server took them for logged in. */
  readonly uncertain: number;
  /** Sessions relayed unread that are open now. */
  readonly unread: number;
}

export const knownStride = 5;

interface Entry {
  pid: number;
  readonly sinceMs: number;
  untilMs: number;
  readonly address: string;
  readonly port: number;
  isUnread: boolean;
  closedMs: number;
}

/** A backend may be seen for a while after its session has closed here. */
const keptMs = 60_000;
const keptMax = 8192;
const databasesMax = 10_000;

export class BackendBook {
  readonly #open = new Map<number, Entry>();
  readonly #past: Entry[] = [];
  /** Relayed unread, not connected yet. */
  readonly #unread = new Set<number>();
  readonly #loggedIn = new Map<string, number>();
  #recorded = 0;
  #uncertain = 0;
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** The session's connection to the server is made; one before it is of no use any more. */
  connected(
    session: number,
    socket: { readonly localAddress?: string; readonly localPort?: number } = {},
  ): void {
    const sinceMs = this.#nowMs();
    const { localAddress = '', localPort = 0 } = socket;
    const entry = { pid: 0, sinceMs, untilMs: sinceMs, address: plainAddress(localAddress), port: localPort };
    this.#open.set(session, { ...entry, isUnread: this.#unread.delete(session), closedMs: 0 });
  }

  /** The server has let it in. */
  keyed(session: number, pid: number, database: string, isWalsender: boolean): void {
    const entry = this.#open.get(session);
    if (entry === undefined || entry.pid !== 0) return;
    entry.pid = pid;
    entry.untilMs = this.#nowMs();
    this.#recorded += 1;
    if (isWalsender) return;
    const known = this.#loggedIn.get(database);
    if (known !== undefined || this.#loggedIn.size < databasesMax)
      this.#loggedIn.set(database, (known ?? 0) + 1);
  }

  /** Nothing of it is read from here on: whether and as whom it logs in stays unknown. */
  unread(session: number): void {
    const entry = this.#open.get(session);
    if (entry !== undefined) entry.isUnread = true;
    else this.#unread.add(session);
  }

  /** @param byServer the server ended it, so that one not keyed was not let in */
  closed(session: number, byServer: boolean): void {
    this.#unread.delete(session);
    const entry = this.#open.get(session);
    if (entry === undefined) return;
    this.#open.delete(session);
    entry.closedMs = this.#nowMs();
    if (entry.pid === 0) entry.untilMs = entry.closedMs;
    if (entry.pid === 0 && (entry.isUnread || !byServer)) this.#uncertain += 1;
    this.#past.push(entry);
    if (this.#past.length >= keptMax * 2) this.#forget();
  }

  /** Of the server's backends that sessions are in now. */
  get openPids(): number[] {
    return [...this.#open.values()].map(({ pid }) => pid).filter((pid) => pid > 0);
  }

  look(): BackendsSeen {
    this.#forget();
    const atMs = this.#nowMs();
    let unread = 0;
    let open = 0;
    for (const entry of this.#open.values()) {
      if (entry.pid === 0) entry.untilMs = atMs;
      else open += 1;
      if (entry.isUnread) unread += 1;
    }
    const addresses = new Map<string, number>();
    const entries = [...this.#open.values(), ...this.#past];
    const known = new Float64Array(entries.length * knownStride);
    for (const [at, { pid, sinceMs, untilMs, address, port }] of entries.entries()) {
      const index = addresses.get(address) ?? addresses.size;
      addresses.set(address, index);
      known.set([pid, sinceMs, untilMs, index, port], at * knownStride);
    }
    return {
      ...{ atMs, known, unread, open },
      addresses: [...addresses.keys()],
      loggedIn: Object.fromEntries(this.#loggedIn),
      recorded: this.#recorded,
      uncertain: this.#uncertain,
    };
  }

  #forget(): void {
    const from = this.#nowMs() - keptMs;
    const firstKept = this.#past.findIndex(({ closedMs }) => closedMs >= from);
    const over = Math.max(0, this.#past.length - keptMax);
    this.#past.splice(0, firstKept < 0 ? this.#past.length : Math.max(firstKept, over));
  }
}
