/**
 * Disks that fail while the recorder lives on: ENOSPC and EIO at every changing call of outbox, snapshot and trimming, with nothing, all or
 * half of it done. Nothing is lost, nothing doubled, and no segment that was not acknowledged is deleted.
 */
import { cpSync, existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { builtReel, JournalBuilder, say } from './journalBuilder.testing.ts';
import {
  type Fault,
  faultyDisk,
  makeSpool,
  pipelineOptions,
  recordLines,
  runPipeline,
  sealedSegments,
  type TestSpool,
  verdictOf,
} from './pipelineFixture.testing.ts';
import { ReelPipeline } from './reelPipeline.ts';

function script(journalDir: string): void {
  const tape = new JournalBuilder(journalDir, { fileBytesMax: 1500 });
  tape.begin(1);
  for (let i = 0; i < 12; i += 1) {
    tape.client(1, say.query(`insert into t values ('${'x'.repeat(20 * i)}')`));
    tape.turn();
    tape.server(1, say.complete('INSERT 0 1'), say.ready('I'));
    tape.turn(400);
  }
  tape.close(1);
  tape.turn();
  tape.end();
}

const source = makeSpool();
script(source.journalDir);

function copied(): TestSpool {
  const spool = makeSpool();
  cpSync(source.journalDir, spool.journalDir, { recursive: true });
  return spool;
}

const whole = copied();
runPipeline(whole);
const wholeLines = recordLines(whole);

/** As the evidence worker: goes on after a stall, and is started anew after anything else. @returns failures met */
function workOff(spool: TestSpool, at: number, times: number, fault: Fault, code: 'ENOSPC' | 'EIO'): number {
  const disk = faultyDisk(at, times, fault, code);
  for (let attempt = 0; attempt < 20; attempt += 1) {
    try {
      const pipeline = new ReelPipeline(pipelineOptions(spool, { disk }));
      for (let step = 0; step < 5000; step += 1) {
        const state = pipeline.step(64);
        if (state === 'stalled') expect(pipeline.failure?.code).toBe(code);
        if (state === 'idle') pipeline.relieve(true);
        if (state === 'ended') return disk.failures();
      }
      throw new Error('it does not come to its end');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
    }
    // The reel was sealed and its journal removed by a call that then said it had failed.
    if (!existsSync(join(spool.journalDir, builtReel.reel))) return disk.failures();
  }
  throw new Error('it does not get over its fault');
}

describe.each<Fault>(['before', 'after', 'torn'])('a call that fails, %s it is done', (fault) => {
  it.each([
    { code: 'ENOSPC', times: 1 },
    { code: 'EIO', times: 1 },
    { code: 'ENOSPC', times: 7 },
    { code: 'EIO', times: 7 },
  ] as const)('$code, $times in a row, at each call', async ({ code, times }) => {
    let failures = 1;
    let rounds = 0;
    for (let at = 1; failures > 0; at += 1) {
      const spool = copied();
      failures = workOff(spool, at, times, fault, code);
      const left = readdirSync(spool.journalDir).filter((name) => !name.endsWith('.done'));
      expect({ at, lines: recordLines(spool), left }).toEqual({ at, lines: wholeLines, left: [] });
      if (at % 10 === 0) expect((await verdictOf(sealedSegments(spool))).verdict).not.toBe('forged');
      rmSync(join(spool.journalDir, '..'), { recursive: true });
      rounds += 1;
    }
    expect(rounds).toBeGreaterThan(20);
  });
});
