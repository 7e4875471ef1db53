/**
 * Owns a session from its StartupMessage to its first ReadyForQuery: nothing of the client reaches the server
 * before it has asked for proof, nothing of the server the client that R6 forbids; the names of SASL
 * mechanisms and the cancel key are picked up on the way. Knows no sockets.
 */
import { backendTag, encodeSaslMechanisms, readBackendKey, readSaslMechanisms } from '@pgtape/wire';
import { AuthGate } from './authGate.ts';
import { type Binding, judgeChoice, judgeOffer } from './channelBinding.ts';
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
  refuse(reason: RefusalReason): void;
}

export interface OpeningPlan {
  readonly trustUpstream: boolean;
  readonly binding: Binding;
  readonly dropChannelBinding: boolean;
}

const pidBytes = 4;
const empty = Buffer.alloc(0);

export class SessionOpening {
  readonly #host: OpeningHost;
  readonly #plan: OpeningPlan;
  readonly #auth: AuthGate | null;
  readonly #replies = new OpeningReplies((tag, body, message) => this.#reply(tag, body, message));
  #choice: SaslChoice | null = null;
  #isAsked = false;

  constructor(plan: OpeningPlan, host: OpeningHost) {
    this.#plan = plan;
    this.#host = host;
    this.#auth = plan.trustUpstream ? null : new AuthGate();
  }

  /** The server has offered mechanisms, and the client has not answered. */
  get isUnanswered(): boolean {
    return this.#choice !== null;
  }

  /** @returns false once it is over: what comes then is none of its business */
  fromServer(chunk: Buffer): boolean {
    if (this.#auth === null) {
      this.#pass(chunk);
      return !this.#replies.isOver;
    }
    const { phase, forward } = this.#auth.push(chunk);
    this.#pass(forward);
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
    if (out.length > 0) this.#host.toClient(out);
  }

  #reply(tag: number, body: Buffer, message: Buffer): Buffer {
    if (tag === backendTag.BackendKeyData) {
      const pid = readBackendKey(body);
      if (pid !== null) this.#host.keyed(pid, Buffer.from(body.subarray(pidBytes)));
      return message;
    }
    const offered = tag === backendTag.Authentication ? readSaslMechanisms(body) : null;
    if (offered === null) return message;
    const judged = judgeOffer(this.#plan.binding, offered, this.#plan.dropChannelBinding);
    if ('refusal' in judged) {
      this.#host.refuse(judged.refusal);
      return empty;
    }
    this.#choice = new SaslChoice(judged.offer);
    return judged.offer === offered ? message : Buffer.from(encodeSaslMechanisms(judged.offer));
  }
}
