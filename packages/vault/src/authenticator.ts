/** Owns who sends an HTTP request: by its bearer token or its client certificate. It refuses to keep either. */
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import {
  assertMay,
  type Caller,
  type CallerRule,
  callerByCertificate,
  callerByToken,
  callerByUser,
  certificateNames,
} from './callers.ts';
import type { Permission } from './httpConfig.ts';
import { HttpRefusal } from './httpRefusal.ts';
import type { ReaderTokens } from './readerTokens.ts';

const bearer = /^Bearer ([\x21-\x7e]{1,16384})$/i;

export interface AuthenticatorOptions {
  readonly rules: () => readonly CallerRule[];
  /** The listener's address is loopback, so that plain HTTP leaves the machine nowhere. */
  readonly isLoopback: boolean;
  /** null: Kubernetes tokens say nothing here. */
  readonly tokens: Pick<ReaderTokens, 'userOf'> | null;
}

export class Authenticator {
  readonly #options: AuthenticatorOptions;

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
  }

  /** Rejects with HttpRefusal `no_callers`, `tls_required`, `unauthenticated`, `api_unreachable`, `reviews_limited`. */
  async callerOf(request: IncomingMessage): Promise<Caller> {
    const rules = this.#options.rules();
    if (rules.length === 0) {
      const message = 'this vault knows no callers: whoever runs it must name them in http.callers';
      throw new HttpRefusal('no_callers', message);
    }
    const socket = request.socket as Partial<TLSSocket>;
    if (socket.encrypted !== true && !this.#options.isLoopback) {
      const message = 'evidence is not served over plain HTTP from other than loopback: set http.tls';
      throw new HttpRefusal('tls_required', message);
    }
    const { authorization } = request.headers;
    const caller =
      authorization === undefined
        ? byCertificate(rules, socket)
        : await this.#byToken(rules, authorization, socket.remoteAddress ?? '');
    if (caller !== null) return caller;
    const message = 'show a token (Authorization: Bearer) or a client certificate that http.callers names';
    throw new HttpRefusal('unauthenticated', message);
  }

  /** The caller, where he may do this. Rejects with HttpRefusal as `callerOf`, `not_allowed`. */
  async allowed(request: IncomingMessage, permission: Permission): Promise<Caller> {
    const caller = await this.callerOf(request);
    assertMay(caller, permission);
    return caller;
  }

  async #byToken(
    rules: readonly CallerRule[],
    authorization: string,
    address: string,
  ): Promise<Caller | null> {
    const token = bearer.exec(authorization)?.[1];
    if (token === undefined) return null;
    const known = callerByToken(rules, token);
    const { tokens } = this.#options;
    if (known !== null || tokens === null) return known;
    const user = await tokens.userOf(token, address);
    return user === null ? null : callerByUser(rules, user);
  }
}

function byCertificate(rules: readonly CallerRule[], socket: Partial<TLSSocket>): Caller | null {
  if (socket.authorized !== true || socket.getPeerCertificate === undefined) return null;
  return callerByCertificate(rules, certificateNames(socket.getPeerCertificate() as never));
}
