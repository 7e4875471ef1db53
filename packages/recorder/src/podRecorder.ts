/**
 * Starts a recorder in a pod, where a volume that cannot be used is no reason to leave the database unreachable: then the spool
 * lies in memory, and says so.
 */
import { join } from 'node:path';
import { logger } from '@pgtape/process';
import type { RecorderConfig } from './config.ts';
import type { RecorderDeps, RunningRecorder } from './recorderDeps.ts';
import { RecorderError, type RecorderErrorCode } from './recorderError.ts';
import { startRecorder } from './startRecorder.ts';

const ofVolumes: ReadonlySet<RecorderErrorCode> = new Set([
  'SPOOL_LOCKED',
  'SPOOL_UNUSABLE',
  'JOURNAL_NOT_IN_MEMORY',
  'JOURNAL_UNUSABLE',
]);

/** Where spool and journal may lie, best first: as configured, both in the journal's volume, both in the container's own memory. */
export function placesInPod(config: RecorderConfig): readonly RecorderConfig[] {
  const { spool, journal } = config;
  const inJournal =
    journal.dir === undefined ? [] : [{ ...config, spool: { ...spool, dir: join(journal.dir, 'spool') } }];
  const inMemory = {
    ...config,
    spool: { ...spool, dir: '/dev/shm/pgtape-spool' },
    journal: { ...journal, dir: '/dev/shm/pgtape-journal' },
  };
  return [config, ...inJournal, inMemory];
}

/** @throws RecorderError where no place will do, or for what has nothing to do with places */
export async function startRecorderInPod(
  config: RecorderConfig,
  deps: RecorderDeps = {},
): Promise<RunningRecorder> {
  const log = deps.log ?? logger('pgtape-recorder', config.log.level);
  let standIns = deps.standIns ?? [];
  let first: RecorderError | null = null;
  for (const placed of placesInPod(config)) {
    try {
      return await startRecorder(placed, { ...deps, standIns });
    } catch (error) {
      if (!(error instanceof RecorderError) || !ofVolumes.has(error.code)) throw error;
      first ??= error;
      log.warn({ event: 'spool_elsewhere', code: error.code }, error.message);
      standIns = [...new Set([...standIns, 'spool_elsewhere'])];
    }
  }
  throw first ?? new RecorderError('SPOOL_UNUSABLE', 'there is no place for a spool');
}
