/**
 * Owns what follows from an outcome: the gRPC answer, the metrics, the log, the live tail and the views
 * forwarded.
 */
import { enrolmentMetadata } from '@pgtape/evidence';
import { encodeExportReply, type GrpcCall, GrpcError, viewOf } from '@pgtape/otlp';
import type { Logger } from 'pino';
import type { Forwarder } from './forwarder.ts';
import type { LiveTail } from './liveTail.ts';
import type { PolicyWatch } from './policyWatch.ts';
import type { Receiver, StoredSegment } from './receiver.ts';
import type { ReelWatcher } from './reelWatcher.ts';
import type { Refusal, RefusalReason } from './refusal.ts';
import type { VaultMetrics } from './vaultMetrics.ts';

export interface TraceServiceParts {
  readonly receiver: Receiver;
  readonly metrics: VaultMetrics;
  readonly watcher: Pick<ReelWatcher, 'arrived'>;
  readonly policies: Pick<PolicyWatch, 'arrived'>;
  readonly tail: LiveTail;
  /** Null when nothing is forwarded. */
  readonly forwarder: Forwarder | null;
  readonly log: Logger;
}

/** An empty reply: everything was taken. Partial success is never used, because senders must not retry it. */
const taken = encodeExportReply(null);

/**
 * Refusals that mean someone must look at the sender; the others are the vault's own trouble or ordinary
 * business.
 */
const quiet: ReadonlySet<RefusalReason> = new Set([
  'overloaded',
  'closing',
  'store',
  'archive_damaged',
  'forged',
  'quarantine_full',
  'vault_reel',
  'not_enrolled',
  'token_missing',
  'token_invalid',
  'token_expired',
  'token_audience',
  'token_not_pod_bound',
  'pod_not_found',
  'pod_not_injected',
  'pod_of_other_database',
  'other_pod',
  // Counted: who makes tokens up would fill the log.
  'reviews_limited',
]);

const bearer = /^Bearer ([\x21-\x7e]{1,16384})$/i;

function bearerOf(authorization: string | undefined): string | null {
  return bearer.exec(authorization ?? '')?.[1] ?? null;
}

/** One Export call. Throws GrpcError with `<reason>: <detail>` for what is not acknowledged. */
export async function exportTraces(
  parts: TraceServiceParts,
  message: Uint8Array,
  call: GrpcCall,
): Promise<Uint8Array> {
  const outcome = await parts.receiver.receive(message, {
    certificate: call.certificate,
    proof: call.metadata[enrolmentMetadata] ?? null,
    token: bearerOf(call.metadata.authorization),
    address: call.peer.replace(/:\d+$/, ''),
  });
  switch (outcome.kind) {
    case 'refused':
      throw refused(parts, outcome, call.peer);
    case 'view':
      parts.metrics.view(outcome.spans);
      if (outcome.spans > 0) parts.forwarder?.offer(message);
      return taken;
    case 'duplicate':
      parts.metrics.duplicate();
      parts.watcher.arrived(outcome.segment, call);
      parts.policies.arrived(outcome.segment);
      return taken;
    case 'stored':
      parts.watcher.arrived(outcome.segment, call);
      parts.policies.arrived(outcome.segment);
      stored(parts, outcome, message);
      return taken;
  }
}

function refused(parts: TraceServiceParts, refusal: Refusal, peer: string): GrpcError {
  const { reason, detail, status, retryDelayMs } = refusal;
  parts.metrics.refused(reason);
  if (!quiet.has(reason)) parts.log.warn({ reason, detail, peer }, 'request refused');
  return new GrpcError(status, `${reason}: ${detail}`, retryDelayMs);
}

function stored(parts: TraceServiceParts, outcome: StoredSegment, message: Uint8Array): void {
  const { segment, text, objectBytes, putMs } = outcome;
  parts.metrics.stored(segment.lines.length, text.length, objectBytes, putMs);
  // The segment is durable: nothing that goes wrong from here on may turn its acknowledgement into an error.
  try {
    parts.tail.publish(text, segment.lines, segment.records);
    if (parts.forwarder === null) return;
    const view = viewOf(message);
    // Copied: the view may lie in a buffer as large as the request, and the queue counts what it keeps alive.
    if (view !== null) parts.forwarder.offer(Uint8Array.from(view));
  } catch (error) {
    parts.log.error({ err: error }, 'a stored segment could not be shown; it is archived all the same');
  }
}
