/**
 * Owns what spans of a session share and a statement's record does not repeat: who, where, and which stretch
 * is running, kept encoded. Bounded; survives restarts as plain JSON. Knows no statements.
 */
import type { DraftOf } from '@pgtape/evidence';
import { putInt, putString } from './attributes.ts';
import * as names from './names.ts';
import { ProtoWriter } from './protoWriter.ts';
import { spanHead } from './spanHead.ts';
import { putRootId, putTraceId, sessionNumber } from './spanIds.ts';

/** Sessions remembered; the one opened first is forgotten first, its later spans then lack who and where. */
export const spanSessionsMax = 50_000;

/** What a session's `opened` record told. */
export interface SpanPeer {
  readonly user: string;
  readonly database: string;
  readonly application_name: string;
  readonly client: { readonly address: string; readonly port: number };
  readonly server: { readonly address: string; readonly port: number };
}

/** One session as saved over a restart. */
export interface SpanSession {
  readonly session: string;
  /** Number of the stretch that runs, from 1. */
  readonly stretch: number;
  /** No record of the session since its last `stretch` record. */
  readonly idle: boolean;
  /** Absent when its `opened` record was not seen. */
  readonly peer?: SpanPeer;
}

/** A session's state with its encoded parts. */
export class SessionSpans {
  readonly session: string;
  readonly number: number;
  readonly peer: SpanPeer | undefined;
  stretch: number;
  idle: boolean;
  /** Head of spans under the running stretch's root. */
  head: Buffer;
  /** Attributes every span of the session carries. */
  readonly attributes: Buffer;
  readonly #reel: Buffer;

  constructor(reel: Buffer, saved: SpanSession) {
    this.#reel = reel;
    this.session = saved.session;
    this.number = sessionNumber(saved.session);
    this.peer = saved.peer;
    this.stretch = saved.stretch;
    this.idle = saved.idle;
    this.head = this.headOf(saved.stretch);
    this.attributes = encodeShared(reel.toString('hex'), saved);
  }

  /** Stretch `ended` is over; what comes next belongs to the following one. */
  nextStretch(ended: number): void {
    this.stretch = ended + 1;
    this.idle = true;
    this.head = this.headOf(this.stretch);
  }

  headOf(stretch: number): Buffer {
    return spanHead(this.traceId(stretch), this.rootId(stretch));
  }

  traceId(stretch: number): Buffer {
    const id = Buffer.alloc(16);
    putTraceId(id, 0, this.#reel, this.number, stretch);
    return id;
  }

  rootId(stretch: number): Buffer {
    const id = Buffer.alloc(8);
    putRootId(id, 0, this.#reel, this.number, stretch);
    return id;
  }
}

function encodeShared(reel: string, { session, peer }: SpanSession): Buffer {
  const out = new ProtoWriter(512);
  putString(out, names.system, 'postgresql');
  putString(out, names.sessionId, session);
  putString(out, names.reel, reel);
  if (peer !== undefined) {
    const max = names.shortTextBytesMax;
    putString(out, names.namespace, peer.database, max);
    putString(out, names.userName, peer.user, max);
    putString(out, names.clientAddress, peer.client.address, max);
    if (peer.client.port > 0) putInt(out, names.clientPort, peer.client.port);
    putString(out, names.serverAddress, peer.server.address, max);
    if (peer.server.port > 0) putInt(out, names.serverPort, peer.server.port);
    if (peer.application_name !== '') putString(out, names.applicationName, peer.application_name, max);
  }
  return out.copy();
}

export class SpanSessions {
  readonly #sessions = new Map<string, SessionSpans>();
  readonly #reel: Buffer;
  #last: SessionSpans | undefined;

  constructor(reel: string, saved: readonly SpanSession[]) {
    this.#reel = Buffer.from(reel, 'hex');
    for (const one of saved) this.#add(one);
  }

  /** The session a record belongs to, made when it was never opened. */
  of(session: string): SessionSpans {
    const last = this.#last;
    if (last !== undefined && last.session === session) return last;
    const found = this.#sessions.get(session) ?? this.#add({ session, stretch: 1, idle: false });
    this.#last = found;
    return found;
  }

  open({ session, user, database, application_name, client, server }: DraftOf<'opened'>): SessionSpans {
    const peer = { user, database, application_name, client, server };
    return this.#add({ session, stretch: 1, idle: false, peer });
  }

  close(session: string): void {
    this.#sessions.delete(session);
    this.#last = undefined;
  }

  saved(): SpanSession[] {
    return Array.from(this.#sessions.values(), ({ session, stretch, idle, peer }) =>
      peer === undefined ? { session, stretch, idle } : { session, stretch, idle, peer },
    );
  }

  #add(saved: SpanSession): SessionSpans {
    if (this.#sessions.size >= spanSessionsMax) {
      for (const eldest of this.#sessions.keys()) {
        this.#sessions.delete(eldest);
        break;
      }
    }
    const entry = new SessionSpans(this.#reel, saved);
    this.#sessions.set(saved.session, entry);
    this.#last = entry;
    return entry;
  }
}
