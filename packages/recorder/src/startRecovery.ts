/**
 * Owns recovering dead reels before the recorder's own journal is there: only when they take all the room it needs. Each is sealed into
 * the outbox at once, which needs no snapshot. Sends nothing.
 */
import { join } from 'node:path';
import { defaultLimits } from '@pgtape/session';
import { Outbox } from './outbox.ts';
import { deadReels, journalTest, recoverReel } from './recovery.ts';
import { spoolDisk } from './spoolDisk.ts';
import type { WorkerPlan } from './workerPlan.ts';

const stepBytes = 1024 * 1024;

/** @returns reels that are in the outbox whole, so that their journals are gone; what throws stays for the worker to tell */
export function recoverBeforeStart(plan: WorkerPlan, wallUs: () => number): string[] {
  const { journalDir, outboxDir, limits, segment, heartbeatSeconds, reel: living } = plan;
  const outbox = new Outbox(outboxDir, journalTest(spoolDisk, journalDir, living), spoolDisk);
  const recovered: string[] = [];
  for (const reel of deadReels(spoolDisk, journalDir, living)) {
    try {
      const pipeline = recoverReel({
        dir: join(journalDir, reel),
        settings: { limits: { ...defaultLimits, ...limits }, heartbeatSeconds },
        segment,
        outbox,
        disk: spoolDisk,
        wallUs,
        nowMs: () => performance.now(),
      });
      let state = pipeline?.step(stepBytes);
      while (state === 'busy') state = pipeline?.step(stepBytes);
      pipeline?.close();
      if (state === 'ended') recovered.push(reel);
    } catch {
      // The worker meets it again and says why.
    }
  }
  return recovered;
}
