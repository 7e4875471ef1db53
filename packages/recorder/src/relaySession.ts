/**
 * Owns one client connection: its two legs, from the first byte until both are closed. Startup, opening and
 * the pumps are parts of it; it decides only when which of them is in charge, and what the close entry says.
 */
import type { Socket } from 'node:net';
import { forwardCancel, withoutCancelKey } from './cancel.ts';
import { Farewell } from './farewell.ts';
import { readInPlace } from './inPlace.ts';
import { Leg } from './leg.ts';
import { OpeningLegs, type OpeningSession } from './openingLegs.ts';
import { hold } from './pump.ts';
import { PumpPair, type RawReason } from './pumpPair.ts';
import { type RefusalReason, refusalFrame } from './refusal.ts';
import type { RelayContext } from './relayContext.ts';
import { SessionJournal } from './sessionJournal.ts';
import { SessionSeat } from './sessionSeat.ts';
import type { FullReason } from './spoolLevel.ts';
import { type StartingSession, StartupLegs } from './startupLegs.ts';
import { TerminateWatch } from './terminateWatch.ts';
import { connectUpstream, socketPath } from './upstream.ts';

export class RelaySession implements StartingSession, OpeningSession {
  readonly #context: RelayContext;
  readonly client: Leg;
  readonly #onClosed: (session: RelaySession) => void;
  readonly #startup: StartupLegs;
  readonly #terminate = new TerminateWatch();
  readonly #farewell = new Farewell();
  readonly journal: SessionJournal;
  #upstream: Leg | null = null;
  #isConnected = false;
  #pumps: PumpPair | null = null;
  #opening: OpeningLegs | null = null;
  #isCancel = false;
  /** Replication: never held up by the backlog, never limited. */
  #isExempt = false;
  /** Refused or over: nothing that still arrives matters. */
  isDeaf = false;
  #isEnding = false;
  #isFinished = false;
  readonly #seat: SessionSeat;
  /** The server has not answered as a server of PostgreSQL: nothing of the client may reach it. */
  #isMuted = false;
  #deadline: NodeJS.Timeout | null = null;

  constructor(accepted: Socket, context: RelayContext, onClosed: (session: RelaySession) => void) {
    this.#context = context;
    this.#onClosed = onClosed;
    this.#seat = new SessionSeat(context);
    this.journal = new SessionJournal(context, () => this.bytesFromClient + this.bytesFromServer);
    this.client = new Leg((onRead) => (context.rewrapAccepted ? readInPlace(accepted, onRead) : accepted), {
      onRead: (bytes, buffer) => this.#readClient(bytes, buffer),
      onChunk: (chunk) => this.#fromClient(chunk),
      onEnd: () => this.#clientEnded(),
      onError: (error) => this.#clientFailed(error),
      onClosed: () => this.#clientClosed(),
    });
    this.#startup = new StartupLegs(this, context);
  }

