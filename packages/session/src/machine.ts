/**
 * One session, from messages to records. Owns the order of things and the promise that no input makes it
 * throw; what messages mean is in the files it calls. Reads no clock and no socket.
 */
import { type DraftOf, elapsedNs, type GapReason, type Instant, type TlsFacts } from '@pgtape/evidence';
import { frontendTag } from '@pgtape/wire';
import { backendCounted, backendMessage } from './backendMessages.ts';
import { copyData, frontendMessage } from './frontendMessages.ts';
import { release } from './heldStatement.ts';
import { pendingBytesMax, type SessionLimits } from './limits.ts';
import { loseDecoding, loseOutstanding, type Passed, resumeDecoding } from './losing.ts';
import { tellNotices } from './notices.ts';
import type { SessionIdentity } from './opening.ts';
import { announceRunning } from './runningStatement.ts';
import { SessionState } from './sessionState.ts';
import { fromSnapshot, type SessionSnapshot, takeSnapshot } from './snapshot.ts';
import type { SessionSink } from './tape.ts';

/** How a session ended, as the relay saw it. */
export interface SessionEnd {
  readonly why: DraftOf<'closed'>['why'];
  /** Named reason of a refusal. */
  readonly reason?: string;
  readonly bytesFromClient: number;
  readonly bytesFromServer: number;
}

const headerBytes = 5;
const noBytes = new Uint8Array(0);
/** What a waiting message takes beside its body, about. */
const tokenBytes = 256;

export class SessionMachine {
  #state: SessionState;

  constructor(identity: SessionIdentity, limits: SessionLimits, sink: SessionSink, openedAt: Instant) {
    this.#state = new SessionState(identity, limits, sink, openedAt);
  }

