/** Owns the names and meanings of the recorder's Prometheus metrics; reads numbers, counts nothing itself. */
import { Metrics } from '@pgtape/process';
import type { RecorderStats } from './recorderStats.ts';

type Reading = readonly [name: string, help: string, read: (stats: RecorderStats) => number];

const configStates = { current: 1, restart_needed: 0, config_invalid: -1 } as const;
const coverageStates = { measured: 1, starting: 0, failed: 0, no_credentials: -1 } as const;
const threeWay = (known: boolean | null): number => (known === null ? -1 : known ? 1 : 0);

const gauges: readonly Reading[] = [
  ['sessions_open', 'Sessions past their startup packet.', (s) => s.sessionsOpen],
  ['journal_backlog_bytes', 'Journal whose segments are not sealed yet.', (s) => s.backlogBytes],
  [
    'paused',
    '1 while clients are not read, because of the backlog or the journal.',
    (s) => (s.paused ? 1 : 0),
  ],
  ['outbox_segments', 'Sealed segments not yet acknowledged.', (s) => s.worker?.outboxSegments ?? 0],
  ['outbox_bytes', 'Bytes of sealed segments not yet acknowledged.', (s) => s.worker?.outboxBytes ?? 0],
  [
    'blocked_reels',
    'Reels whose oldest segment the vault refuses: nothing of them is sent until somebody acts.',
    (s) => s.worker?.blockedReels ?? 0,
  ],
  [
    'sessions_passing',
    'Sessions that are relayed unrecorded at the moment, because the spool is full.',
    (s) => s.sessionsPassing,
  ],
  ['types_learned', 'Types that the side connection has learned.', (s) => s.worker?.typesLearned ?? 0],
  ['worker_running', '1 while the evidence worker runs.', (s) => (s.workerRunning ? 1 : 0)],
  [
    'capture_achieved',
    'In a pod: 1 while nobody is seen to be reachable past the recorder, 0 while somebody is, -1 where it cannot be told.',
    (s) => threeWay(s.capture.achieved),
  ],
  [
    'config_state',
    'The newest configuration: 1 in force, 0 in part after the next start (`restart_needed`), -1 not used (`config_invalid`).',
    (s) => configStates[s.configState],
  ],
  [
    'coverage_measured',
    'Whether the sessions of the server are compared with those on tape: 1 yes, 0 it fails, -1 without credentials.',
    (s) => coverageStates[s.coverage.state],
  ],
  [
    'tls_matched',
    "1 while clients are served TLS wherever the server has it, by the server's certificate; 0 while not, -1 until it was asked.",
    (s) => threeWay(s.tls.matched),
  ],
  ['resident_bytes', 'Resident set of the process.', (s) => s.residentBytes],
];

const totals: readonly Reading[] = [
  [
    'sessions_total',
    'Connections that sent at least one byte, cancel requests included.',
    (s) => s.sessionsTotal,
  ],
  ['silent_connections_total', 'Connections that came and went without a byte.', (s) => s.silentConnections],
  ['journal_bytes_total', 'Bytes written to the journal.', (s) => s.journaledBytes],
  [
    'tls_files_failures_total',
    'Times the certificates could not be used; the log says why.',
    (s) => s.tlsFailures,
  ],
  ['paused_seconds_total', 'Time clients were not read.', (s) => s.pausedSeconds],
  [
    'unrecorded_statements_total',
    'Statements relayed unrecorded, as gaps have told.',
    (s) => s.unrecordedStatements,
  ],
  ['unrecorded_bytes_total', 'Bytes relayed unrecorded, as gaps have told.', (s) => s.unrecordedBytes],
  ['records_total', 'Records made.', (s) => s.worker?.records ?? 0],
  ['statements_total', 'Statements recorded.', (s) => s.worker?.statements ?? 0],
  [
    'decode_lost_total',
    'Sessions whose stream could not be understood to its end.',
    (s) => s.worker?.decodeLost ?? 0,
  ],
  ['segments_sealed_total', 'Segments sealed.', (s) => s.worker?.segmentsSealed ?? 0],
  [
    'segments_acknowledged_total',
    'Segments the vault has acknowledged.',
    (s) => s.worker?.segmentsAcked ?? 0,
  ],
  ['send_errors_total', 'Failed attempts to send a segment.', (s) => s.worker?.sendErrors ?? 0],
  ['relay_cpu_seconds_total', 'CPU time of the relay thread.', (s) => s.relayCpuUs / 1e6],
  [
    'worker_cpu_seconds_total',
    'CPU time of the evidence worker; it begins anew when the worker is started anew.',
    (s) => (s.worker?.cpuUs ?? 0) / 1e6,
  ],
  [
    'health_absent_seconds_total',
    'Time that health could not be served: nobody could ask for this either.',
    (s) => s.health.absentSeconds,
  ],
  ['worker_restarts_total', 'Times the evidence worker died and was started anew.', (s) => s.workerRestarts],
];

const prefix = 'pgtape_recorder_';

/** The text of /metrics. */
export function recorderMetrics(read: () => RecorderStats): () => Promise<string> {
  const metrics = new Metrics();
  for (const [name, help, of] of gauges) metrics.gauge(prefix + name, help, [], () => of(read()));
  const counters = totals.map(([name, help, of]) => ({ counter: metrics.counter(prefix + name, help), of }));
  const bytes = metrics.counter(`${prefix}bytes_total`, 'Bytes received and forwarded.', ['direction']);
  const refused = metrics.counter(`${prefix}refused_total`, 'Connections refused, by reason.', ['reason']);
  const gaps = metrics.counter(`${prefix}gaps_total`, 'Gaps in the recording, by reason.', ['reason']);
  const lookups = metrics.counter(
    `${prefix}type_lookups_total`,
    'Questions of the side connection, by how they ended.',
    ['result'],
  );
  const bypasses = metrics.counter(
    `${prefix}bypasses_total`,
    'Sessions of the server that came past the recorder, by how they were found.',
    ['how'],
  );
  const health = metrics.counter(
    `${prefix}health_failures_total`,
    'Times the health endpoint could not be opened, by reason.',
    ['reason'],
  );
  const full = metrics.gauge(`${prefix}full`, 'By reason, 1 while the spool is full.', ['reason']);
  return () => {
    const stats = read();
    for (const reason of ['spool_full', 'journal_full']) full.set({ reason }, stats.full === reason ? 1 : 0);
    for (const { counter, of } of counters) {
      counter.reset();
      counter.inc(of(stats));
    }
    for (const counter of [bytes, refused, gaps, lookups, bypasses, health]) counter.reset();
    for (const [how, count] of Object.entries(stats.coverage.bypassesBy)) bypasses.inc({ how }, count);
    for (const [reason, count] of Object.entries(stats.health.failures)) health.inc({ reason }, count);
    bytes.inc({ direction: 'from_client' }, stats.bytesFromClients);
    bytes.inc({ direction: 'from_server' }, stats.bytesFromServer);
    for (const [reason, count] of Object.entries(stats.refused)) refused.inc({ reason }, count);
    for (const [reason, count] of Object.entries(stats.gaps)) gaps.inc({ reason }, count);
    for (const [result, count] of Object.entries(stats.worker?.typeLookups ?? {}))
      lookups.inc({ result }, count);
    return metrics.text();
  };
}
