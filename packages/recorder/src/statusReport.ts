/** Makes what `GET /v1/recorder` answers of what the recorder knows. Pure. */
import type { RecorderStatus } from '@pgtape/evidence';
import { addressText } from './addressText.ts';
import type { CaptureVerdict } from './captureProbe.ts';
import type { CoverageFacts } from './coverageView.ts';
import type { ListeningSocket } from './listeningSockets.ts';
import type { RecorderStats } from './recorderStats.ts';

export interface StatusParts {
  readonly version: string;
  readonly reel: string;
  readonly database: string;
  readonly configHash: string;
  readonly config: {
    readonly policyHash: string;
    readonly restartNeeded: readonly string[];
  };
  /** Wall clock, microseconds. */
  readonly startedUs: number;
  readonly nowUs: number;
  readonly starts: number;
  /** '' where no capture mode is configured. */
  readonly mode: string;
  readonly listeners: readonly ListeningSocket[];
  readonly stats: RecorderStats;
}

const addressesMax = 32;
const keysMax = 64;

const timeText = (us: number): string => new Date(us / 1000).toISOString();

function captureOf({ achieved, reason, others }: CaptureVerdict, mode: string): RecorderStatus['capture'] {
  return {
    mode,
    achieved: mode === '' ? null : achieved,
    reason: mode === '' || reason === 'achieved' ? null : reason,
    listeners: [],
    others: others.slice(0, addressesMax),
  };
}

export function vaultOf(
  { worker, workerRunning }: Pick<RecorderStats, 'worker' | 'workerRunning'>,
  nowUs: number,
): RecorderStatus['vault'] {
  const { outboxSegments = 0, oldestSealedUs = null, acknowledgedUs = null } = worker ?? {};
  const isFailing = outboxSegments > 0 && (worker?.lastSendError ?? '') !== '';
  const refused = (worker?.blockedReels ?? 0) > 0 ? 'vault_refuses' : isFailing ? 'vault_unreachable' : null;
  return {
    lagSeconds: oldestSealedUs === null ? 0 : Math.max(0, (nowUs - oldestSealedUs) / 1e6),
    pendingSegments: outboxSegments,
    acknowledgedAt: acknowledgedUs === null ? null : timeText(acknowledgedUs),
    reason: workerRunning ? refused : 'worker_down',
  };
}

function coverageOf({ atUs, bypassesBy: _by, ...facts }: CoverageFacts): RecorderStatus['coverage'] {
  return { ...facts, at: atUs === null ? null : timeText(atUs) };
}

export function recorderStatus(parts: StatusParts): RecorderStatus {
  const { version, reel, database, configHash, startedUs, nowUs, starts, mode, listeners, stats } = parts;
  return {
    ...{ version, reel, database, configHash },
    config: {
      state: stats.configState,
      policyHash: parts.config.policyHash,
      restartNeeded: parts.config.restartNeeded.slice(0, keysMax),
    },
    startedAt: timeText(startedUs),
    recorderStarts: starts,
    capture: {
      ...captureOf(stats.capture, mode),
      listeners: listeners.slice(0, addressesMax).map(({ address, port }) => addressText(address, port)),
    },
    tls: stats.tls,
    coverage: coverageOf(stats.coverage),
    vault: vaultOf(stats, nowUs),
    spool: { full: stats.full },
    health: { reason: stats.health.reason, absentSeconds: stats.health.absentSeconds },
    sessions: { open: stats.sessionsOpen, recorded: stats.sessionsTotal },
  };
}
