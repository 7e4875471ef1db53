/** Owns the names of the operator's metrics. */
import type { Metrics } from '@pgtape/process';

/** Asked for whenever metrics are read. */
export interface OperatorGauges {
  readonly watchAges: () => Iterable<[string, number]>;
  /** Seconds; NaN without a certificate. */
  readonly webhookSeconds: () => number;
  /** null: this process does not look after the vault's. */
  readonly vaultSeconds: (() => number) | null;
  /** null: this process never leads. */
  readonly controller: {
    readonly queueDepth: () => number;
    readonly isLeading: () => boolean;
    readonly injectedPods: () => Iterable<[string, number]>;
    readonly uncoveredPods: () => Iterable<[string, number]>;
    /** Of databases whose recorders this replica asks: of the leader. */
    readonly recordings: () => Iterable<[string, RecordedNumbers]>;
  } | null;
}

/** Of one database; null: not known. */
export interface RecordedNumbers {
  readonly coverage: number | null;
  readonly lagSeconds: number | null;
  readonly capturedPods: number;
}

function controllerGauges(metrics: Metrics, gauges: NonNullable<OperatorGauges['controller']>): void {
  metrics.gauge('operator_queue_depth', 'Keys waiting to be reconciled.', [], gauges.queueDepth);
  metrics.gauge('operator_leading', 'Whether this replica leads.', [], () => (gauges.isLeading() ? 1 : 0));
  metrics.gaugeBy('operator_injected_pods', 'Pods with a recorder.', 'database', gauges.injectedPods);
  metrics.gaugeBy('operator_uncovered_pods', 'Pods without one.', 'database', gauges.uncoveredPods);
  const of = (number: (numbers: RecordedNumbers) => number | null) => (): [string, number][] =>
    [...gauges.recordings()].flatMap(([database, numbers]): [string, number][] => {
      const value = number(numbers);
      return value === null ? [] : [[database, value]];
    });
  metrics.gaugeBy(
    'operator_coverage_ratio',
    'Sessions on tape per sessions the server saw; absent where it is not known.',
    'database',
    of(({ coverage }) => coverage),
  );
  metrics.gaugeBy(
    'operator_evidence_lag_seconds',
    'Age of the oldest evidence that the vault has not acknowledged.',
    'database',
    of(({ lagSeconds }) => lagSeconds),
  );
  metrics.gaugeBy(
    'operator_captured_pods',
    'Pods whose clients are proven to be led through the recorder.',
    'database',
    of(({ capturedPods }) => capturedPods),
  );
}

export function operatorMetrics(metrics: Metrics, gauges: OperatorGauges) {
  const { controller, vaultSeconds } = gauges;
  metrics.gaugeBy(
    'operator_watch_age_seconds',
    'Time since a watch last heard of the API server.',
    'resource',
    gauges.watchAges,
  );
  metrics.gauge(
    'operator_webhook_certificate_expiry_seconds',
    "Time until the webhook's certificate ends.",
    [],
    gauges.webhookSeconds,
  );
  if (vaultSeconds !== null)
    metrics.gauge(
      'operator_vault_certificate_expiry_seconds',
      "Time until the vault's certificate ends.",
      [],
      vaultSeconds,
    );
  if (controller !== null) controllerGauges(metrics, controller);
  return {
    bypasses: metrics.counterBy(
      'operator_bypasses_total',
      'Sessions seen that went past a recorder.',
      'database',
      () => [...(controller?.injectedPods() ?? [])].map(([database]) => database),
    ),
    recorderAnswers: metrics.counter(
      'operator_recorder_answers_total',
      'Recorders asked, by what came back.',
      ['outcome'],
    ),
    rollouts: metrics.counter(
      'operator_rollouts_total',
      'Evictions and upgrades in place, by how they ended.',
      ['action', 'outcome'],
    ),
    reconciles: metrics.counter('operator_reconciles_total', 'Reconciles, by how they ended.', ['outcome']),
    reconcileSeconds: metrics.histogram(
      'operator_reconcile_duration_seconds',
      'How long a reconcile took.',
      [0.01, 0.05, 0.1, 0.5, 1, 5, 30],
    ),
    writes: metrics.counter('operator_writes_total', 'Objects written or removed, by kind and why.', [
      'kind',
      'how',
    ]),
    watchTroubles: metrics.counter('operator_watch_reconnects_total', 'Lists and watches that failed.', [
      'resource',
    ]),
    missed: metrics.counter('operator_missed_events_total', 'Changes that a watch did not tell.', [
      'resource',
    ]),
    secretProblems: metrics.counter(
      'operator_secret_problems_total',
      'Times a Secret was left alone that is not what it should be, by reason.',
      ['reason'],
    ),
    eventsDropped: metrics.counter('operator_events_dropped_total', 'Events that nobody was told.', [
      'reason',
    ]),
    webhookSeconds: metrics.histogram(
      'operator_webhook_duration_seconds',
      'How long an answer of the webhook took.',
      [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5],
      ['outcome'],
    ),
  };
}

export type OperatorMetrics = ReturnType<typeof operatorMetrics>;
