/**
 * Owns a connection until its StartupMessage: which untyped packets may come, in which order, what answers
 * them, and which leg speaks TLS (research: protocol 1.7, 3.1). Knows the session only through StartupHost,
 * and no sockets.
 */
import { readStartup } from '@pgtape/wire';
import type { RefusalReason } from './refusal.ts';
import { StartupGate } from './startupGate.ts';

/** What decides, besides what the two sides say. */
export interface StartupPlan {
  /** There is a certificate to serve to clients. */
  readonly hasCertificate: boolean;
  /**
   * `mirror`: TLS where the client wants it and the server agrees; `plain`: never (unix socket, or
   * configured); `tls`: always.
   */
  readonly upstream: 'mirror' | 'plain' | 'tls';
  readonly trustUpstream: boolean;
}

/** What the startup asks of its session. Every `send` and `secure` waits for the journal, in order. */
export interface StartupHost {
  readonly plan: StartupPlan;
  /** Journals an untyped packet. */
  record(packet: Buffer): void;
  sendToClient(bytes: Buffer): void;
  /** Connects first where that has not happened. */
  sendToServer(bytes: Buffer): void;
  /** Ends in `clientSecured`. `unread`: its first bytes, already read; `direct`: ALPN is demanded. */
  secureClient(unread: Buffer, direct: boolean): void;
  /** Ends in `serverSecured`. */
  secureServer(): void;
  /** Reads nothing of the client until `resumeClient`. */
  pauseClient(): void;
  resumeClient(): void;
  /** The session this request cancels speaks TLS with the server. */
  cancelsTlsSession(packet: Buffer): boolean;
  /** The session proper begins; `exempt`: never paused, never limited. */
  begin(packet: Buffer, exempt: boolean): void;
  cancel(packet: Buffer): void;
  /** Relays all further bytes unrecorded. */
  splice(reason: 'tls_no_certificate' | 'bad_framing', detail: string): void;
  refuse(reason: RefusalReason): void;
}

const letter = { N: 0x4e, S: 0x53 } as const;
const refusedEncryption = Buffer.from('N');
const acceptedEncryption = Buffer.from('S');
export const sslRequest = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

/** Length, code and pid; a key of 1 to 256 bytes follows (`ProcessCancelRequestPacket`). */
const cancelHeadBytes = 12;
const cancelBytesMax = cancelHeadBytes + 256;

type Encryption = 'ssl_request' | 'gssenc_request';
type LegState = 'plain' | 'securing' | 'tls';

/** `replication=database`, `on`, `1` ...: everything but the spellings of false, as the server reads it. */
export function asksForReplication(parameters: Readonly<Record<string, string>>): boolean {
  const value = parameters.replication;
  return value !== undefined && !/^(f(a(l(s(e)?)?)?)?|n(o)?|of(f)?|0)$/i.test(value);
}

export class SessionStartup {
  readonly #host: StartupHost;
  readonly #gate = new StartupGate();
  readonly #seen = new Set<Encryption>();
  #isDone = false;
  #client: LegState = 'plain';
  #server: LegState = 'plain';
  /** Who waits for the server's answer to SSLRequest: the client that sent one, one in direct TLS, or a packet. */
  #asking: 'client' | 'direct' | 'packet' | null = null;
  /** Waits for the server's leg. */
  #packet: Buffer | null = null;

  constructor(host: StartupHost) {
    this.#host = host;
  }

  get isSecuringClient(): boolean {
    return this.#client === 'securing';
  }

  get isSecuringServer(): boolean {
    return this.#server === 'securing';
  }

  /** A CancelRequest waits for the server's leg: it is delivered even if its client has gone meanwhile, as some do at once. */
  get isCancelWaiting(): boolean {
    return this.#packet !== null && readStartup(this.#packet).kind === 'cancel_request';
  }

  /** Bytes that came behind the last packet; they belong to the session that follows. */
  residue(): Buffer {
    return this.#gate.drain();
  }

  fromClient(chunk: Buffer): void {
    this.#gate.push(chunk);
    // The client has to wait for the answer: what comes before it could be meant to be read as part of the
    // encrypted stream.
    if (this.#asking === 'client') this.#refuse('stuffing');
    else if (!this.#isWaiting && !this.#isDone) this.#read();
    else if (this.isSecuringServer && !this.isSecuringClient && !this.#isDone) this.#readAhead();
  }

  /** One packet, while the server's leg is being secured: its sender may not wait for that. */
  #readAhead(): void {
    this.#host.pauseClient();
    if (this.#packet !== null) return;
    const taken = this.#gate.take();
    if (taken.kind === 'packet') this.#packet = taken.packet;
    else if (taken.kind === 'more') this.#host.resumeClient();
    else this.#refuse(taken.reason);
  }

  /** The server's answer to SSLRequest. */
  fromServer(chunk: Buffer): void {
    const asking = this.#asking;
    // A server speaks in TLS only after it was spoken to: these bytes are somebody else's.
    if (this.isSecuringServer) this.#refuse('upstream_unintelligible');
    if (asking === null) return;
    this.#asking = null;
    const answer = chunk[0] as number;
    const isLetter = answer === letter.N || answer === letter.S;
    if (isLetter && chunk.length > 1) this.#refuse('upstream_unintelligible');
    else if (answer === letter.N) this.#refusedBy(asking, chunk);
    else if (answer === letter.S) this.#accepted(asking, chunk);
    else if (asking === 'direct') this.#refuse('direct_tls');
    else {
      // A server that cannot even fork answers with an error, framed or not (CVE-2024-10977): its end to say,
      // not ours.
      this.#isDone = true;
      this.#host.splice('bad_framing', 'the server answered an encryption request with neither N nor S');
      this.#host.sendToClient(chunk);
    }
  }

  /** The server's leg begins anew, with this packet; what the client said behind its own is still to come. */
  again(packet: Buffer, residue: Buffer): void {
    this.#gate.push(residue);
    if (this.#server === 'tls') {
      this.#server = 'plain';
      this.#isDone = false;
      this.#packet = packet;
      this.#ask('packet');
    } else this.#begin(packet);
  }

  clientSecured(): void {
    this.#client = 'tls';
    this.#proceed();
  }

  serverSecured(): void {
    this.#server = 'tls';
    this.#proceed();
  }

  get #isWaiting(): boolean {
    return this.#asking !== null || this.isSecuringClient || this.isSecuringServer || this.#packet !== null;
  }

  #refusedBy(asking: 'client' | 'direct' | 'packet', answer: Buffer): void {
    if (asking === 'direct') this.#refuse('direct_tls');
    else if (asking === 'packet' || this.#host.plan.upstream === 'tls') this.#refuse('upstream_without_tls');
    else this.#host.sendToClient(answer);
  }

  #accepted(asking: 'client' | 'direct' | 'packet', answer: Buffer): void {
    const { plan } = this.#host;
    if (asking === 'client' && !plan.hasCertificate) {
      this.#encryptedThrough(answer);
      return;
    }
    if (asking !== 'packet') this.#secureClient(asking === 'direct');
    this.#server = 'securing';
    this.#host.secureServer();
  }

  #secureClient(direct: boolean): void {
    this.#client = 'securing';
    if (!direct) this.#host.sendToClient(acceptedEncryption);
    this.#host.secureClient(this.#gate.drain(), direct);
  }

