/**
 * Owns a connection until its StartupMessage: which untyped packets may come, in which order, and what
 * answers them (research: protocol 1.7). Knows the session only through StartupHost, and no sockets.
 */
import { readStartup } from '@pgtape/wire';
import type { RefusalReason } from './refusal.ts';
import { StartupGate } from './startupGate.ts';

/** What the startup asks of its session. Every `send` waits for the journal. */
export interface StartupHost {
  readonly trustUpstream: boolean;
  /** Journals an untyped packet. */
  record(packet: Buffer): void;
  sendToClient(bytes: Buffer): void;
  /** Connects first where that has not happened. */
  sendToServer(bytes: Buffer): void;
  /** The session proper begins; `exempt`: never paused, never limited. */
  begin(packet: Buffer, exempt: boolean): void;
  cancel(packet: Buffer): void;
  /** Relays all further bytes unrecorded. */
  splice(reason: 'tls_no_certificate' | 'bad_framing', detail: string): void;
  refuse(reason: RefusalReason): void;
}

const letter = { N: 0x4e, S: 0x53 } as const;
const refusedEncryption = Buffer.from('N');

type Encryption = 'ssl_request' | 'gssenc_request';

/** `replication=database`, `on`, `1` ...: everything but the spellings of false, as the server reads it. */
function asksForReplication(parameters: Readonly<Record<string, string>>): boolean {
  const value = parameters.replication;
  return value !== undefined && !/^(f(a(l(s(e)?)?)?)?|n(o)?|of(f)?|0)$/i.test(value);
}

export class SessionStartup {
  readonly #host: StartupHost;
  readonly #gate = new StartupGate();
  readonly #seen = new Set<Encryption>();
  #phase: 'reading' | 'answering' | 'done' = 'reading';

  constructor(host: StartupHost) {
    this.#host = host;
  }

  /** The client has said what it wants. */
  get isDone(): boolean {
    return this.#phase === 'done';
  }

  /** Bytes that came behind the last packet; they belong to the session that follows. */
  residue(): Buffer {
    return this.#gate.drain();
  }

  fromClient(chunk: Buffer): void {
    this.#gate.push(chunk);
    // The client has to wait for the answer: what comes before it could be meant to be read as part of the
    // encrypted stream.
    if (this.#phase === 'answering') this.#refuse('stuffing');
    else if (this.#phase === 'reading') this.#read();
  }

  /** The server's answer to SSLRequest. */
  fromServer(chunk: Buffer): void {
    if (this.#phase !== 'answering') return;
    const answer = chunk[0] as number;
    if (answer === letter.N && chunk.length === 1) {
      this.#phase = 'reading';
      this.#host.sendToClient(chunk);
    } else if (answer === letter.S && chunk.length === 1) this.#encrypted(chunk);
    else if (answer === letter.N || answer === letter.S) this.#refuse('upstream_unintelligible');
    else {
      // A server that cannot even fork answers with an error, framed or not (CVE-2024-10977): its end to say,
      // not ours.
      this.#phase = 'done';
      this.#host.splice('bad_framing', 'the server answered an encryption request with neither N nor S');
      this.#host.sendToClient(chunk);
    }
  }

  #encrypted(answer: Buffer): void {
    if (!this.#host.trustUpstream) {
      this.#refuse('tls_no_certificate');
      return;
    }
    this.#phase = 'done';
    this.#host.splice('tls_no_certificate', 'client and server speak TLS; the recorder has no certificate');
    this.#host.sendToClient(answer);
  }

  #read(): void {
    const taken = this.#gate.take();
    if (taken.kind === 'bad') this.#refuse(taken.reason);
    else if (taken.kind === 'packet') this.#obey(taken.packet);
  }

  #obey(packet: Buffer): void {
    const startup = readStartup(packet);
    switch (startup.kind) {
      case 'gssenc_request':
      case 'ssl_request':
        this.#encryption(startup.kind, packet);
        break;
      case 'cancel_request':
        this.#phase = 'done';
        this.#host.cancel(packet);
        break;
      case 'malformed':
        this.#refuse('startup_malformed');
        break;
      case 'startup':
      case 'unsupported':
        // The server answers a version it does not speak better than we could.
        this.#phase = 'done';
        this.#host.begin(packet, startup.kind === 'startup' && asksForReplication(startup.parameters));
        break;
    }
  }

  #encryption(kind: Encryption, packet: Buffer): void {
    if (this.#seen.has(kind)) {
      this.#refuse('startup_repeated');
      return;
    }
    if (this.#gate.residueBytes > 0) {
      this.#refuse('stuffing');
      return;
    }
    this.#seen.add(kind);
    this.#host.record(packet);
    if (kind === 'gssenc_request') this.#host.sendToClient(refusedEncryption);
    else {
      this.#phase = 'answering';
      this.#host.sendToServer(packet);
    }
  }

  #refuse(reason: RefusalReason): void {
    this.#phase = 'done';
    this.#host.refuse(reason);
  }
}
