/** Owns what of the recorder's parts its readiness follows from. Decides nothing. */
import type { RecorderConfig } from './config.ts';
import type { ReadinessFacts } from './readiness.ts';
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
