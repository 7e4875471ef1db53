/** Owns taking the lines out of an ExportTraceServiceRequest from outside. Knows no line's content. */
import { ProtoReader } from './protoReader.ts';
import { field, SpanReader } from './spanReader.ts';

/**
 * `segment`: every span carries a line, in order, as views into the request. `view`: none does. `malformed`:
 * `reason` is `request`, `resource_spans`, `scope_spans`, `span`, `attribute`, `record_not_text`,
 * `record_twice`, `too_many` or `mixture`.
 */
export type SegmentReading =
  | { readonly kind: 'segment'; readonly lines: Uint8Array[] }
  | { readonly kind: 'view'; readonly spans: number }
  | { readonly kind: 'malformed'; readonly reason: string };

/** Lines in one request; a segment has about 1,000. */
const linesMax = 100_000;

/** Reads a request as sent; never throws, never reads past it, keeps nothing but views. */
export function readSegmentRequest(request: Uint8Array): SegmentReading {
  const lines: Uint8Array[] = [];
  const span = new SpanReader();
  let spans = 0;
  const malformed = (reason: string): SegmentReading => ({ kind: 'malformed', reason });
  const whole = new ProtoReader(request);
  while (whole.next()) {
    if (!whole.is(field.resourceSpans)) continue;
    const resource = new ProtoReader(request, whole.from, whole.to);
    while (resource.next()) {
      if (!resource.is(field.scopeSpans)) continue;
      const scope = new ProtoReader(request, resource.from, resource.to);
      while (scope.next()) {
        if (!scope.is(field.spans)) continue;
        const problem = span.read(request, scope.from, scope.to);
        if (problem !== null) return malformed(problem);
        spans += 1;
        if (span.recordFrom >= 0) lines.push(request.subarray(span.recordFrom, span.recordTo));
        if (lines.length > linesMax) return malformed('too_many');
        if (lines.length !== 0 && lines.length !== spans) return malformed('mixture');
      }
      if (scope.failed) return malformed('scope_spans');
    }
    if (resource.failed) return malformed('resource_spans');
  }
  if (whole.failed) return malformed('request');
  return lines.length > 0 ? { kind: 'segment', lines } : { kind: 'view', spans };
}
