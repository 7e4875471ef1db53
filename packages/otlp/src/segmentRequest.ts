/**
 * Owns one segment as one ExportTraceServiceRequest (trace_service.proto), encoded once: each line is written
 * in place inside its span. Knows neither how lines are sealed nor how requests travel.
 */
import { type DraftRecord, lineBytesBound, type SealedFields, writeLine } from '@pgtape/evidence';
import { nameOf, putInt, putString } from './attributes.ts';
import * as names from './names.ts';
import { ProtoWriter, putTimes } from './protoWriter.ts';
import { putNamed, putRecord } from './recordSpans.ts';
import {
  beginSpan,
  clearTime,
  copyTime,
  endOffset,
  endRecord,
  endSpan,
  headBytes,
  spanHead,
  spanIdOffset,
  startOffset,
} from './spanHead.ts';
import { putSegmentSpanId, putSpanId } from './spanIds.ts';
import { type SessionSpans, type SpanSession, SpanSessions } from './spanSessions.ts';
import { StatementSpans } from './statementSpan.ts';

const firstBytes = 1 << 20;
/** Field keys of ExportTraceServiceRequest, ResourceSpans, ScopeSpans, Resource, InstrumentationScope. */
const key = { first: 0x0a, second: 0x12, schemaUrl: 0x1a } as const;
/** Instrumentation scope of every span. */
const scopeName = 'pgtape';

/** What SegmentRequest reads of the header line. */
interface Header {
  readonly reel: string;
  readonly segment: number;
  readonly version: string;
}

export class SegmentRequest {
  readonly #out = new ProtoWriter(firstBytes);
  readonly #resource: Buffer;
  readonly #statements = new StatementSpans();
  #saved: readonly SpanSession[];
  #reel = '';
  #reelBytes: Buffer = Buffer.alloc(16);
  #reelHead: Buffer = Buffer.alloc(0);
  #reelAttributes: Buffer = Buffer.alloc(0);
  #sessions: SpanSessions;
  #segment = 0;
  #resourceSpans = 0;
  #scopeSpans = 0;
  /** Where the header span begins while its times are not known, else -1. */
  #headerSpan = -1;
  #lineBytes = 0;

  /**
   * `resource`: attributes of the process, e.g. `service.name`. `sessions`: what `sessions()` gave before a
   * restart, so that open sessions keep their traces and attributes.
   */
  constructor(resource: Readonly<Record<string, string>>, sessions: readonly SpanSession[] = []) {
    const out = new ProtoWriter(1024);
    for (const [name, value] of Object.entries(resource)) putString(out, nameOf(name, key.first), value);
    this.#resource = out.copy();
    this.#saved = sessions;
    this.#sessions = new SpanSessions('', []);
  }

  /** Bytes of the request so far. */
  get bytes(): number {
    return this.#out.pos;
  }

  /** Bytes of its lines so far, newlines not counted. */
  get lineBytes(): number {
    return this.#lineBytes;
  }

  /** Open sessions as plain JSON, for the constructor of the one that goes on. */
  sessions(): SpanSession[] {
    return this.#reel === '' ? [...this.#saved] : this.#sessions.saved();
  }

