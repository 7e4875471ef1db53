/** What a session said of itself before it was ready: its `opened` record. Knows no statements. */
import type { DraftOf, Instant, ServerError, TlsFacts } from '@pgtape/evidence';
import { readNegotiate, readParameterStatus, readStartup } from '@pgtape/wire';
import { type Tape, wallOf } from './tape.ts';

export interface SessionIdentity {
  /** `<first 16 hex digits of the reel>-<number of the session in the reel>`. */
  readonly session: string;
  readonly client: { readonly address: string; readonly port: number };
  readonly server: { readonly address: string; readonly port: number };
  /** Of the client's leg. */
  readonly tls: boolean;
}

export interface OpeningState {
  readonly openedAt: Instant;
  readonly protocol: string;
  readonly user: string;
  readonly database: string;
  readonly applicationName: string;
  readonly auth: string;
  readonly serverVersion: string;
  readonly pid: number;
  readonly replication: string | null;
  readonly told: boolean;
  readonly fatal: ServerError | null;
  /** Absent in snapshots of an older version, as the next two. */
  readonly tlsClient?: TlsFacts | null;
  readonly tlsServer?: TlsFacts | null;
  readonly cancels?: string | null;
  readonly clamped?: boolean;
}

/**
 * Authentication requests by code; SASL's mechanism comes by itself. Continuations have no name of their own.
 */
const authNames: Readonly<Record<number, string>> = {
  2: 'kerberos_v5',
  3: 'password',
  5: 'md5',
  6: 'scm',
  7: 'gss',
  9: 'sspi',
  10: 'sasl',
};
const ok = 0;
const sasl = 'sasl';
/** Values of `replication` that ask for none. */
const noReplication = new Set(['', 'false', 'off', 'no', '0', 'f', 'n']);
/** Longest name kept of what the startup packet and the server say. */
const nameMax = 1024;

export class Opening {
  readonly openedAt: Instant;
  protocol = '';
  user = '';
  database = '';
  applicationName = '';
  auth = 'none';
  serverVersion = '';
  pid = 0;
  replication: string | null = null;
  /** Asked for in the startup packet; the server does not report them. Not kept. */
  role: string | null = null;
  searchPath: string | null = null;
  options = '';
  /** The `opened` record is out. */
  told = false;
  /** The FATAL error that ended the session. */
  fatal: ServerError | null = null;
  tlsClient: TlsFacts | null = null;
  tlsServer: TlsFacts | null = null;
  /** Of a cancel request: the session it is for, or `unknown`. */
  cancels: string | null = null;
  /** The recorder asked the server for less than the client did. */
  clamped = false;

  constructor(openedAt: Instant) {
    this.openedAt = openedAt;
  }

  /** An untyped packet of the client. */
  packet(bytes: Uint8Array): void {
    const packet = readStartup(bytes);
    if (packet.kind === 'cancel_request') {
      this.protocol = 'cancel';
      this.pid = packet.pid;
      return;
    }
    if (packet.kind !== 'startup') return;
    const given = packet.parameters;
    const of = (name: string): string =>
      Object.hasOwn(given, name) ? (given[name] ?? '').slice(0, nameMax) : '';
    // A second one is the recorder's own, in place of the client's.
    this.clamped = this.protocol !== '';
    this.protocol = packet.protocol;
    this.user = of('user');
    this.database = of('database') || this.user;
    this.applicationName = of('application_name');
    const replication = of('replication');
    this.role = Object.hasOwn(given, 'role') ? of('role') : null;
    this.searchPath = Object.hasOwn(given, 'search_path') ? of('search_path') : null;
    this.options = of('options');
    this.replication = noReplication.has(replication.toLowerCase()) ? null : replication;
  }

  authentication(code: number): void {
    if (code === ok && this.auth === 'none') this.auth = 'trust';
    const name = Object.hasOwn(authNames, code) ? authNames[code] : undefined;
    if (name === undefined) return;
    this.auth = this.auth === 'none' ? name : `${this.auth}+${name}`.slice(0, nameMax);
  }

  /** The SASL mechanism the client has chosen. */
  mechanism(name: string): void {
    const list = this.auth.split('+');
    const at = list.lastIndexOf(sasl);
    if (at >= 0) this.auth = list.with(at, name).join('+').slice(0, nameMax);
  }

  secured(leg: 'client' | 'server', tls: TlsFacts): void {
    if (leg === 'client') this.tlsClient = tls;
    else this.tlsServer = tls;
  }

  negotiated(body: Uint8Array): void {
    const told = readNegotiate(body);
    if (told !== null) this.protocol = told.protocol;
  }

  parameter(body: Uint8Array): void {
    const told = readParameterStatus(body);
    if (told?.name === 'application_name') this.applicationName = told.value.slice(0, nameMax);
    if (told?.name === 'server_version') this.serverVersion = told.value.slice(0, nameMax);
  }

  /** Puts the `opened` record out, once. */
  tell(tape: Tape, identity: SessionIdentity, ready: boolean, at: Instant): void {
    if (this.told) return;
    this.told = true;
    const draft: DraftOf<'opened'> = {
      kind: 'opened',
      ...tape.head(at),
      start: wallOf(this.openedAt.wallUs),
      client: { address: identity.client.address, port: identity.client.port },
      server: { address: identity.server.address, port: identity.server.port },
      tls: identity.tls || this.tlsClient !== null,
      protocol: this.protocol,
      user: this.user,
      database: this.database,
      application_name: this.applicationName,
      auth: this.auth,
      server_version: this.serverVersion,
      pid: this.pid,
      ...(this.replication !== null && { replication: this.replication }),
      ...(this.tlsClient !== null && { tls_client: this.tlsClient }),
      ...(this.tlsServer !== null && { tls_server: this.tlsServer }),
      ...(this.cancels !== null && { cancels: this.cancels }),
      ...(this.clamped && { clamped: true as const }),
      ready,
    };
    tape.put(draft, this.openedAt.wallUs, this.openedAt.monoNs);
  }

  state(): OpeningState {
    const { openedAt, protocol, user, database, applicationName, auth } = this;
    const { serverVersion, pid, replication, told, fatal, tlsClient, tlsServer, cancels, clamped } = this;
    return {
      ...{ openedAt, protocol, user, database, applicationName, auth },
      ...{ serverVersion, pid, replication, told, fatal, tlsClient, tlsServer, cancels, clamped },
    };
  }

  static of(state: OpeningState): Opening {
    return Object.assign(new Opening(state.openedAt), state);
  }
}
