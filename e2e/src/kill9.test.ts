import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { brokenPromises, countMarks, startLoad } from './marks.ts';
import { startStack } from './stack.ts';

const kills = Number(process.env.PGTAPE_KILLS ?? 20);
const writers = 6;

describe('R1: what a client saw answered is on tape', () => {
  it(
    `survives kill -9 of the recorder (${kills} times), nothing missing, nothing twice`,
    async () => {
      const stack = await startStack({ segmentSeconds: 0.3 });
      try {
        const load = await startLoad(stack, writers);
        for (let kill = 0; kill < kills; kill += 1) {
          await sleep(randomInt(150, 900));
          await stack.recorder.stop(0);
          stack.recorder = await stack.startRecorder();
        }
        await sleep(300);
        await load.stop();
        await stack.settle();
        const marks = countMarks(stack.records());
        expect(brokenPromises(load.answered, marks)).toEqual({ missing: [], twice: [] });
        expect(load.answered.size).toBeGreaterThan(kills * 10);
        expect(marks.size).toBeGreaterThanOrEqual(load.answered.size);
      } finally {
        await stack.stop();
      }
    },
    kills * 6_000 + 120_000,
  );
});
