/** Owns starting a recorder: its spool, then everything else; a start that fails leaves nothing running and nothing behind. */
import { systemClock } from '@pgtape/process';
import type { RecorderConfig } from './config.ts';
import { journalRoom } from './journalRoom.ts';
import { Recorder } from './recorder.ts';
import type { RecorderDeps, RunningRecorder } from './recorderDeps.ts';
import type { RecorderError } from './recorderError.ts';
import { workerPlan } from './reelPlan.ts';
import { openSpool, type Spool } from './spool.ts';
import { startDecodeWorker } from './workerKeeper.ts';

/** A volume that is full of what dead recorders left is emptied first. @throws RecorderError */
async function compose(config: RecorderConfig, spool: Spool, deps: RecorderDeps): Promise<Recorder> {
  try {
    return new Recorder(config, spool, deps);
  } catch (error) {
    const cause = (error as RecorderError).cause as NodeJS.ErrnoException | undefined;
    if (cause?.code !== 'ENOSPC') throw error;
  }
  // Not loaded otherwise: on this thread nothing decodes.
  const { recoverBeforeStart } = await import('./startRecovery.ts');
  const clock = deps.clock ?? systemClock();
  const room = journalRoom(0, config.journal.maxBytes);
  recoverBeforeStart(workerPlan(config, spool, '', new SharedArrayBuffer(40), room), () => clock.wallUs());
  return new Recorder(config, spool, deps);
}

/**
 * Starts a recorder: takes the spool, opens the journal, listens, starts the evidence worker.
 * @throws RecorderError; nothing is left running then
 */
export async function startRecorder(
  config: RecorderConfig,
  deps: RecorderDeps = {},
): Promise<RunningRecorder> {
  const spool = await openSpool({
    spoolDir: config.spool.dir,
    journalDir: config.journal.dir,
    onDisk: config.journal.onDisk,
    env: deps.env ?? {},
  });
  let running: Recorder;
  try {
    running = await compose(config, spool, deps);
  } catch (error) {
    spool.leave();
    throw error;
  }
  try {
    await running.start(deps.startWorker ?? startDecodeWorker);
  } catch (error) {
    if (running.hasWorker) await running.close();
    else running.abandon();
    throw error;
  }
  return running;
}