  get bytesFromClient(): number {
    return this.#startup.bytes + (this.#pumps?.toServer.bytes ?? 0);
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

  /** The spool is full and nothing more of it is recorded, where that is how it is to be. */
  pass(reason: FullReason): void {
    if (this.journal.number > 0 && (this.#isExempt || this.#context.onFull === 'pass'))
      this.journal.pass(reason);
  }

  /** The recorder stops: the close entry is journaled when this returns. */
  stop(): void {
    this.#context.turn.run();
    this.#farewell.decide(this.#terminate.isSeen ? 'terminated' : 'recorder_stopped');
    this.#finish();
    this.client.destroy();
    this.#upstream?.destroy();
  }

  // What the startup asks for.

  sendToClient(bytes: Buffer): void {
    if (this.#pumps !== null) this.#pumps.toClient.take(bytes, false);
    else {
      this.#context.turn.after(() => {
        if (!this.isDeaf) this.client.write(bytes);
      }, this.journal);
    }
  }

  begin(packet: Buffer, exempt: boolean): void {
    const context = this.#context;
    const refusal = this.#seat.take(exempt, this.journal);
    if (refusal !== null) {
      this.refuse(refusal);
      return;
    }
    this.#isExempt = exempt;
    this.#startup.record(packet);
    this.#startup.sendToServer(packet);
    // Until the pumps are there nobody bounds what the client sends.
    this.client.socket.pause();
    context.turn.after(() => {
      if (this.isDeaf) return;
      const pumps = this.#startPumps();
      this.#opening = new OpeningLegs(this, context, pumps, this.#startup.openingFacts(packet));
      this.#opening.begin(this.#startup.residue());
      if (!pumps.toServer.isHeld) this.client.socket.resume();
    }, this.journal);
  }

  askAgain(packet: Buffer, own: Buffer, residue: Buffer): void {
    this.#upstream?.abandon();
    this.#upstream = null;
    this.#isConnected = false;
    this.#opening = null;
    this.#pumps = null;
    this.#startup.again(packet, own, residue);
  }

  cancel(packet: Buffer): void {
    if (!this.#seat.takeForCancel()) {
      this.refuse('cancels_max');
      return;
    }
    this.#isCancel = true;
    this.#startup.stopTimer();
    this.#destroyIn(this.#context.cancelMs);
    const target = this.#context.cancelTargets.find(packet)?.number ?? null;
    this.journal.startup(withoutCancelKey(packet));
    this.journal.cancelled(target);
    forwardCancel(packet, this.server(), this.#context.turn);
    if (this.client.isGone) this.#clientClosed();
  }

  splice(reason: RawReason, detail: string): void {
    this.#seat.count();
    // Without knowing what the server speaks R6 cannot be checked.
    this.#isMuted = reason === 'bad_framing';
    if (this.#isMuted) this.#destroyIn(this.#context.startupMs);
    this.#startPumps().goRaw(reason, detail);
    this.#context.backends.unread(this.journal.number);
  }

  #destroyIn(ms: number): void {
    this.#deadline = setTimeout(() => {
      this.#farewell.decide('error', this.#isCancel ? 'cancel_timeout' : 'startup_timeout');
      this.isDeaf = true;
      this.client.destroy();
      this.#upstream?.destroy();
    }, ms);
  }

  refuse(reason: RefusalReason, detail?: string): void {
    if (this.isDeaf) return;
    this.#context.gauges.countRefused(reason);
    this.#farewell.decide(reason === 'upstream_unreachable' ? 'error' : 'refused', reason);
    this.#context.turn.after(() => {
      const frame = refusalFrame(reason, detail);
      const { socket } = this.client;
      if (frame === null) socket.destroy();
      else socket.end(frame);
      this.#farewell.linger(socket);
    }, this.journal);
    this.isDeaf = true;
    this.#upstream?.destroy();
    // What still comes is read and dropped: unread bytes would turn our close into a reset that overtakes the
    // error.
    this.#pumps?.toServer.release(~0);
    this.client.socket.resume();
  }

  // The client's side.

  #readClient(bytes: number, buffer: Buffer): boolean {
    const pump = this.#pumps?.toServer;
    if (pump === undefined || this.#opening !== null || this.isDeaf || this.#isMuted) {
      this.#fromClient(Buffer.from(buffer.subarray(0, bytes)));
      return true;
    }
    if (pump.isBorrowing) return this.#overrun();
    this.#terminate.see(buffer, bytes);
    pump.read(bytes, buffer, this.#context.isCrowded);
    return true;
  }

  #fromClient(chunk: Buffer): void {
    if (this.isDeaf || this.#isCancel || this.#isMuted) return;
    if (this.#opening !== null) {
      this.#opening.fromClient(chunk);
      return;
    }
    if (this.#pumps !== null) {
      this.toServer(chunk);
      return;
    }
    if (this.journal.number === 0) {
      this.#open();
      if (this.#context.rawLanes.has(this.client.socket.remoteAddress)) {
        this.#startup.enterLane(chunk);
        return;
      }
    }
    this.#startup.fromClient(chunk);
  }

  toServer(bytes: Buffer): void {
    this.#terminate.see(bytes);
    this.#pumps?.toServer.take(bytes, false);
  }

  /** At the first byte, so that probes that only connect leave no session on the tape. */
  #open(): void {
    const { upstream } = this.#context;
    const { remoteAddress, remotePort } = this.client.socket;
    this.journal.open({
      client: { address: remoteAddress ?? '', port: remotePort ?? 0 },
      server: { address: socketPath(upstream) ?? upstream.host, port: upstream.port },
      tls: false,
    });
    this.#context.turn.arm();
  }

  #clientEnded(): void {
    if (this.#pumps !== null) {
      this.#opening?.clientEnded();
      this.#farewell.decide(this.#terminate.isSeen ? 'terminated' : 'client_closed');
      this.#pumps.toServer.end();
    } else if (!this.#isCancel && !this.#startup.isCancelWaiting && !this.isDeaf) {
      this.#farewell.decide('client_closed');
      this.isDeaf = true;
      this.client.socket.end();
      this.#upstream?.destroy();
    }
  }

  #clientFailed(error: NodeJS.ErrnoException): void {
    if (this.#terminate.isSeen) this.#farewell.decide('terminated');
    else this.#farewell.decide('error', this.#startup.clientFailure ?? `client_${error.code ?? 'error'}`);
    this.#context.turn.run();
  }

  #clientClosed(): void {
    const failure = this.#startup.clientFailure;
    if (failure !== null) this.#farewell.decide('error', failure);
    const upstream = this.#startup.isCancelWaiting ? null : this.#upstream;
    if (upstream !== null && !upstream.isGone) {
      upstream.socket.destroySoon();
      this.#farewell.linger(upstream.socket);
    }
    this.#closed();
  }

  // The server's side.

  server(): Leg {
    this.#upstream ??= new Leg(
      (onRead) => connectUpstream(this.#context.upstream, onRead, () => this.#connected()),
      {
        onRead: (bytes, buffer) => this.#fromServer(bytes, buffer),
        onChunk: (chunk) => this.#fromServerSecured(chunk),
        onEnd: () => this.#serverEnded(),
        onError: (error) => this.#serverFailed(error),
        onClosed: () => this.#closed(),
      },
    );
    return this.#upstream;
  }

  #connected(): void {
    this.#isConnected = true;
    this.#context.backends.connected(this.journal.number, this.#upstream?.socket);
  }

  #fromServer(bytes: number, buffer: Buffer): boolean {
    const pump = this.#pumps?.toClient;
    if (pump === undefined || this.#opening !== null) {
      this.#fromServerEarly(Buffer.from(buffer.subarray(0, bytes)));
      return true;
    }
    if (pump.isBorrowing) return this.#overrun();
    pump.read(bytes, buffer, this.#context.isCrowded);
    return true;
  }

  /** Inside TLS. */
  #fromServerSecured(chunk: Buffer): void {
    if (this.#pumps !== null && this.#opening === null) this.#pumps.toClient.take(chunk, false);
    else this.#fromServerEarly(chunk);
  }

  #fromServerEarly(chunk: Buffer): void {
    if (this.isDeaf) return;
    if (this.#opening !== null) {
      if (!this.#opening.fromServer(chunk)) this.#opening = null;
    } else if (this.#isCancel) this.client.write(chunk);
    else this.#startup.fromServer(chunk);
  }

  #serverEnded(): void {
    if (this.isDeaf) return;
    this.#farewell.decide(this.#terminate.isSeen ? 'terminated' : 'server_closed');
    this.#opening?.serverEnded();
    this.#endClient();
  }

  #serverFailed(error: NodeJS.ErrnoException): void {
    if (this.isDeaf) return;
    if (this.#startup.isSecuringServer) {
      this.refuse('upstream_tls_failed', error.code ?? error.message);
      return;
    }
    if (!this.#isConnected && !this.#isCancel) {
      const { host, port } = this.#context.upstream;
      this.refuse('upstream_unreachable', `${host}:${port}: ${error.code ?? error.message}`);
      return;
    }
    if (this.#terminate.isSeen) this.#farewell.decide('terminated');
    else this.#farewell.decide('error', `server_${error.code ?? 'error'}`);
    this.#endClient();
  }

  /** What was received still reaches the client, then it is told the end; one that does not close is closed. */
  #endClient(): void {
    const client = this.client.socket;
    if (client.destroyed || this.#isEnding) return;
    this.#isEnding = true;
    // Its own end has to be noticed. Of a server that is gone for good, so has whatever else it sends.
    this.#pumps?.toServer.release(hold.backlog | hold.spool | hold.authentication);
    if (this.#upstream?.isGone === true) this.#pumps?.toServer.release(hold.target);
    this.#farewell.lingerWhenSent(client);
    if (this.#pumps !== null) this.#pumps.toClient.end();
    else if (this.#isCancel) client.end();
    else this.#context.turn.after(() => client.end(), this.journal);
  }

  #startPumps(): PumpPair {
    this.#startup.stopTimer();
    const { turn, isBacklogged, isSpoolWaiting } = this.#context;
    const sockets = { client: this.client.socket, server: this.server().socket };
    const pumps = new PumpPair(this.journal, sockets, this.#isExempt, this.#context);
    this.#pumps = pumps;
    if (isBacklogged) this.hold(hold.backlog);
    if (isSpoolWaiting) this.hold(hold.spool);
    if (turn.isFailing && !this.journal.isPassing) this.hold(hold.journal);
    return pumps;
  }

  /** Two reads within one turn into the one buffer: the first was overwritten, so it must not be forwarded. */
  #overrun(): boolean {
    this.#farewell.decide('error', 'read_overrun');
    this.isDeaf = true;
    this.client.destroy();
    this.#upstream?.destroy();
    return false;
  }

  #closed(): void {
    const isUpstreamClosed = this.#upstream?.isGone ?? true;
    if (this.client.isGone && isUpstreamClosed) this.#finish();
    else if (isUpstreamClosed && !this.isDeaf) this.#endClient();
  }

  #finish(): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    this.isDeaf = true;
    this.#startup.stopTimer();
    if (this.#deadline !== null) clearTimeout(this.#deadline);
    this.#seat.leave();
    this.#farewell.clear();
    const { turn, gauges, cancelTargets, backends } = this.#context;
    const farewell = this.#farewell.entry(this.bytesFromClient, this.bytesFromServer);
    cancelTargets.remove(this.journal.number);
    backends.closed(this.journal.number, farewell.why === 'server_closed');
    gauges.bytesFromClients += this.bytesFromClient;
    gauges.bytesFromServer += this.bytesFromServer;
    if (this.journal.number === 0) gauges.silentConnections += 1;
    else {
      this.journal.close(farewell);
      turn.arm();
    }
    this.#onClosed(this);
  }
}
