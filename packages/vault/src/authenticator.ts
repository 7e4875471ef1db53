/** Owns who sends an HTTP request: by its bearer token or its client certificate. It refuses to keep either. */
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import {
  assertMay,
  type Caller,
  type CallerRule,
  callerByCertificate,
  callerByToken,
  certificateNames,
} from './callers.ts';
import type { Permission } from './httpConfig.ts';
import { HttpRefusal } from './httpRefusal.ts';

const bearer = /^Bearer ([\x21-\x7e]{1,512})$/i;

export interface AuthenticatorOptions {
  readonly rules: () => readonly CallerRule[];
  /** The listener's address is loopback, so that plain HTTP leaves the machine nowhere. */
  readonly isLoopback: boolean;
}

export class Authenticator {
  readonly #options: AuthenticatorOptions;

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
  }

  /** @throws HttpRefusal `no_callers`, `tls_required`, `unauthenticated` */
  callerOf(request: IncomingMessage): Caller {
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
    const caller = authorization === undefined ? byCertificate(rules, socket) : byToken(rules, authorization);
    if (caller !== null) return caller;
    const message = 'show a token (Authorization: Bearer) or a client certificate that http.callers names';
    throw new HttpRefusal('unauthenticated', message);
  }

  /** The caller, where he may do this. @throws HttpRefusal as `callerOf`, `not_allowed` */
  allowed(request: IncomingMessage, permission: Permission): Caller {
    const caller = this.callerOf(request);
    assertMay(caller, permission);
    return caller;
  }
}

function byToken(rules: readonly CallerRule[], authorization: string): Caller | null {
  const token = bearer.exec(authorization)?.[1];
  return token === undefined ? null : callerByToken(rules, token);
}

function byCertificate(rules: readonly CallerRule[], socket: Partial<TLSSocket>): Caller | null {
  if (socket.authorized !== true || socket.getPeerCertificate === undefined) return null;
  return callerByCertificate(rules, certificateNames(socket.getPeerCertificate() as never));
}
