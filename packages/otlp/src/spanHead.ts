/**
 * Owns what every span of a segment begins with: ids, times and the attribute `pgtape.record` with the exact
 * line, laid out at fixed offsets so that it is one copy and a few patches. Knows no record's fields.
 *
 * Span (trace.proto): trace_id=1, span_id=2, parent_span_id=4, start=7, end=8, attributes=9. Lengths are
 * padded varints.
 */
import { type ProtoWriter, putFixed64 } from './protoWriter.ts';

/** The attribute that carries a line. */
export const recordKey = 'pgtape.record';
/** Key of `spans` in ScopeSpans. */
const spansKey = 0x12;

const spanIdAt = 25;
const startAt = 34;
const endAt = 43;
/** Span key and length, trace id, span id, two times. */
const fixedBytes = 51;
const parentBytes = 10;
/** Key, length of the attribute; its name; key, length of the value; key, length of the text. */
const recordBytes = 5 + 2 + recordKey.length + 5 + 5;

/** Longest head. */
export const headBytes = fixedBytes + parentBytes + recordBytes;

/** The head of all spans of one trace with one parent (`parent` 8 bytes, null for none). */
export function spanHead(traceId: Uint8Array, parent: Uint8Array | null): Buffer {
  const head = Buffer.alloc(fixedBytes + (parent === null ? 0 : parentBytes) + recordBytes);
  head[0] = spansKey;
  head.set([0x0a, 16], 5);
  head.set(traceId, 7);
  head.set([0x12, 8], spanIdAt - 2);
  head[startAt - 1] = 0x39;
  head[endAt - 1] = 0x41;
  let pos = fixedBytes;
  if (parent !== null) {
    head.set([0x22, 8], pos);
    head.set(parent, pos + 2);
    pos += parentBytes;
  }
  head[pos] = 0x4a;
  head.set([0x0a, recordKey.length], pos + 5);
  head.write(recordKey, pos + 7, 'latin1');
  head[pos + 7 + recordKey.length] = 0x12;
  head[pos + 12 + recordKey.length] = 0x0a;
  return head;
}

/** Where the parts of a span begun by `beginSpan` at `span` stand. */
export const spanIdOffset = spanIdAt;
export const startOffset = startAt;
export const endOffset = endAt;

/** Copies a head; the line goes to `out.pos`. `reserve` is the caller's. */
export function beginSpan(out: ProtoWriter, head: Uint8Array): number {
  const span = out.pos;
  out.buf.set(head, span);
  out.pos = span + head.length;
  return span;
}

/** The line that began at `line` ended at `out.pos`: fills the lengths around it. */
export function endRecord(out: ProtoWriter, line: number): void {
  const value = line - 5;
  const attribute = value - 5 - 2 - recordKey.length;
  out.fill(line, out.pos - line);
  out.fill(value, out.pos - value);
  out.fill(attribute, out.pos - attribute);
}

/** The span that began at `span` ended at `out.pos`. */
export function endSpan(out: ProtoWriter, span: number): void {
  out.close(span + 5);
}

/** Copies the 8 time bytes at `from` to `to`. */
export function copyTime(buf: Uint8Array, to: number, from: number): void {
  buf.copyWithin(to, from, from + 8);
}

export function clearTime(buf: Uint8Array, to: number): void {
  putFixed64(buf, to, 0, 0);
}