  /** TLS from end to end: nothing of it can be recorded. */
  #encryptedThrough(bytes: Buffer): void {
    if (!this.#host.plan.trustUpstream) {
      this.#refuse('tls_no_certificate');
      return;
    }
    this.#isDone = true;
    this.#host.splice('tls_no_certificate', 'client and server speak TLS; the recorder has no certificate');
    this.#host.sendToClient(bytes);
  }

  #proceed(): void {
    if (this.#isDone || this.isSecuringClient || this.isSecuringServer) return;
    const packet = this.#packet;
    this.#packet = null;
    this.#host.resumeClient();
    if (packet === null) this.#read();
    else this.#obey(packet);
  }

  #read(): void {
    const taken = this.#gate.take();
    if (taken.kind === 'bad') {
      if (taken.reason === 'direct_tls' && this.#client === 'plain') this.#direct();
      else this.#refuse(taken.reason);
    } else if (taken.kind === 'packet') this.#obey(taken.packet);
  }

  /** A server without TLS closes such a connection without a word, and so does one of before PostgreSQL 17. */
  #direct(): void {
    const { plan } = this.#host;
    if (this.#seen.size > 0 || (!plan.hasCertificate && !plan.trustUpstream)) this.#refuse('direct_tls');
    else if (!plan.hasCertificate) {
      this.#isDone = true;
      const hello = this.#gate.drain();
      this.#host.sendToServer(hello);
      this.#host.splice('tls_no_certificate', 'client and server speak TLS; the recorder has no certificate');
    } else if (plan.upstream === 'plain') this.#secureClient(true);
    else this.#ask('direct');
  }

  #ask(asking: 'direct' | 'packet'): void {
    this.#asking = asking;
    this.#host.pauseClient();
    this.#host.record(sslRequest);
    this.#host.sendToServer(sslRequest);
  }

  #obey(packet: Buffer): void {
    const startup = readStartup(packet);
    switch (startup.kind) {
      case 'gssenc_request':
      case 'ssl_request':
        this.#encryption(startup.kind, packet);
        break;
      case 'cancel_request':
        if (packet.length <= cancelHeadBytes || packet.length > cancelBytesMax) {
          this.#refuse('startup_length');
          break;
        }
        if (this.#needsTls(packet, this.#host.cancelsTlsSession(packet))) break;
        this.#isDone = true;
        this.#host.cancel(packet);
        break;
      case 'malformed':
        this.#refuse(startup.reason === 'cancel' ? 'startup_length' : 'startup_malformed');
        break;
      case 'startup':
      case 'unsupported':
        if (this.#needsTls(packet, false)) break;
        // The server answers a version it does not speak better than we could.
        this.#begin(packet);
        break;
    }
  }

  #begin(packet: Buffer): void {
    const startup = readStartup(packet);
    this.#isDone = true;
    this.#host.begin(packet, startup.kind === 'startup' && asksForReplication(startup.parameters));
  }

  /** @returns true while the packet waits for the server's leg to speak TLS */
  #needsTls(packet: Buffer, isWanted: boolean): boolean {
    const { upstream } = this.#host.plan;
    if (this.#server === 'tls' || upstream === 'plain' || (upstream !== 'tls' && !isWanted)) return false;
    this.#packet = packet;
    this.#ask('packet');
    return true;
  }

  /** As the server has it: each at most once, none inside TLS, and nothing behind it before the answer. */
  #encryption(kind: Encryption, packet: Buffer): void {
    if (this.#seen.has(kind) || this.#client === 'tls') {
      this.#refuse('startup_repeated');
      return;
    }
    if (this.#gate.residueBytes > 0) {
      this.#refuse('stuffing');
      return;
    }
    this.#seen.add(kind);
    this.#host.record(packet);
    const { plan } = this.#host;
    if (kind === 'gssenc_request') this.#host.sendToClient(refusedEncryption);
    else if (plan.upstream === 'plain' && plan.hasCertificate) this.#secureClient(false);
    else {
      this.#asking = 'client';
      this.#host.sendToServer(packet);
    }
  }

  #refuse(reason: RefusalReason): void {
    this.#isDone = true;
    this.#host.refuse(reason);
  }
}
