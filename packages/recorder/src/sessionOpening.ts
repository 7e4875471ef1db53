/**
 * Owns a session from its StartupMessage until the server has asked for proof and let the client in: nothing
 * of the client reaches the server before the former, nothing of the server the client that R6 forbids.
 * Knows no sockets.
 */
import { AuthGate } from './authGate.ts';
import type { RefusalReason } from './refusal.ts';

/** What the opening asks of its session. */
export interface OpeningHost {
  toClient(bytes: Buffer): void;
  /** The server has asked for proof, or will not let anybody in: the client may speak. */
  letSpeak(): void;
  refuse(reason: RefusalReason): void;
}

export class SessionOpening {
  readonly #host: OpeningHost;
  readonly #auth = new AuthGate();
  #isAsked = false;

  constructor(host: OpeningHost) {
    this.#host = host;
  }

  /** @returns false once it is over: what comes then is none of its business */
  fromServer(chunk: Buffer): boolean {
    const { phase, forward } = this.#auth.push(chunk);
    if (forward.length > 0) this.#host.toClient(forward);
    if (phase === 'trusting') this.#host.refuse('upstream_trusts');
    else if (phase === 'broken') this.#host.refuse('upstream_unintelligible');
    else if (phase !== 'waiting' && !this.#isAsked) {
      this.#isAsked = true;
      this.#host.letSpeak();
    }
    return phase !== 'passed' && phase !== 'unframed';
  }

  /** The server has ended: what was held back of it. */
  drain(): Buffer {
    return this.#auth.drain();
  }
}
