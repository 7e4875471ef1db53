/** Owns the vault's metrics: their names, units and meaning. */
import { AlertReason } from '@pgtape/evidence';
import type { Metrics } from '@pgtape/process';
import type { WitnessReason } from '@pgtape/tlog';
import type { Action } from './grantScope.ts';
import type { HttpReason } from './httpRefusal.ts';
import type { WatchedState } from './reelWatch.ts';
import type { RefusalReason } from './refusal.ts';
import type { ReviewOutcome } from './reviewBudget.ts';

/** Why a view was not forwarded. */
export type DropReason = 'forward_queue_full' | 'forward_rejected' | 'closing';

export interface VaultGauges {
  readonly inflightBytes: () => number;
  readonly reelsKnown: () => number;
  readonly forwardQueueBytes: () => number;
  readonly tailClients: () => number;
  /** Records of the vault's own reel that are not stored yet. */
  readonly reelWaiting: () => number;
  readonly alerts: () => ReadonlyMap<AlertReason, number>;
  readonly reels: (state: WatchedState) => number;
  /** The largest of any recorder's. */
  readonly skewMs: () => number;
  readonly grants: () => number;
  readonly readBytes: () => number;
}

/** What of the log is published; ages in seconds. */
export interface LogGauges {
  readonly size: () => number;
  readonly pending: () => number;
  /** Since the vault's start before it has published anything: an alert on the age must see a log that never was. */
  readonly checkpointAge: () => number;
}

export interface VaultMetrics {
  /** The tree was not published; `reason` as in the log. */
  logFailed(reason: string): void;
  witnessFailed(reason: WitnessReason): void;
  stored(records: number, textBytes: number, objectBytes: number, putMs: number): void;
  duplicate(): void;
  quarantined(): void;
  ownRecords(records: readonly { readonly kind: string }[]): void;
  refused(reason: RefusalReason): void;
  view(spans: number): void;
  forwarded(bytes: number): void;
  forwardDropped(reason: DropReason): void;
  forwardError(): void;
  tailLagged(lines: number): void;
  granted(action: Action): void;
  served(bytes: number): void;
  httpRefused(reason: HttpReason): void;
  /** A token was to be reviewed by the API server, of a recorder or of who reads. */
  reviewed(of: 'recorder' | 'reader', outcome: ReviewOutcome): void;
}

const putSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Registers the log's; call once per Metrics. */
export function logMetrics(metrics: Metrics, { size, pending, checkpointAge }: LogGauges): void {
  metrics.gauge('pgtape_vault_log_size', 'Leaves of the published tree.', [], size);
  metrics.gauge('pgtape_vault_log_pending', 'Leaves in the journal that no published tree has.', [], pending);
  metrics.gauge(
    'pgtape_vault_log_checkpoint_age_seconds',
    'Since this vault last published the log, or since its start where it has not yet.',
    [],
    checkpointAge,
  );
}

/** Of legal holds; call once per Metrics. */
export function holdMetrics(metrics: Metrics, active: () => number): void {
  metrics.gauge('pgtape_vault_holds', 'Legal holds in force.', [], active);
}

