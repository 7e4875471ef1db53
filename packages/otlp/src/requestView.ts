/**
 * Owns the copy of a segment's request that tracing backends get: spans of sessions and statements, without
 * their lines. Knows no record's content.
 */
import { ProtoReader } from './protoReader.ts';
import { ProtoWriter } from './protoWriter.ts';
import { field, SpanReader } from './spanReader.ts';

/** Values of `pgtape.kind` that are for people; the rest are bookkeeping of the evidence. */
const viewKinds: ReadonlySet<string> = new Set(['opened', 'statement', 'stretch', 'closed']);
const kindLengthMax = 16;

/** Where a length-delimited field's key stands alone in a byte. */
const keyOf = (number: number): number => number * 8 + 2;

/**
 * The same request without `pgtape.record` and without spans of other kinds; null when none is left or it is
 * malformed.
 */
export function viewOf(request: Uint8Array): Uint8Array | null {
  const out = new ProtoWriter(request.length + 64);
  const span = new SpanReader();
  let kept = 0;
  const whole = new ProtoReader(request);
  while (whole.next()) {
    if (!whole.is(field.resourceSpans)) continue;
    const before = out.pos;
    const spans = copyResource(request, whole, out, span);
    if (spans < 0) return null;
    if (spans === 0) out.pos = before;
    kept += spans;
  }
  return whole.failed || kept === 0 ? null : out.buf.subarray(0, out.pos);
}

/** Copies one ResourceSpans; how many spans it kept, -1 when it is malformed. */
function copyResource(request: Uint8Array, at: ProtoReader, out: ProtoWriter, span: SpanReader): number {
  const resource = new ProtoReader(request, at.from, at.to);
  const start = open(out, field.resourceSpans);
  let kept = 0;
  while (resource.next()) {
    if (!resource.is(field.scopeSpans)) {
      put(out, request, resource.start, resource.to);
      continue;
    }
    const before = out.pos;
    const spans = copyScope(request, resource, out, span);
    if (spans < 0) return -1;
    if (spans === 0) out.pos = before;
    kept += spans;
  }
  out.close(start);
  return resource.failed ? -1 : kept;
}

function copyScope(request: Uint8Array, at: ProtoReader, out: ProtoWriter, span: SpanReader): number {
  const scope = new ProtoReader(request, at.from, at.to);
  const start = open(out, field.scopeSpans);
  let kept = 0;
  while (scope.next()) {
    if (!scope.is(field.spans)) {
      put(out, request, scope.start, scope.to);
      continue;
    }
    if (span.read(request, scope.from, scope.to) !== null) return -1;
    if (!isViewKind(request, span)) continue;
    copySpan(request, scope, out, span);
    kept += 1;
  }
  out.close(start);
  return scope.failed ? -1 : kept;
}

function copySpan(request: Uint8Array, at: ProtoReader, out: ProtoWriter, span: SpanReader): void {
  const start = open(out, field.spans);
  if (span.attributeFrom < 0) {
    put(out, request, at.from, at.to);
  } else {
    put(out, request, at.from, span.attributeFrom);
    put(out, request, span.attributeTo, at.to);
  }
  out.close(start);
}

function isViewKind(request: Uint8Array, span: SpanReader): boolean {
  const length = span.kindTo - span.kindFrom;
  if (span.kindFrom < 0 || length > kindLengthMax) return false;
  let kind = '';
  for (let i = span.kindFrom; i < span.kindTo; i++) kind += String.fromCharCode(request[i] as number);
  return viewKinds.has(kind);
}

function open(out: ProtoWriter, number: number): number {
  out.reserve(8);
  return out.open(keyOf(number));
}

function put(out: ProtoWriter, request: Uint8Array, from: number, to: number): void {
  out.reserve(to - from);
  out.block(request.subarray(from, to));
}
