/** Opens the recorder's health endpoint. In a pod one that cannot be had is told and done without: clients come first. */
import { type HealthOptions, type HealthServer, healthServer } from '@pgtape/process';
import type { RecorderConfig } from './config.ts';
import type { ReadinessFacts } from './readiness.ts';
import type { RecorderLog } from './recorderDeps.ts';
import type { Relay } from './relay.ts';
import type { WorkerKeeper } from './workerKeeper.ts';

/** What readiness follows from, as far as these parts know it. */
export function served({
  config: { capture, failure },
  relay: { full, isBacklogged },
  worker,
}: {
  readonly config: Pick<RecorderConfig, 'capture' | 'failure'>;
  readonly relay: Pick<Relay, 'full' | 'isBacklogged'>;
  readonly worker: Pick<WorkerKeeper, 'isRunning' | 'stats'> | null;
}): Omit<ReadinessFacts, 'standIns' | 'isSpoolLost'> {
  return {
    isInPod: capture !== undefined,
    onFull: failure.onSpoolFull,
    full,
    isBacklogged,
    isWorkerRunning: worker?.isRunning === true,
    isRefused: (worker?.stats?.blockedReels ?? 0) > 0,
  };
}

/** @throws ErrnoException outside of a pod */
export async function openHealth(
  { health, capture }: Pick<RecorderConfig, 'health' | 'capture'>,
  log: RecorderLog,
  shown: Pick<HealthOptions, 'ready' | 'metrics' | 'answers'>,
): Promise<HealthServer | null> {
  if (health === undefined) return null;
  try {
    return await healthServer({ ...health, live: () => ({ ok: true, reasons: [] }), ...shown });
  } catch (error) {
    if (capture === undefined) throw error;
    const { code } = error as NodeJS.ErrnoException;
    log.warn({ event: 'health_absent' }, `cannot serve health on ${health.host}:${health.port} (${code})`);
    return null;
  }
}
