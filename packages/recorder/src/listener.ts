/**
 * Owns the listening socket: accepts with the options every relayed connection needs. Knows nothing of
 * sessions.
 */
import { createServer, type Server, type Socket } from 'node:net';
import type { ListeningSocket } from './listeningSockets.ts';
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

/**
 * @param ipv6Only of `::`: IPv4 is somebody else's, who listens on 0.0.0.0
 * @throws RecorderError `LISTEN`
 */
export function listen(
  host: string,
  port: number,
  accept: (client: Socket) => void,
  ipv6Only = false,
): Promise<Listener> {
  const server: Server = createServer(
    { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveMs },
    accept,
  );
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(explain(error, host, port)));
    server.listen({ host, port, backlog: backlogConnections, ipv6Only }, () => {
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

function codeOf(error: unknown): string {
  const cause = error instanceof RecorderError ? (error.cause as NodeJS.ErrnoException) : null;
  return cause?.code ?? '';
}

/** An address that is not listened on, by the code it failed with. */
interface Missing {
  readonly address: string;
  readonly code: string;
}

export interface ListenPlan {
  readonly host: string;
  readonly port: number;
  readonly others: readonly string[];
  /** No address is a reason not to start: each is tried again until it is had. */
  readonly waits?: boolean;
}

/**
 * Owns the sockets of all addresses, on one port. An address that this machine does not have is told and tried again: in a pod IPv6 may
 * come late, and PostgreSQL may hold the port until it is started anew.
 */
export class Listeners implements Listener {
  readonly host: string;
  port: number;
  readonly #addresses: readonly string[];
  readonly #waits: boolean;
  readonly #accept: (client: Socket) => void;
  readonly #onMissing: (message: string) => void;
  readonly #bound: Listener[] = [];
  #missing: Missing[] = [];
  #isTrying = false;
  #isClosed = false;

  constructor(
    { host, port, others, waits }: ListenPlan,
    accept: (client: Socket) => void,
    onMissing: (message: string) => void,
  ) {
    this.host = host;
    this.port = port;
    const all = others.flatMap((some) => some.split(',')).filter((one) => one !== '');
    this.#addresses = [...new Set([host, ...all])];
    this.#waits = waits ?? false;
    this.#accept = accept;
    this.#onMissing = onMissing;
  }

  get bound(): readonly ListeningSocket[] {
    return this.#bound.map(({ host, port }) => ({ address: host, port }));
  }

  /** Addresses that somebody else has. */
  get inUse(): readonly string[] {
    return this.#missing.filter(({ code }) => code === 'EADDRINUSE').map(({ address }) => address);
  }

  /** @throws RecorderError `LISTEN`; nothing listens then */
  async open(): Promise<this> {
    for (const address of this.#addresses) {
      try {
        await this.#take(address);
      } catch (error) {
        const code = codeOf(error);
        const isFirst = address === this.host;
        if (!this.#waits && (isFirst || !absentCodes.has(code))) {
          this.close();
          throw error;
        }
        this.#missing.push({ address, code });
        this.#onMissing((error as Error).message);
      }
    }
    return this;
  }

  /** Tries again what could not be had. */
  async retry(): Promise<void> {
    if (this.#isTrying || this.#isClosed || this.#missing.length === 0) return;
    this.#isTrying = true;
    const missing: Missing[] = [];
    for (const { address } of this.#missing) {
      try {
        await this.#take(address);
      } catch (error) {
        missing.push({ address, code: codeOf(error) });
      }
    }
    this.#missing = missing;
    this.#isTrying = false;
  }

  close(): void {
    this.#isClosed = true;
    for (const one of this.#bound) one.close();
    this.#bound.length = 0;
  }

  async #take(address: string): Promise<void> {
    const isBesideIpv4 = address === '::' && this.#addresses.includes('0.0.0.0');
    const one = await listen(address, this.port, this.#accept, isBesideIpv4);
    this.port = one.port;
    if (this.#isClosed) one.close();
    else this.#bound.push(one);
  }
}

/** Listens on `host` and, with the port that it got there, on each of `others`. @throws RecorderError `LISTEN` */
export function listenOnAll(
  plan: ListenPlan,
  accept: (client: Socket) => void,
  onMissing: (message: string) => void,
): Promise<Listeners> {
  return new Listeners(plan, accept, onMissing).open();
}
