/**
 * Owns what the startup of a connection does to its two legs: what is sent waits for the journal (R1), and
 * it has a time limit. Which packet may come when is SessionStartup's; what a session is, RelaySession's.
 */
import { type Binding, bindingOf } from './channelBinding.ts';
import type { SecuredEntry } from './journalFormat.ts';
import type { Leg } from './leg.ts';
import type { OpeningFacts } from './openingLegs.ts';
import type { RawReason } from './pumpPair.ts';
import { isLocal } from './rawLanes.ts';
import type { RefusalReason } from './refusal.ts';
import type { RelayContext } from './relayContext.ts';
import type { SessionJournal } from './sessionJournal.ts';
import { SessionStartup, type StartupHost, type StartupPlan } from './sessionStartup.ts';
import type { TlsMaterial } from './tlsFiles.ts';
import { acceptTls, clientProblem, connectTls, tlsFacts } from './tlsLegs.ts';

const empty = Buffer.alloc(0);

/** The session whose startup this is. */
export interface StartingSession {
  readonly journal: SessionJournal;
  /** Refused or over. */
  readonly isDeaf: boolean;
  readonly client: Leg;
  /** Connects first where that has not happened. */
  server(): Leg;
  toServer(bytes: Buffer): void;
  /** Before the pumps are there, or with them. */
  sendToClient(bytes: Buffer): void;
  begin(packet: Buffer, exempt: boolean): void;
  cancel(packet: Buffer): void;
  splice(reason: RawReason, detail: string): void;
  refuse(reason: RefusalReason, detail?: string): void;
}

export class StartupLegs implements StartupHost {
  readonly plan: StartupPlan;
  readonly #session: StartingSession;
  readonly #context: RelayContext;
  readonly #startup: SessionStartup;
  readonly #timer: NodeJS.Timeout;
  readonly #tls: TlsMaterial;
  #isClientSecured = false;
  /** The client's StartupMessage, where the server is asked for less. */
  #clamped: Buffer | null = null;
  /** DER of its certificate, once its leg speaks TLS. */
  #server: Uint8Array | null = null;
  /** Bytes of the client, behind the last packet as well. */
  bytes = 0;

  constructor(session: StartingSession, context: RelayContext) {
    this.#session = session;
    this.#context = context;
    this.#tls = context.tls;
    this.plan = {
      hasCertificate: this.#tls.served !== null,
      upstream: context.upstreamTls,
      trustUpstream: context.trustUpstream,
    };
    this.#startup = new SessionStartup(this);
    this.#timer = setTimeout(() => session.refuse('startup_timeout'), context.startupMs);
  }

  fromClient(chunk: Buffer): void {
    this.bytes += chunk.length;
    this.#startup.fromClient(chunk);
  }

  /** In place of `fromClient`, for clients that are relayed unread; R6 holds by where the server is. */
  enterLane(chunk: Buffer): void {
    const { upstream, trustUpstream } = this.#context;
    if (!trustUpstream && isLocal(upstream.host)) {
      this.#session.refuse('raw_lane_unchecked');
      return;
    }
    this.#session.splice('raw_lane', 'clients of this address are relayed unread, as configured');
    this.#session.toServer(chunk);
  }

  fromServer(chunk: Buffer): void {
    this.#startup.fromServer(chunk);
  }

  /** The server's leg begins anew with `packet` in place of the client's own; `residue` came behind that. */
  again(packet: Buffer, own: Buffer, residue: Buffer): void {
    this.#clamped = own;
    this.#server = null;
    this.bytes += residue.length;
    this.#startup.again(packet, residue);
  }

  /** Of the session that begins with `packet`. */
  openingFacts(packet: Buffer): OpeningFacts {
    return { packet: this.#clamped ?? packet, isClamped: this.#clamped !== null, binding: this.binding };
  }

  /** Bytes that came behind the last packet; they belong to the session that follows. */
  residue(): Buffer {
    const residue = this.#startup.residue();
    this.bytes -= residue.length;
    return residue;
  }

  /** Why the client's connection has closed, where it did so in the middle of its handshake. */
  get clientFailure(): 'client_tls_failed' | null {
    return this.#startup.isSecuringClient ? 'client_tls_failed' : null;
  }

  get isSecuringServer(): boolean {
    return this.#startup.isSecuringServer;
  }

  get isCancelWaiting(): boolean {
    return this.#startup.isCancelWaiting;
  }

  /** What SCRAM's channel binding would be over. */
  get binding(): Binding {
    const served = this.#isClientSecured ? (this.#tls.served?.leaf ?? null) : null;
    return bindingOf({ served, server: this.#server });
  }

  /** It took no longer than it may. */
  stopTimer(): void {
    clearTimeout(this.#timer);
  }

  // What the startup asks for.

  record(packet: Buffer): void {
    this.#session.journal.startup(packet);
    this.#context.turn.arm();
  }

  sendToClient(bytes: Buffer): void {
    this.#session.sendToClient(bytes);
  }

  sendToServer(bytes: Buffer): void {
    const session = this.#session;
    this.#context.turn.after(() => {
      if (!session.isDeaf) session.server().write(bytes);
    }, session.journal);
  }

  secureClient(unread: Buffer, direct: boolean): void {
    const session = this.#session;
    const { served } = this.#tls;
    this.#context.turn.after(() => {
      if (session.isDeaf || served === null) return;
      const socket = session.client.secure((plain) => acceptTls(plain, served), unread);
      socket.once('secure', () => {
        const problem = clientProblem(socket, served, direct);
        this.#isClientSecured = true;
        if (problem !== null) session.refuse(problem);
        else this.#secured({ leg: 'client', tls: tlsFacts(socket) });
      });
    }, session.journal);
  }

  secureServer(): void {
    const session = this.#session;
    const { upstream } = this.#tls;
    this.#context.turn.after(() => {
      if (session.isDeaf) return;
      const socket = session.server().secure((plain) => connectTls(plain, upstream), empty);
      socket.once('secureConnect', () => {
        this.#server = socket.getPeerX509Certificate()?.raw ?? empty;
        this.#context.onServerCertificate(this.#server);
        this.#secured({ leg: 'server', tls: tlsFacts(socket, upstream.serverName) });
      });
    }, session.journal);
  }

  #secured(entry: SecuredEntry): void {
    if (this.#session.isDeaf) return;
    this.#session.journal.secured(entry);
    this.#context.turn.arm();
    if (entry.leg === 'client') this.#startup.clientSecured();
    else this.#startup.serverSecured();
  }

  pauseClient(): void {
    this.#session.client.socket.pause();
  }

  resumeClient(): void {
    this.#session.client.socket.resume();
  }

  cancelsTlsSession(packet: Buffer): boolean {
    return this.#context.cancelTargets.find(packet)?.isServerSecured ?? false;
  }

  begin(packet: Buffer, exempt: boolean): void {
    this.#session.begin(packet, exempt);
  }

  cancel(packet: Buffer): void {
    this.#session.cancel(packet);
  }

  splice(reason: RawReason, detail: string): void {
    this.#session.splice(reason, detail);
  }

  refuse(reason: RefusalReason): void {
    this.#session.refuse(reason);
  }
}
