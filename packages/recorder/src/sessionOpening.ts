/**
 * Owns a session from its StartupMessage to its first ReadyForQuery: nothing of the client reaches the server
 * before it has asked for proof, nothing of the server the client that R6 forbids; the names of SASL
 * mechanisms and the cancel key are picked up on the way. Knows no sockets.
 */
import {
  backendTag,
  encodeSaslMechanisms,
  type Negotiation,
  readBackendKey,
  readNegotiate,
  readSaslMechanisms,
} from '@pgtape/wire';
import { AuthGate } from './authGate.ts';
import { type Binding, judgeChoice, judgeOffer } from './channelBinding.ts';
import { type Asked, clampedAnswer, isKnown } from './negotiation.ts';
import { OpeningReplies } from './openingReplies.ts';
import type { RefusalReason } from './refusal.ts';
import { SaslChoice } from './saslChoice.ts';

/** What the opening asks of its session. */
export interface OpeningHost {
  toClient(bytes: Buffer): void;
  /** The server has asked for proof, or will not let anybody in: the client may speak. */
  letSpeak(): void;
  /** The client has chosen this SASL mechanism. */
  chose(mechanism: string): void;
  /** What a CancelRequest has to show; the key stays in memory. */
  keyed(pid: number, key: Buffer): void;
  /** The server would speak what the decoder does not know: it has to be asked again, for less. */
  clamp(): void;
  refuse(reason: RefusalReason): void;
}

export interface OpeningPlan {
  readonly trustUpstream: boolean;
  readonly binding: Binding;
  readonly dropChannelBinding: boolean;
  /** What the client asked for beyond what the decoder knows; null: nothing. */
  readonly asked: Asked | null;
  /** It has been left out of what the server was asked. */
  readonly isClamped: boolean;
}

const pidBytes = 4;
const empty = Buffer.alloc(0);

/** Kept as long as the session lives: a piece of Node's shared pool would keep all of that. */
function ownCopy(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}

export class SessionOpening {
  readonly #host: OpeningHost;
  readonly #plan: OpeningPlan;
  readonly #auth: AuthGate | null;
  readonly #replies = new OpeningReplies((tag, body, message) => this.#reply(tag, body, message));
  #choice: SaslChoice | null = null;
  #isAsked = false;
  /** What server and client speak is known to be decodable. */
  #isSettled: boolean;
  /** Refused, or another opening takes the place of this one. */
  #isOver = false;

  constructor(plan: OpeningPlan, host: OpeningHost) {
    this.#plan = plan;
    this.#host = host;
    this.#isSettled = plan.asked === null;
    this.#auth = plan.trustUpstream ? null : new AuthGate();
  }

  /** The server has offered mechanisms, and the client has not answered. */
  get isUnanswered(): boolean {
    return this.#choice !== null;
  }

  /** Nothing of the client may reach the server yet. */
  get mustWait(): boolean {
    return !this.#plan.trustUpstream || (!this.#isSettled && !this.#plan.isClamped);
  }

  /** @returns false once it is over: what comes then is none of its business */
  fromServer(chunk: Buffer): boolean {
    if (this.#isOver) return false;
    const { phase, forward } = this.#auth?.push(chunk) ?? { phase: 'passed', forward: chunk };
    this.#pass(forward);
    if (this.#isOver) return false;
    if (this.#auth === null && !this.#isSettled && !this.#replies.isOver) return true;
    if (phase === 'trusting') this.#host.refuse('upstream_trusts');
    else if (phase === 'broken') this.#host.refuse('upstream_unintelligible');
    else if (phase !== 'waiting' && !this.#isAsked) {
      this.#isAsked = true;
      this.#host.letSpeak();
    }
    return !this.#replies.isOver;
  }

  /** @returns what may go to the server now */
  fromClient(chunk: Buffer): Buffer {
    const taken = this.#choice?.push(chunk);
    if (taken === undefined) return chunk;
    if (taken === null) return empty;
    this.#choice = null;
    const { bytes, chosen } = taken;
    if (chosen === null) return bytes;
    this.#host.chose(chosen);
    const refusal = judgeChoice(this.#plan.binding, chosen);
    if (refusal === null) return bytes;
    this.#host.refuse(refusal);
    return empty;
  }

  /** The server has ended: what was held back of it. */
  drain(): Buffer {
    const rest = this.#auth?.drain() ?? empty;
    return Buffer.concat([this.#replies.drain(), rest]);
  }

  #pass(bytes: Buffer): void {
    if (bytes.length === 0) return;
    const out = this.#replies.push(bytes);
    // What came with the message that ended this opening belongs to a session that will not be.
    if (out.length > 0 && !this.#isOver) this.#host.toClient(out);
  }

  #reply(tag: number, body: Buffer, message: Buffer): Buffer {
    if (this.#isOver) return empty;
    if (tag === backendTag.NegotiateProtocolVersion) return this.#negotiated(readNegotiate(body), message);
    const settled = this.#settle(null);
    if (settled === null) return empty;
    const reply = this.#answered(tag, body, message);
    return settled.length === 0 ? reply : Buffer.concat([settled, reply]);
  }

  #negotiated(answer: Negotiation | null, message: Buffer): Buffer {
    const settled = this.#settle(answer);
    if (settled === null) return empty;
    return settled.length === 0 ? message : settled;
  }

  /** @returns what the client has to be told besides; null: nothing, this opening is over */
  #settle(answer: Negotiation | null): Buffer | null {
    const { asked, isClamped } = this.#plan;
    if (this.#isSettled || asked === null) return empty;
    this.#isSettled = true;
    if (isClamped) return Buffer.from(clampedAnswer(asked, answer));
    if (isKnown(asked, answer)) return empty;
    this.#isOver = true;
    this.#host.clamp();
    return null;
  }

  #answered(tag: number, body: Buffer, message: Buffer): Buffer {
    if (tag === backendTag.BackendKeyData) {
      const pid = readBackendKey(body);
      if (pid !== null) this.#host.keyed(pid, ownCopy(body.subarray(pidBytes)));
      return message;
    }
    const offered = tag === backendTag.Authentication ? readSaslMechanisms(body) : null;
    if (offered === null) return message;
    const judged = judgeOffer(this.#plan.binding, offered, this.#plan.dropChannelBinding);
    if ('refusal' in judged) {
      this.#isOver = true;
      this.#host.refuse(judged.refusal);
      return empty;
    }
    this.#choice = new SaslChoice(judged.offer);
    return judged.offer === offered ? message : Buffer.from(encodeSaslMechanisms(judged.offer));
  }
}