/** Registers everything else; call once per Metrics. */
export function vaultMetrics(metrics: Metrics, gauges: VaultGauges): VaultMetrics {
  const counter = (name: string, help: string, labels: string[] = []) =>
    metrics.counter(`pgtape_vault_${name}_total`, help, labels);
  metrics.gauge('pgtape_vault_inflight_bytes', 'Bytes of requests being received.', [], gauges.inflightBytes);
  metrics.gauge('pgtape_vault_reels_known', 'Reels whose tail is in memory.', [], gauges.reelsKnown);
  metrics.gauge(
    'pgtape_vault_forward_queue_bytes',
    'Views waiting to be forwarded.',
    [],
    gauges.forwardQueueBytes,
  );
  metrics.gauge('pgtape_vault_tail_clients', 'Clients of /v1/tail.', [], gauges.tailClients);
  const waiting = "Records of the vault's own reel that are not stored yet.";
  metrics.gauge('pgtape_vault_reel_waiting', waiting, [], gauges.reelWaiting);
  metrics.gaugeBy('pgtape_vault_alerts', 'Alerts that stand, by reason.', 'reason', () => {
    const counts = gauges.alerts();
    return AlertReason.options.map((reason) => [reason, counts.get(reason) ?? 0]);
  });
  const watched = (state: WatchedState, help: string) =>
    metrics.gauge(`pgtape_vault_reels_${state}`, help, [], () => gauges.reels(state));
  watched('open', 'Reels that have no end and send.');
  watched('silent', 'Reels that have no end and sent nothing for two heartbeats.');
  watched('crashed', 'Reels without an end whose recorder went on in another one.');
  const skew = "Largest difference of a recorder's clock from the vault's.";
  metrics.gauge('pgtape_vault_clock_skew_seconds', skew, [], () => gauges.skewMs() / 1000);
  const own = counter('reel_records', "Records of the vault's own reel, by kind.", ['kind']);
  metrics.gauge('pgtape_vault_grants', 'Grants to read that have not ended.', [], gauges.grants);
  metrics.gauge('pgtape_vault_read_bytes', 'Bytes of objects on their way to readers.', [], gauges.readBytes);
  const granted = counter('grants_given', 'Readings recorded and granted, by action.', ['action']);
  const served = counter('objects_served', 'Objects given to readers.');
  const servedBytes = counter('object_bytes_served', 'Their bytes.');
  const httpRefused = counter('http_refused', 'HTTP requests refused, by reason.', ['reason']);
  const reviews = counter('token_reviews', 'Tokens that the API server was to be asked about, by outcome.', [
    'of',
    'outcome',
  ]);
  const segments = counter('segments_stored', 'Segments stored and acknowledged.');
  const duplicates = counter('segments_duplicate', 'Segments acknowledged that were archived already.');
  const quarantined = counter('segments_quarantined', 'Segments that contradict the archive.', ['reason']);
  const refused = counter('requests_refused', 'Requests not acknowledged, by reason.', ['reason']);
  const records = counter('records', 'Records stored.');
  const textBytes = counter('record_bytes', 'Bytes of stored segments before compression.');
  const objectBytes = counter('object_bytes', 'Bytes of stored segments as stored.');
  const put = metrics.histogram('pgtape_vault_put_seconds', 'Time until a segment is durable.', putSeconds);
  const views = counter('view_spans', 'Spans of other senders: views, never evidence.');
  const forwarded = counter('forwarded_bytes', 'Bytes of views the tracing backend took.');
  const dropped = counter('forward_dropped', 'Views not forwarded, by reason.', ['reason']);
  const errors = counter('forward_errors', 'Attempts to forward that failed; they are made again.');
  const lagged = counter('tail_lagged_lines', 'Lines left out for slow clients of /v1/tail.');
  const logFailures = counter('log_failures', 'Times the log was not published, by reason.', ['reason']);
  const witnessFailures = counter('witness_failures', 'Cosignatures not had, by reason.', ['reason']);
  return {
    logFailed: (reason) => logFailures.inc({ reason }),
    witnessFailed: (reason) => witnessFailures.inc({ reason }),
    stored(count, text, object, putMs) {
      segments.inc();
      records.inc(count);
      textBytes.inc(text);
      objectBytes.inc(object);
      put.observe(putMs / 1000);
    },
    duplicate: () => duplicates.inc(),
    ownRecords: (stored) => {
      for (const { kind } of stored) own.inc({ kind });
    },
    quarantined: () => quarantined.inc({ reason: 'forged' }),
    refused: (reason) => refused.inc({ reason }),
    view: (spans) => views.inc(spans),
    forwarded: (bytes) => forwarded.inc(bytes),
    forwardDropped: (reason) => dropped.inc({ reason }),
    forwardError: () => errors.inc(),
    tailLagged: (lines) => lagged.inc(lines),
    granted: (action) => granted.inc({ action }),
    served(bytes) {
      served.inc();
      servedBytes.inc(bytes);
    },
    httpRefused: (reason) => httpRefused.inc({ reason }),
    reviewed: (of, outcome) => reviews.inc({ of, outcome }),
  };
}
