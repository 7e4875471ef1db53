/**
 * Owns one client connection: its two sockets, from the first byte until both are closed. Startup,
 * authentication and the pumps are parts of it; it decides only when which of them is in charge, and what the
 * close entry says.
 */
import type { Socket } from 'node:net';
import { AuthGate, type AuthStep } from './authGate.ts';
import { forwardCancel, withoutCancelKey } from './cancel.ts';
import { Farewell } from './farewell.ts';
import { readInPlace } from './inPlace.ts';
import { hold } from './pump.ts';
import { PumpPair, type RawReason } from './pumpPair.ts';
import { type RefusalReason, refusalFrame } from './refusal.ts';
import type { RelayContext } from './relayContext.ts';
import { SessionStartup, type StartupHost } from './sessionStartup.ts';
import { TerminateWatch } from './terminateWatch.ts';
import { connectUpstream, socketPath } from './upstream.ts';

/** Replication is exempt from `sessionsMax`, but it asks for that before it has shown who it is: it gets so many more. */
const exemptSessions = 64;

export class RelaySession implements StartupHost {
  readonly trustUpstream: boolean;
  readonly #context: RelayContext;
  readonly #client: Socket;
  readonly #onClosed: (session: RelaySession) => void;
  readonly #startup: SessionStartup;
  readonly #terminate = new TerminateWatch();
  readonly #farewell = new Farewell();
  readonly #startupTimer: NodeJS.Timeout;
  /** Number in the reel; 0 before the first byte. */
  #number = 0;
  #upstream: Socket | null = null;
  #isConnected = false;
  #pumps: PumpPair | null = null;
  #auth: AuthGate | null = null;
  #residue: Buffer | null = null;
  #isCancel = false;
  /** Replication: never held up by the backlog, never limited. */
  #isExempt = false;
  /** Refused or over: nothing that still arrives matters. */
  #isDeaf = false;
  #isEnding = false;
  #isFinished = false;
  #isCounted = false;
  /** The server has not answered as a server of PostgreSQL: nothing of the client may reach it. */
  #isMuted = false;
  #deadline: NodeJS.Timeout | null = null;
  #untypedBytes = 0;

