/**
 * Recorder, vault and store killed at random under pgbench: what was answered to clients is in the verified archive, once. 50 kills here;
 * `make durability` has 1,000 (PGTAPE_KILLS).
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type KillPlan, killAtRandom } from './killing.ts';
import { brokenPromises } from './marks.ts';
import { benchMark, startPgbench } from './pgbenchLoad.ts';
import { metricsAt, tell, until, verify } from './probes.ts';
import { actAs, type S3Server, startS3Server } from './s3Server.ts';
import { readArchive, type Stack, type StackOptions, startStack } from './stack.ts';

const kills = Number(process.env.PGTAPE_KILLS ?? 50);
const seed = process.env.PGTAPE_SEED;

/** What an archive says of pgbench's statements, and which gaps it has, read record by record. */
function readTapes(dir: string): { counts: Map<string, number>; gaps: string[] } {
  const counts = new Map<string, number>();
  const gaps = new Set<string>();
  for (const record of readArchive(dir)) {
    if (record.kind === 'gap') gaps.add(String(record.reason));
    const id = benchMark(record);
    if (id !== null) counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return { counts, gaps: [...gaps].sort() };
}

async function drained(stack: Stack): Promise<void> {
  await until('the outbox is empty', 120_000, async () => {
    const { pgtape_recorder_outbox_segments: waiting } = await metricsAt(stack.ports.health);
    return waiting === 0;
  });
}

async function killed(
  options: StackOptions,
  plan: KillPlan,
  archive: (stack: Stack) => { readonly name: string; readonly dir: string },
): Promise<void> {
  const stack = await startStack({ segmentSeconds: 0.3, ...options });
  try {
    const load = await startPgbench(stack);
    const counts = await killAtRandom(stack, plan);
    await load.stop();
    await drained(stack);
    await stack.settle();
    const { name, dir } = archive(stack);
    const tapes = readTapes(dir);
    tell(
      `${JSON.stringify(counts)} killed; ${load.answered.size} statements answered, ${tapes.counts.size} recorded`,
    );
    expect(brokenPromises(load.answered, tapes.counts)).toEqual({ missing: [], twice: [] });
    expect(load.answered.size).toBeGreaterThan(plan.kills);
    expect(tapes.gaps).toEqual(counts.recorder > 0 ? ['recorder_crashed'] : []);
    const report = verify(name);
    const verdicts = report.reels.map(({ verdict }) => verdict);
    expect(verdicts.filter((verdict) => verdict === 'complete')).toHaveLength(1);
    expect(verdicts.filter((verdict) => verdict === 'crashed')).toHaveLength(verdicts.length - 1);
    expect(verdicts.length).toBeLessThanOrEqual(counts.recorder + 1);
    expect(report.strangers).toEqual([]);
    expect(existsSync(join(dir, 'quarantine'))).toBe(false);
  } finally {
    await stack.stop();
  }
}

const timeoutMs = kills * 10_000 + 240_000;

describe('killed at random under pgbench', () => {
  const each = Math.ceil(kills / 2);

  it(
    `recorder and vault, an archive in a directory: ${each} kills`,
    async () => {
      const plan: KillPlan = {
        kills: each,
        victims: ['recorder', 'vault'],
        ...(seed === undefined ? {} : { seed }),
      };
      await killed({}, plan, ({ archiveDir }) => ({ name: archiveDir, dir: archiveDir }));
    },
    timeoutMs,
  );

  describe('with an archive in a bucket', () => {
    let server: S3Server;
    beforeAll(async () => {
      server = await startS3Server();
      actAs(server.root);
    }, 30_000);
    afterAll(() => server.stop());

    it(
      `recorder, vault and store: ${each} kills`,
      async () => {
        const bucket = await server.bucket();
        const address = server.address(bucket);
        const plan: KillPlan = {
          ...{ kills: each, victims: ['recorder', 'vault', 'store'], store: server },
          ...(seed === undefined ? {} : { seed }),
        };
        await killed({ archive: address }, plan, () => ({
          name: address,
          dir: join(server.dir, 'buckets', bucket),
        }));
      },
      timeoutMs,
    );
  });
});
