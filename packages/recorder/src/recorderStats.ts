/** What a running recorder tells about itself. */
import type { CaptureVerdict } from './captureProbe.ts';
import type { FullReason } from './spoolLevel.ts';
import type { TlsVerdict } from './tlsMatch.ts';
import type { WorkerStats } from './workerPlan.ts';

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
  readonly residentBytes: number;
  /** CPU microseconds the relay thread has used. */
  readonly relayCpuUs: number;
  /** null until the evidence worker has told. */
  readonly worker: WorkerStats | null;
  readonly workerRunning: boolean;
  readonly workerRestarts: number;
}