  constructor(accepted: Socket, context: RelayContext, onClosed: (session: RelaySession) => void) {
    const client = context.rewrapAccepted
      ? readInPlace(accepted, (bytes, buffer) => this.#readClient(bytes, buffer))
      : accepted;
    this.#client = client;
    this.#context = context;
    this.#onClosed = onClosed;
    this.trustUpstream = context.trustUpstream;
    this.#startup = new SessionStartup(this);
    this.#startupTimer = setTimeout(() => this.refuse('startup_timeout'), context.startupMs);
    client.on('data', (chunk: Buffer) => this.#fromClient(chunk));
    client.on('end', () => this.#clientEnded());
    client.on('error', (error) => this.#clientFailed(error));
    client.on('close', () => this.#clientClosed());
  }

  get bytesFromClient(): number {
    return this.#untypedBytes + (this.#pumps?.toServer.bytes ?? 0);
  }

  get bytesFromServer(): number {
    return this.#pumps?.toClient.bytes ?? 0;
  }

  hold(reason: number): void {
    this.#pumps?.hold(reason, this.#isExempt);
  }

  release(reason: number): void {
    this.#pumps?.release(reason);
  }

  /** The recorder stops: the close entry is journaled when this returns. */
  stop(): void {
    this.#context.turn.run();
    this.#farewell.decide(this.#terminate.isSeen ? 'terminated' : 'recorder_stopped');
    this.#finish();
    this.#client.destroy();
    this.#upstream?.destroy();
  }

  // What the startup asks for.

  record(packet: Buffer): void {
    this.#context.journal.startup(this.#number, packet);
    this.#context.turn.arm();
  }

  sendToClient(bytes: Buffer): void {
    if (this.#pumps !== null) this.#pumps.toClient.take(bytes, false);
    else {
      this.#context.turn.after(() => {
        if (!this.#isDeaf) this.#client.write(bytes);
      });
    }
  }

  sendToServer(bytes: Buffer): void {
    this.#context.turn.after(() => {
      if (!this.#isDeaf) this.#connect().write(bytes);
    });
  }

  begin(packet: Buffer, exempt: boolean): void {
    const context = this.#context;
    const max = exempt ? context.sessionsMax + exemptSessions : context.sessionsMax;
    if (context.sessionsOpen >= max) {
      this.refuse('sessions_max');
      return;
    }
    this.#isExempt = exempt;
    this.#countOpen();
    this.record(packet);
    this.sendToServer(packet);
    // Until the pumps are there nobody bounds what the client sends.
    this.#client.pause();
    context.turn.after(() => {
      if (this.#isDeaf) return;
      const { toServer } = this.#startPumps();
      if (!this.trustUpstream) {
        this.#auth = new AuthGate();
        this.#residue = this.#startup.residue();
        toServer.hold(hold.authentication);
      } else this.#forwardResidue(this.#startup.residue());
      if (!toServer.isHeld) this.#client.resume();
    });
  }

  cancel(packet: Buffer): void {
    if (this.#context.cancelsOpen >= this.#context.cancelsMax) {
      this.refuse('cancels_max');
      return;
    }
    this.#isCancel = true;
    this.#context.cancelsOpen += 1;
    clearTimeout(this.#startupTimer);
    this.#destroyIn(this.#context.cancelMs);
    this.#context.journal.startup(this.#number, withoutCancelKey(packet));
    forwardCancel(packet, this.#connect(), this.#context.turn);
  }

  splice(reason: RawReason, detail: string): void {
    this.#countOpen();
    // Without knowing what the server speaks R6 cannot be checked.
    this.#isMuted = reason === 'bad_framing';
    if (this.#isMuted) this.#destroyIn(this.#context.startupMs);
    this.#startPumps().goRaw(reason, detail);
  }

  #destroyIn(ms: number): void {
    this.#deadline = setTimeout(() => {
      this.#farewell.decide('error', this.#isCancel ? 'cancel_timeout' : 'startup_timeout');
      this.#isDeaf = true;
      this.#client.destroy();
      this.#upstream?.destroy();
    }, ms);
  }

  refuse(reason: RefusalReason, detail?: string): void {
    if (this.#isDeaf) return;
    this.#context.gauges.countRefused(reason);
    this.#farewell.decide(reason === 'upstream_unreachable' ? 'error' : 'refused', reason);
    this.#context.turn.after(() => {
      const frame = refusalFrame(reason, detail);
      if (frame === null) this.#client.destroy();
      else this.#client.end(frame);
      this.#farewell.linger(this.#client);
    });
    this.#isDeaf = true;
    this.#upstream?.destroy();
    // What still comes is read and dropped: unread bytes would turn our close into a reset that overtakes the
    // error.
    this.#pumps?.toServer.release(~0);
    this.#client.resume();
  }

  // The client's side.

  #readClient(bytes: number, buffer: Buffer): boolean {
    const pump = this.#pumps?.toServer;
    if (pump === undefined || this.#isDeaf || this.#isMuted) {
      this.#fromClient(Buffer.from(buffer.subarray(0, bytes)));
      return true;
    }
    if (pump.isBorrowing) return this.#overrun();
    this.#terminate.see(buffer, bytes);
    pump.read(bytes, buffer, this.#context.isCrowded);
    return true;
  }

  #fromClient(chunk: Buffer): void {
    if (this.#isDeaf || this.#isCancel || this.#isMuted) return;
    if (this.#pumps !== null) {
      this.#terminate.see(chunk);
      this.#pumps.toServer.take(chunk, false);
      return;
    }
    if (this.#number === 0) this.#open();
    this.#untypedBytes += chunk.length;
    this.#startup.fromClient(chunk);
  }

  /** At the first byte, so that probes that only connect leave no session on the tape. */
  #open(): void {
    const { upstream } = this.#context;
    this.#number = this.#context.nextSession();
    this.#context.journal.open(this.#number, {
      client: { address: this.#client.remoteAddress ?? '', port: this.#client.remotePort ?? 0 },
      server: { address: socketPath(upstream) ?? upstream.host, port: upstream.port },
      tls: false,
    });
    this.#context.turn.arm();
  }

  #clientEnded(): void {
    if (this.#pumps !== null) {
      this.#farewell.decide(this.#terminate.isSeen ? 'terminated' : 'client_closed');
      this.#pumps.toServer.end();
    } else if (!this.#isCancel && !this.#isDeaf) {
      this.#farewell.decide('client_closed');
      this.#isDeaf = true;
      this.#client.end();
      this.#upstream?.destroy();
    }
  }

  #clientFailed(error: NodeJS.ErrnoException): void {
    if (this.#terminate.isSeen) this.#farewell.decide('terminated');
    else this.#farewell.decide('error', `client_${error.code ?? 'error'}`);
    this.#context.turn.run();
  }

  #clientClosed(): void {
    const upstream = this.#upstream;
    if (upstream !== null && !upstream.destroyed) {
      upstream.destroySoon();
      this.#farewell.linger(upstream);
    }
    this.#closed();
  }

  // The server's side.

  #connect(): Socket {
    this.#upstream ??= connectUpstream(this.#context.upstream, {
      onConnected: () => {
        this.#isConnected = true;
      },
      onRead: (bytes, buffer) => this.#fromServer(bytes, buffer),
      onEnd: () => this.#serverEnded(),
      onError: (error) => this.#serverFailed(error),
      onClosed: () => this.#closed(),
    });
    return this.#upstream;
  }

  #fromServer(bytes: number, buffer: Buffer): boolean {
    const pump = this.#pumps?.toClient;
    if (pump === undefined || this.#auth !== null) {
      this.#fromServerEarly(Buffer.from(buffer.subarray(0, bytes)));
      return true;
    }
    if (pump.isBorrowing) return this.#overrun();
    pump.read(bytes, buffer, this.#context.isCrowded);
    return true;
  }

  #fromServerEarly(chunk: Buffer): void {
    if (this.#isDeaf) return;
    if (this.#auth !== null) this.#authenticate(this.#auth.push(chunk));
    else if (this.#isCancel) this.#client.write(chunk);
    else this.#startup.fromServer(chunk);
  }

  #authenticate(step: AuthStep): void {
    if (step.forward.length > 0) this.#pumps?.toClient.take(step.forward, false);
    if (step.phase === 'trusting') this.refuse('upstream_trusts');
    else if (step.phase === 'broken') this.refuse('upstream_unintelligible');
    else if (step.phase !== 'waiting') this.#answered(step.phase);
  }

  /** The server has asked for proof, or will not let anybody in: the client may speak. */
  #answered(phase: AuthStep['phase']): void {
    if (phase === 'passed' || phase === 'unframed') this.#auth = null;
    if (this.#residue !== null) {
      const residue = this.#residue;
      this.#residue = null;
      this.#forwardResidue(residue);
      this.#pumps?.toServer.release(hold.authentication);
    }
  }

  #serverEnded(): void {
    if (this.#isDeaf) return;
    this.#farewell.decide(this.#terminate.isSeen ? 'terminated' : 'server_closed');
    const rest = this.#auth?.drain();
    if (rest !== undefined && rest.length > 0) this.#pumps?.toClient.take(rest, false);
    this.#endClient();
  }

  #serverFailed(error: NodeJS.ErrnoException): void {
    if (this.#isDeaf) return;
    if (!this.#isConnected && !this.#isCancel) {
      const { host, port } = this.#context.upstream;
      this.refuse('upstream_unreachable', `${host}:${port}: ${error.code ?? error.message}`);
      return;
    }
    if (this.#terminate.isSeen) this.#farewell.decide('terminated');
    else this.#farewell.decide('error', `server_${error.code ?? 'error'}`);
    this.#endClient();
  }

  /**
   * What was received still reaches the client, then it is told the end; one that does not close is closed.
   */
  #endClient(): void {
    const client = this.#client;
    if (client.destroyed || this.#isEnding) return;
    this.#isEnding = true;
    // Its own end has to be noticed. Of a server that is gone for good, so has whatever else it sends.
    this.#pumps?.toServer.release(hold.backlog | hold.authentication);
    if (this.#upstream?.destroyed === true) this.#pumps?.toServer.release(hold.target);
    this.#farewell.lingerWhenSent(client);
    if (this.#pumps !== null) this.#pumps.toClient.end();
    else if (this.#isCancel) client.end();
    else this.#context.turn.after(() => client.end());
  }

  // Both.

  #startPumps(): PumpPair {
    clearTimeout(this.#startupTimer);
    const { turn, isBacklogged } = this.#context;
    const pumps = new PumpPair(this.#number, this.#client, this.#upstream!, this.#context, this.#isExempt);
    this.#pumps = pumps;
    if (isBacklogged) this.hold(hold.backlog);
    if (turn.isFailing) this.hold(hold.journal);
    return pumps;
  }

  #forwardResidue(residue: Buffer): void {
    if (residue.length === 0) return;
    this.#untypedBytes -= residue.length;
    this.#terminate.see(residue);
    this.#pumps?.toServer.take(residue, false);
  }

  /**
   * Two reads within one turn into the one buffer: the first was overwritten, so it must not be forwarded.
   */
  #overrun(): boolean {
    this.#farewell.decide('error', 'read_overrun');
    this.#isDeaf = true;
    this.#client.destroy();
    this.#upstream?.destroy();
    return false;
  }

  #countOpen(): void {
    this.#isCounted = true;
    this.#context.sessionsOpen += 1;
  }

  #closed(): void {
    const isUpstreamClosed = this.#upstream === null || this.#upstream.destroyed;
    if (this.#client.destroyed && isUpstreamClosed) this.#finish();
    else if (isUpstreamClosed && !this.#isDeaf) this.#endClient();
  }

  #finish(): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    this.#isDeaf = true;
    clearTimeout(this.#startupTimer);
    if (this.#deadline !== null) clearTimeout(this.#deadline);
    if (this.#isCancel) this.#context.cancelsOpen -= 1;
    this.#farewell.clear();
    const { journal, turn, gauges } = this.#context;
    if (this.#isCounted) this.#context.sessionsOpen -= 1;
    gauges.bytesFromClients += this.bytesFromClient;
    gauges.bytesFromServer += this.bytesFromServer;
    if (this.#number === 0) gauges.silentConnections += 1;
    else {
      journal.close(this.#number, this.#farewell.entry(this.bytesFromClient, this.bytesFromServer));
      turn.arm();
    }
    this.#onClosed(this);
  }
}