  /** Starts a segment; views of the one before are no longer valid. Throws when `headerLine` is no header. */
  begin(headerLine: string): void {
    const header = JSON.parse(headerLine) as Header;
    this.#useReel(header.reel);
    this.#segment = header.segment;
    this.#lineBytes = 0;
    const out = this.#out;
    out.pos = 0;
    out.reserve(this.#resource.length + header.version.length * 3 + 256);
    this.#resourceSpans = out.open(key.first);
    const resource = out.open(key.first);
    out.block(this.#resource);
    out.close(resource);
    this.#scopeSpans = out.open(key.second);
    const scope = out.open(key.first);
    out.string(key.first, scopeName, names.shortTextBytesMax);
    out.string(key.second, header.version, names.shortTextBytesMax);
    out.close(scope);
    this.#headerSpan = out.pos;
    this.#segmentSpan(headerLine, 'header', 0);
  }

  /** Appends a record's span; the view of its line is valid until the next call. */
  record(draft: DraftRecord, sealed: SealedFields): Uint8Array {
    const session = this.#sessionOf(draft);
    const out = this.#out;
    out.reserve(headBytes + lineBytesBound(draft));
    const span = beginSpan(out, this.#headOf(draft, session));
    const line = out.pos;
    out.pos = writeLine(draft, sealed, out.buf, line);
    endRecord(out, line);
    const lineEnd = out.pos;
    const buf = out.buf;
    putSpanTimes(buf, span, draft);
    if (this.#headerSpan >= 0) this.#headerTime(span + startOffset);
    if (draft.kind === 'stretch' && session !== null) {
      buf.set(session.rootId(draft.stretch), span + spanIdOffset);
    } else {
      putSpanId(buf, span + spanIdOffset, this.#reelBytes, sealed.seq);
    }
    const shared = session === null ? this.#reelAttributes : session.attributes;
    if (draft.kind === 'statement') this.#statements.write(out, draft, sealed.seq, shared);
    else putRecord(out, draft, sealed.seq, shared, session);
    endSpan(out, span);
    this.#lineBytes += lineEnd - line;
    if (session !== null) this.#advance(draft, session);
    // A plain view: made in a fraction of the time of a Buffer's.
    return new Uint8Array(out.buf.buffer, out.buf.byteOffset + line, lineEnd - line);
  }

  /** Ends the segment with its seal; the whole request, valid until the next `begin`. */
  end(sealLine: string): Uint8Array {
    const out = this.#out;
    const span = out.pos;
    this.#segmentSpan(sealLine, 'seal', 1);
    const { at } = JSON.parse(sealLine) as { at: string };
    putTimes(out.buf, span + startOffset, span + endOffset, at, 0);
    if (this.#headerSpan >= 0) this.#headerTime(span + startOffset);
    out.reserve(256);
    out.string(key.schemaUrl, names.schemaUrl, names.shortTextBytesMax);
    out.close(this.#scopeSpans);
    out.close(this.#resourceSpans);
    return out.buf.subarray(0, out.pos);
  }

  #useReel(reel: string): void {
    if (this.#reel === reel) return;
    this.#sessions = new SpanSessions(reel, this.#reel === '' ? this.#saved : []);
    this.#saved = [];
    this.#reel = reel;
    this.#reelBytes = Buffer.from(reel, 'hex');
    this.#reelHead = spanHead(this.#reelBytes, null);
    const out = new ProtoWriter(128);
    putString(out, names.reel, reel);
    this.#reelAttributes = out.copy();
  }

  #segmentSpan(line: string, kind: 'header' | 'seal', seal: 0 | 1): void {
    const out = this.#out;
    out.reserve(headBytes + line.length * 3);
    const span = beginSpan(out, this.#reelHead);
    const start = out.pos;
    out.pos += out.buf.write(line, start, 'utf8');
    endRecord(out, start);
    this.#lineBytes += out.pos - start;
    putSegmentSpanId(out.buf, span + spanIdOffset, this.#reelBytes, this.#segment, seal);
    clearTime(out.buf, span + startOffset);
    clearTime(out.buf, span + endOffset);
    putNamed(out, kind);
    out.reserve(this.#reelAttributes.length);
    out.block(this.#reelAttributes);
    putInt(out, names.segment, this.#segment);
    endSpan(out, span);
  }

  /** The header line has no time: its span takes the start of the first one after it. */
  #headerTime(from: number): void {
    const { buf } = this.#out;
    copyTime(buf, this.#headerSpan + startOffset, from);
    copyTime(buf, this.#headerSpan + endOffset, from);
    this.#headerSpan = -1;
  }

  #sessionOf(draft: DraftRecord): SessionSpans | null {
    if (draft.kind === 'opened') return this.#sessions.open(draft);
    if (!('session' in draft) || draft.session === undefined) return null;
    return this.#sessions.of(draft.session);
  }

  #headOf(draft: DraftRecord, session: SessionSpans | null): Buffer {
    if (session === null) return this.#reelHead;
    if (draft.kind === 'stretch') return spanHead(session.traceId(draft.stretch), null);
    // What ends a session directly after its last stretch belongs to that one: there will be no root for
    // another.
    if (draft.kind === 'closed' && session.idle && session.stretch > 1)
      return session.headOf(session.stretch - 1);
    return session.head;
  }

  #advance(draft: DraftRecord, session: SessionSpans): void {
    if (draft.kind === 'stretch') session.nextStretch(draft.stretch);
    else if (draft.kind === 'closed') this.#sessions.close(session.session);
    else session.idle = false;
  }
}

/** Start and end: of what the record tells where it has a length, else the moment it was made. */
function putSpanTimes(buf: Buffer, span: number, draft: DraftRecord): void {
  const start = span + startOffset;
  const end = span + endOffset;
  switch (draft.kind) {
    case 'statement':
    case 'running':
    case 'stretch':
      putTimes(buf, start, end, draft.start, draft.duration_ns);
      break;
    case 'opened':
      putTimes(buf, start, start, draft.start, 0);
      putTimes(buf, end, end, draft.at, 0);
      break;
    default:
      putTimes(buf, start, end, draft.at, 0);
  }
}
