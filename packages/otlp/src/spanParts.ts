/**
 * Owns the parts of a span that are no attributes: name, kind, links, status (trace.proto). Knows no record.
 */
import type { ProtoWriter } from './protoWriter.ts';

/** Keys of Span's fields. */
export const spanKey = { name: 0x2a, kind: 0x30, link: 0x6a, status: 0x7a } as const;
/** SpanKind. */
export const spanKind = { internal: 1, client: 3 } as const;
/** Bytes of a status message. */
const statusMessageBytesMax = 1024;

const statusKey = { message: 0x12, code: 0x18 } as const;
const statusError = 2;
const linkKey = { traceId: 0x0a, spanId: 0x12, flags: 0x35 } as const;
/**
 * Trace context, level 1: version, trace id, parent id, flags
 * (https://www.w3.org/TR/trace-context/#traceparent-header).
 */
/** Ids of zeros are invalid there. */
const traceparentForm = /^[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/;

export function putErrorStatus(out: ProtoWriter, message: string): void {
  out.reserve(Math.min(message.length * 3, statusMessageBytesMax) + 16);
  const status = out.open(spanKey.status);
  out.string(statusKey.message, message, statusMessageBytesMax);
  out.byte(statusKey.code);
  out.byte(statusError);
  out.close(status);
}

/** A link to another span; `flags` are the W3C trace flags. */
export function putLink(out: ProtoWriter, traceId: Uint8Array, spanId: Uint8Array, flags: number): void {
  out.reserve(64);
  out.byte(spanKey.link);
  out.byte(33);
  out.byte(linkKey.traceId);
  out.byte(16);
  out.block(traceId);
  out.byte(linkKey.spanId);
  out.byte(8);
  out.block(spanId);
  out.byte(linkKey.flags);
  out.byte(flags);
  out.byte(0);
  out.byte(0);
  out.byte(0);
}

/** A client's claim: linked, never a parent. Text of another form is left out. */
export function putTraceparentLink(out: ProtoWriter, traceparent: string): void {
  const match = traceparentForm.exec(traceparent);
  if (match === null) return;
  const [, traceId, spanId, flags] = match as unknown as [string, string, string, string];
  putLink(out, Buffer.from(traceId, 'hex'), Buffer.from(spanId, 'hex'), Number.parseInt(flags, 16));
}
