/**
 * Owns what the recorder finds out about its own place: whether clients can get past it, and whether they are served the server's TLS. It
 * looks again and again, never on the way of a client's bytes.
 */
import { type CaptureMode, type CaptureVerdict, judgeCapture } from './captureProbe.ts';
import type { Listeners } from './listener.ts';
import { type ListeningSocket, listeningSockets, readListening } from './listeningSockets.ts';
import { judgeTls, type ServerTls, type TlsVerdict } from './tlsMatch.ts';
import type { UpstreamAddress } from './upstream.ts';
import { askUpstreamTls } from './upstreamTlsProbe.ts';

export interface ViewOptions {
  /** Absent, the recorder runs where nobody is led. */
  readonly capture: { readonly mode: CaptureMode; readonly port: number } | undefined;
  readonly listeners: () => Listeners | null;
  /** DER of the certificate served; null: there is none. */
  readonly served: () => Uint8Array | null;
  readonly upstream: () => UpstreamAddress;
  readonly onTrouble: (event: string, detail: string) => void;
  /** Absent, the kernel's: text of /proc/net/tcp or tcp6. */
  readonly readSockets?: (path: string) => Promise<string>;
  readonly askTls?: (upstream: UpstreamAddress) => Promise<ServerTls>;
}

const retrySeconds = 2;
const captureSeconds = 10;
/** Until the server has answered, and then. */
const tlsSeconds = { first: 10, later: 300 } as const;

const notLooked: CaptureVerdict = { achieved: null, reason: 'unknown', others: [] };

export class RecorderView {
  capture: CaptureVerdict = notLooked;
  readonly #options: ViewOptions;
  #server: ServerTls | null = null;
  #seconds = 0;
  #isAsking = false;
  #toldTls: string | null = null;

  constructor(options: ViewOptions) {
    this.#options = options;
  }

  get tls(): TlsVerdict {
    return judgeTls(this.#options.served(), this.#server);
  }

  /** A session has seen it. */
  sawServerCertificate(leaf: Uint8Array): void {
    if (leaf.length > 0) this.#server = { offers: true, leaf };
  }

  /** At the start, and once a second. */
  async tick(): Promise<void> {
    const second = this.#seconds++;
    if (second % retrySeconds === 0) await this.#takeMissing();
    if (second % captureSeconds === 0) await this.#look();
    const pause = this.#server === null ? tlsSeconds.first : tlsSeconds.later;
    if (second % pause === 0) await this.#ask();
    this.#tellTls();
  }

  async #takeMissing(): Promise<void> {
    const listeners = this.#options.listeners();
    const before = listeners?.bound.length ?? 0;
    await listeners?.retry();
    const now = listeners?.bound.length ?? 0;
    if (now === before) return;
    this.#options.onTrouble('listen_address_taken', 'an address that could not be had is listened on now');
    await this.#look();
  }

  async #look(): Promise<void> {
    const { capture, listeners, onTrouble } = this.#options;
    const all = listeners();
    if (capture === undefined || all === null) return;
    const sockets = await this.#sockets();
    const before = this.capture;
    this.capture = judgeCapture({ ...capture, listeners: all.bound, inUse: all.inUse, sockets });
    const { reason, achieved, others } = this.capture;
    if (before.reason === reason && before.achieved === achieved) return;
    const where = others.length === 0 ? '' : `; others listen on ${others.join(', ')}`;
    const what =
      achieved === true ? 'is achieved' : achieved === false ? 'is not achieved' : 'cannot be told';
    onTrouble('capture', `${capture.mode} ${what} (${reason})${where}`);
  }

  async #sockets(): Promise<ListeningSocket[] | null> {
    const { readSockets = readListening } = this.#options;
    try {
      const four = listeningSockets(await readSockets('/proc/net/tcp'));
      // A kernel without IPv6 has no such file, and nobody listens there.
      const six = await readSockets('/proc/net/tcp6').catch(() => '');
      return [...four, ...listeningSockets(six)];
    } catch {
      return null;
    }
  }

  async #ask(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    const { upstream, askTls = askUpstreamTls } = this.#options;
    try {
      this.#server = await askTls(upstream());
    } catch {
      // A server that is not there yet is asked again.
    }
    this.#isAsking = false;
  }

  #tellTls(): void {
    const { reason } = this.tls;
    if (reason === this.#toldTls) return;
    this.#toldTls = reason;
    this.#options.onTrouble('tls_match', `TLS towards clients: ${reason ?? 'as the server has it'}`);
  }
}
