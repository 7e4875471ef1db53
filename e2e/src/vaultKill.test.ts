import { randomInt } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { brokenPromises, countMarks, startLoad } from './marks.ts';
import { drained, until, verify } from './probes.ts';
import { startStack } from './stack.ts';

const vaultKills = Number(process.env.PGTAPE_VAULT_KILLS ?? 15);
const bothKills = Number(process.env.PGTAPE_BOTH_KILLS ?? 6);
const writers = 4;

/** Reels that have a segment in the archive: the recorder's and those of vaults. */
function reelsIn(archiveDir: string): number {
  const dir = join(archiveDir, 'reel');
  const files = existsSync(dir) ? readdirSync(dir, { recursive: true, encoding: 'utf8' }) : [];
  return new Set(files.filter((file) => file.endsWith('.jsonl.zst')).map(dirname)).size;
}

describe('R3: the vault acknowledges only what is durable', () => {
  it(
    `kill -9 of the vault (${vaultKills} times): every answered statement is archived, exactly once`,
    async () => {
      const stack = await startStack({ segmentSeconds: 0.2 });
      try {
        const load = await startLoad(stack, writers);
        // The recorder's own is one.
        let begun = 1;
        for (let kill = 0; kill < vaultKills; kill += 1) {
          await sleep(randomInt(30, 700));
          // Every other one lives long enough to begin its reel, however slow the machine.
          if (kill % 2 === 0) await until('its reel began', 60_000, () => reelsIn(stack.archiveDir) > begun);
          begun = Math.max(1, reelsIn(stack.archiveDir));
          await stack.vault.stop(0);
          // Long enough down, now and then, for several segments to wait in the outbox.
          await sleep(randomInt(0, 400));
          stack.vault = await stack.startVault();
        }
        await load.stop();
        await drained(stack);
        await stack.settle();
        const records = stack.records();
        const marks = countMarks(records);
        expect(brokenPromises(load.answered, marks)).toEqual({ missing: [], twice: [] });
        // The recorder lived: no client noticed anything, and nothing is a gap.
        expect(load.errors).toEqual([]);
        expect(marks.size).toBe(load.answered.size);
        expect(load.answered.size).toBeGreaterThan(vaultKills * 10);
        const report = verify(stack.archiveDir);
        expect([report.verdict, report.reels.length, report.strangers]).toEqual(['complete', 1, []]);
        // Each vault says how the one before ended; one that was killed at once has no reel.
        const vaults = report.vaults.map(({ verdict }) => verdict);
        expect(vaults.pop()).toBe('complete');
        expect(vaults.filter((verdict) => verdict !== 'crashed')).toEqual([]);
        expect(vaults.length).toBeGreaterThan(vaultKills / 2);
        expect(report.reels[0]?.segments).toBeGreaterThan(vaultKills);
        expect(existsSync(join(stack.archiveDir, 'quarantine'))).toBe(false);
      } finally {
        await stack.stop();
      }
    },
    vaultKills * 6000 + 90_000,
  );

  it(
    `kill -9 of vault and recorder together (${bothKills} times), in any order: nothing missing, nothing twice`,
    async () => {
      const stack = await startStack({ segmentSeconds: 0.2 });
      try {
        const load = await startLoad(stack, writers);
        for (let kill = 0; kill < bothKills; kill += 1) {
          await sleep(randomInt(100, 900));
          const recorderFirst = randomInt(2) === 0;
          const order = recorderFirst ? [stack.recorder, stack.vault] : [stack.vault, stack.recorder];
          const apart = randomInt(3) * 40;
          await order[0]?.stop(0);
          if (apart > 0) await sleep(apart);
          await order[1]?.stop(0);
          if (randomInt(2) === 0) {
            stack.vault = await stack.startVault();
            stack.recorder = await stack.startRecorder();
          } else {
            stack.recorder = await stack.startRecorder();
            await sleep(randomInt(300));
            stack.vault = await stack.startVault();
          }
        }
        await sleep(300);
        await load.stop();
        await drained(stack);
        await stack.settle();
        const records = stack.records();
        expect(brokenPromises(load.answered, countMarks(records))).toEqual({ missing: [], twice: [] });
        expect(load.answered.size).toBeGreaterThan(bothKills * 10);
        const report = verify(stack.archiveDir);
        const verdicts = report.reels.map(({ verdict }) => verdict).sort();
        expect(verdicts).toEqual(['complete', ...Array(bothKills).fill('crashed')]);
        const reasons = new Set(report.reels.flatMap(({ findings }) => findings.map(({ reason }) => reason)));
        const gaps = records.filter(({ kind }) => kind === 'gap').map(({ reason }) => reason);
        expect({ gaps: new Set(gaps), strangers: report.strangers }).toEqual({
          gaps: new Set(['recorder_crashed']),
          strangers: [],
        });
        expect(reasons).not.toContain('forged');
        expect(existsSync(join(stack.archiveDir, 'quarantine'))).toBe(false);
      } finally {
        await stack.stop();
      }
    },
    bothKills * 10_000 + 90_000,
  );
});
