import { setTimeout as sleep } from 'node:timers/promises';
import { brokenPromises, countMarks, startLoad } from './marks.ts';
import { startStack } from './stack.ts';

describe('R1: an orderly stop right after a crash', () => {
  it('uses its grace to recover the dead reel: what was answered is in the archive when the process ends', async () => {
    const stack = await startStack({ segmentSeconds: 30 });
    try {
      const load = await startLoad(stack, 6);
      // Each is killed before it can have finished the one before: several dead reels wait for the last.
      for (let kill = 0; kill < 5; kill += 1) {
        await sleep(kill === 0 ? 2500 : 400);
        await stack.recorder.stop(0);
        if (kill === 4) await load.stop();
        stack.recorder = await stack.startRecorder();
      }
      await stack.settle();
      const marks = countMarks(stack.records());
      const { missing, twice } = brokenPromises(load.answered, marks);
      expect({ missing: missing.length, twice, of: load.answered.size }).toEqual({
        missing: 0,
        twice: [],
        of: load.answered.size,
      });
    } finally {
      await stack.stop();
    }
  });
});
