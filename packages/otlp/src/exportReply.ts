/**
 * Owns ExportTraceServiceResponse{partial_success=1{rejected_spans=1, error_message=2}}
 * (trace_service.proto).
 */
import { ProtoReader, wireType } from './protoReader.ts';
import { ProtoWriter } from './protoWriter.ts';

const key = { partialSuccess: 0x0a, rejectedSpans: 0x08, errorMessage: 0x12 } as const;
const messageBytesMax = 4096;
const int64Bound = 2 ** 53;

export interface ExportReply {
  readonly rejectedSpans: number;
  readonly message: string;
}

/** The reply's bytes: empty for a whole success (null), as the protocol asks. */
export function encodeExportReply(rejected: { count: number; message: string } | null): Uint8Array {
  if (rejected === null) return new Uint8Array(0);
  const out = new ProtoWriter(messageBytesMax * 3 + 64);
  const partial = out.open(key.partialSuccess);
  out.byte(key.rejectedSpans);
  out.varint(rejected.count);
  out.string(key.errorMessage, rejected.message.slice(0, messageBytesMax), messageBytesMax);
  out.close(partial);
  return out.copy();
}

/**
 * What a reply says. A reply that is no message counts as one rejected span, so that nobody takes garbage for
 * an acknowledgement; a message with `rejectedSpans` 0 is a warning.
 */
export function readExportReply(bytes: Uint8Array): ExportReply {
  let rejectedSpans = 0;
  let message = '';
  const reply = new ProtoReader(bytes);
  let failed = false;
  while (reply.next()) {
    if (!reply.is(1)) continue;
    const partial = new ProtoReader(bytes, reply.from, reply.to);
    while (partial.next()) {
      if (partial.field === 1 && partial.type === wireType.varint) {
        rejectedSpans = Math.min(partial.value, int64Bound - 1);
      } else if (partial.is(2)) {
        const text = bytes.subarray(partial.from, Math.min(partial.to, partial.from + messageBytesMax));
        message = Buffer.from(text).toString('utf8');
      }
    }
    failed ||= partial.failed;
  }
  return failed || reply.failed
    ? { rejectedSpans: 1, message: 'reply is no message' }
    : { rejectedSpans, message };
}
