/** What a running recorder tells about itself, and how it is read off its parts. */
import type { RecorderStatus } from '@pgtape/evidence';
import type { CaptureVerdict } from './captureProbe.ts';
import type { CoverageFacts } from './coverageView.ts';
import type { HealthFacts } from './healthPort.ts';
import type { RecorderView } from './recorderView.ts';
import type { Relay } from './relay.ts';
import type { FullReason } from './spoolLevel.ts';
import type { TlsVerdict } from './tlsMatch.ts';
import type { WorkerKeeper } from './workerKeeper.ts';
import type { WorkerStats } from './workerPlan.ts';

export type ConfigState = NonNullable<RecorderStatus['config']>['state'];

export interface RecorderStats {
  readonly sessionsOpen: number;
  /** Connections that sent at least one byte, cancel requests included. */
  readonly sessionsTotal: number;
  readonly silentConnections: number;
  readonly bytesFromClients: number;
  readonly bytesFromServer: number;
  readonly journaledBytes: number;
  readonly sealedBytes: number;
  readonly backlogBytes: number;
  /** Sets of certificates that could not be used. */
  readonly tlsFailures: number;
  readonly paused: boolean;
  readonly pausedSeconds: number;
  /** By reason; see refusal.ts. */
  readonly refused: Readonly<Record<string, number>>;
  /** By reason; see GapReason of @pgtape/evidence. */
  readonly gaps: Readonly<Record<string, number>>;
  /** Why the spool is full; null: it is not. */
  readonly full: FullReason | null;
  /** Sessions that are relayed unrecorded at the moment. */
  readonly sessionsPassing: number;
  /** Of what was relayed unrecorded, as gaps have told. */
  readonly unrecordedStatements: number;
  readonly unrecordedBytes: number;
  readonly capture: CaptureVerdict;
  readonly tls: TlsVerdict;
  readonly coverage: CoverageFacts;
  readonly configState: ConfigState;
  readonly health: HealthFacts;
  readonly residentBytes: number;
  /** CPU microseconds the relay thread has used. */
  readonly relayCpuUs: number;
  /** null until the evidence worker has told. */
  readonly worker: WorkerStats | null;
  readonly workerRunning: boolean;
  readonly workerRestarts: number;
}

export interface StatsSources {
  readonly relay: Relay;
  /** As WorkerPlan.progress. */
  readonly progress: Float64Array;
  readonly tlsFailures: number;
  readonly view: Pick<RecorderView, 'capture' | 'tls'>;
  readonly coverage: CoverageFacts;
  readonly configState: ConfigState;
  readonly health: HealthFacts;
  readonly worker: WorkerKeeper | null;
}

export function readStats({
  relay,
  progress,
  tlsFailures,
  view,
  coverage,
  configState,
  health,
  worker,
}: StatsSources): RecorderStats {
  const { gauges } = relay;
  return {
    sessionsOpen: relay.sessionsOpen,
    sessionsTotal: gauges.sessionsTotal,
    silentConnections: gauges.silentConnections,
    bytesFromClients: relay.bytesFromClients,
    bytesFromServer: relay.bytesFromServer,
    journaledBytes: progress[0] as number,
    sealedBytes: progress[1] as number,
    backlogBytes: (progress[0] as number) - (progress[1] as number),
    paused: gauges.isPaused,
    pausedSeconds: relay.pausedSeconds,
    tlsFailures,
    refused: Object.fromEntries(gauges.refused),
    gaps: Object.fromEntries(gauges.gaps),
    full: relay.full,
    sessionsPassing: relay.sessionsPassing,
    unrecordedStatements: relay.unrecorded.statementsTotal,
    unrecordedBytes: relay.unrecorded.bytesTotal,
    capture: view.capture,
    tls: view.tls,
    coverage,
    configState,
    health,
    residentBytes: process.memoryUsage.rss(),
    relayCpuUs: threadCpuUs(),
    worker: worker?.stats ?? null,
    workerRunning: worker?.isRunning ?? false,
    workerRestarts: worker?.restarts ?? 0,
  };
}

function threadCpuUs(): number {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}