  /** An untyped packet of the client, as forwarded. */
  startup(packet: Uint8Array, at: Instant): void {
    this.#guarded(at, () => {
      const { opening, settings } = this.#state;
      opening.packet(packet);
      const { role, searchPath, options } = opening;
      if (role !== null || searchPath !== null || options !== '') settings.asked(role, searchPath, options);
    });
  }

  /** A leg speaks TLS from here on. */
  secured(leg: 'client' | 'server', tls: TlsFacts): void {
    this.#state.opening.secured(leg, tls);
  }

  /** The SASL mechanism the client has chosen of those it was offered. */
  mechanism(name: string): void {
    this.#state.opening.mechanism(name);
  }

  /** The session this one, a cancel request, is for; `unknown`: none that was open. */
  cancels(session: string): void {
    this.#state.opening.cancels = session;
  }

  /**
   * A typed message of the client. `body` is only looked at during the call.
   * @param bodyBytes true length; `body` may be its first bytes only, then `sha256` is of the whole body
   */
  frontend(tag: number, body: Uint8Array, bodyBytes: number, sha256: Uint8Array | null, at: Instant): void {
    const state = this.#state;
    if (!state.decoding || state.closed) return;
    try {
      frontendMessage(state, tag, body, bodyBytes, sha256, at);
    } catch (fault) {
      this.#faulted(fault, at);
    }
  }

  /** A typed message of the server; as `frontend`. */
  backend(tag: number, body: Uint8Array, bodyBytes: number, _sha256: Uint8Array | null, at: Instant): void {
    const state = this.#state;
    if (!state.decoding || state.closed) return;
    try {
      backendMessage(state, tag, body, bodyBytes, at);
    } catch (fault) {
      this.#faulted(fault, at);
    }
  }

  /** A run of DataRow or CopyData frames that ended, and bytes of them that passed, headers included. */
  counted(side: 'frontend' | 'backend', tag: number, frames: number, bytes: number, at: Instant): void {
    const state = this.#state;
    if (!state.decoding || state.closed) return;
    try {
      if (side === 'backend') backendCounted(state, tag, frames, bytes, at);
      else if (tag === frontendTag.CopyData) copyData(state, noBytes, frames, bytes - headerBytes * frames);
    } catch (fault) {
      this.#faulted(fault, at);
    }
  }

  /** The input has a hole: a gap record; what is in flight is lost, and nothing more is read. */
  lost(reason: GapReason, detail: string, at: Instant, passed?: Passed): void {
    if (!this.#state.closed) loseDecoding(this.#state, reason, detail, at, passed);
  }

  /**
   * What comes next is read again: on the wire nothing waits for a reply, and ReadyForQuery last said idle. Statements prepared before
   * are not known any more.
   */
  resume(): void {
    if (!this.#state.closed) resumeDecoding(this.#state);
  }

  /** Once a second: puts out what is held, announces what still runs, ends a stretch by its age. */
  tick(at: Instant): void {
    this.#guarded(at, () => {
      release(this.#state, null, at);
      announceRunning(this.#state, at);
      this.#state.tape.endOldStretch(at);
    });
  }

  /** The session's end; nothing is read afterwards. */
  close(end: SessionEnd, at: Instant): void {
    const state = this.#state;
    if (state.closed) return;
    const { tape, opening } = state;
    opening.tell(tape, state.identity, false, at);
    this.#guarded(at, () => {
      release(state, null, at);
      loseOutstanding(state, false, at);
      tellNotices(state, at);
    });
    tape.endStretch(at);
    state.closed = true;
    const draft: DraftOf<'closed'> = {
      kind: 'closed',
      ...tape.head(at),
      why: end.why,
      ...(end.reason !== undefined && { reason: end.reason }),
      ...(opening.fatal !== null && { error: opening.fatal }),
      duration_ns: elapsedNs(opening.openedAt, at),
      ...tape.totals,
      bytes_from_client: end.bytesFromClient,
      bytes_from_server: end.bytesFromServer,
    };
    tape.put(draft, at.wallUs, at.monoNs);
  }

  /** Of the server's backend; 0: not told yet. */
  get pid(): number {
    return this.#state.opening.pid;
  }

  /** Ordinal of the last record put out. */
  get lastN(): number {
    return this.#state.tape.n;
  }

  /** Statement records put out. */
  get statements(): number {
    return this.#state.tape.totals.statements;
  }

  /** False once the session is no longer understood. */
  get decoding(): boolean {
    return this.#state.decoding;
  }

  /**
   * Half of what may wait for replies waits: who feeds the machine should let the server's messages come first. One that goes on all
   * the same may lose the decoding of the session.
   */
  get isCrowded(): boolean {
    const { decoding, closed, queue, limits } = this.#state;
    return decoding && !closed && (queue.size * 2 > limits.tokensMax || queue.bytes * 2 > pendingBytesMax);
  }

  /** Bytes of what waits for replies and of prepared statements and portals, about; the same after a restart. */
  get heldBytes(): number {
    const { queue, names, meant } = this.#state;
    return queue.bytes + queue.size * tokenBytes + names.bytes + (meant === null ? 0 : meant.bytes);
  }

  /**
   * Lets go of at least `bytes` of SQL texts of prepared statements, the oldest first, or of all there are: their records say
   * `over_inspection_limit`, with length and hash.
   */
  dropTexts(bytes: number): void {
    this.#state.names.dropTexts(bytes);
  }

  /** Plain JSON; shares nothing with the machine that changes later. */
  snapshot(): SessionSnapshot {
    return takeSnapshot(this.#state);
  }

  /** Goes on from a snapshot exactly as the machine it was taken of would have. */
  static restore(snapshot: SessionSnapshot, limits: SessionLimits, sink: SessionSink): SessionMachine {
    const machine = new SessionMachine(snapshot.identity, limits, sink, snapshot.opening.openedAt);
    machine.#state = fromSnapshot(snapshot, limits, sink);
    return machine;
  }

  #guarded(at: Instant, act: () => void): void {
    const state = this.#state;
    if (!state.decoding || state.closed) return;
    try {
      act();
    } catch (fault) {
      this.#faulted(fault, at);
    }
  }

  /** A fault of the machine itself ends decoding; one of the sink is the sink's owner's. */
  #faulted(fault: unknown, at: Instant): void {
    const state = this.#state;
    if (state.tape.putting) throw fault;
    const name = fault instanceof Error ? fault.name : typeof fault;
    try {
      loseDecoding(state, 'decode_lost', `fault in the decoder: ${name}`, at);
    } catch (second) {
      if (state.tape.putting) throw second;
    }
  }
}
