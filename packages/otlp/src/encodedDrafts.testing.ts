/** Drafts encoded and read back by the oracle. Not part of the package. */
import { type DraftRecord, lineBytesBound, writeLine } from '@pgtape/evidence';
import { headerLine, sealed, sealLine } from './exampleDrafts.testing.ts';
import { type ReadSpan, readRequest } from './otlpOracle.testing.ts';
import { SegmentRequest } from './segmentRequest.ts';
import type { SpanSession } from './spanSessions.ts';

/** Seq of the first draft. */
export const firstSeq = 41;

export function lineOf(draft: DraftRecord, seq: number): string {
  const out = Buffer.alloc(lineBytesBound(draft));
  return out.toString('utf8', 0, writeLine(draft, sealed(seq), out, 0));
}

/** Header span, one span per draft, seal span. */
export function encode(drafts: readonly DraftRecord[], sessions: readonly SpanSession[] = []): ReadSpan[] {
  const request = new SegmentRequest({ 'service.name': 'pgtape-recorder' }, sessions);
  request.begin(headerLine);
  drafts.forEach((draft, i) => {
    request.record(draft, sealed(firstSeq + i));
  });
  return readRequest(request.end(sealLine)).spans;
}
