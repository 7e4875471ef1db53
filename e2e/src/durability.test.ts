/**
 * Recorder, vault and store killed at random under pgbench: what was answered to clients is in the verified archive, once. 50 kills here;
 * `make durability` has 1,000 (PGTAPE_KILLS).
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore } from '@pgtape/store';
import { type KillPlan, killAtRandom } from './killing.ts';
import { LogWatcher } from './logCheck.ts';
import { brokenPromises } from './marks.ts';
import { benchMark, startPgbench } from './pgbenchLoad.ts';
import { drained, tell, verify } from './probes.ts';
import { actAs, environmentOf, type S3Server, startS3Server } from './s3Server.ts';
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

interface Archive {
  /** As `verify` and openStore take it. */
  readonly name: string;
  /** Where its objects lie as files. */
  readonly dir: string;
}

async function killed(
  options: StackOptions,
  plan: KillPlan,
  archiveOf: (stack: Stack) => Archive,
): Promise<void> {
  const stack = await startStack({ segmentSeconds: 0.3, ...options });
  try {
    const { name, dir } = archiveOf(stack);
    const log = new LogWatcher(await openStore(name));
    const { password } = stack.postgres;
    const target = { dir: stack.dir, host: '127.0.0.1', port: stack.ports.recorder, password };
    const load = await startPgbench(target, stack.directUrl);
    const counts = await killAtRandom(stack, { ...plan, onRunning: () => log.look() });
    await load.stop();
    await drained(stack, 120_000 + plan.kills * 1000);
    await stack.settle();
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
    const { wrong, checkpoints, leaves } = await log.check();
    tell(`the log has ${leaves} leaves and continues each of ${checkpoints} checkpoints`);
    expect(wrong).toEqual([]);
    expect(checkpoints).toBeGreaterThan(1);
  } finally {
    await stack.stop();
  }
}

const timeoutMs = kills * 10_000 + 400_000;
/** As `pgtape up` has it, so that checkpoints come between kills. */
const tlog = { checkpointSeconds: 1 };

describe('killed at random under pgbench', () => {
  const each = Math.ceil(kills / 2);
  const seeded = seed === undefined ? {} : { seed };

  it(
    `recorder and vault, an archive in a directory: ${each} kills`,
    async () => {
      const plan: KillPlan = { kills: each, victims: ['recorder', 'vault'], ...seeded };
      await killed({ vault: { tlog } }, plan, ({ archiveDir }) => ({ name: archiveDir, dir: archiveDir }));
    },
    timeoutMs,
  );

  describe('with an archive in a bucket', () => {
    let server: S3Server;
    let stateDir: string;
    beforeAll(async () => {
      stateDir = mkdtempSync(join(tmpdir(), 'pgtape-vault-state-'));
      server = await startS3Server();
      actAs(server.root);
    });
    afterAll(async () => {
      await server.stop();
      rmSync(stateDir, { recursive: true, force: true });
    });

    it(
      `recorder, vault and store: ${each} kills`,
      async () => {
        const bucket = await server.bucket();
        const name = server.address(bucket);
        const plan: KillPlan = {
          kills: each,
          victims: ['recorder', 'vault', 'store'],
          store: server,
          ...seeded,
        };
        const archive = { store: name, retention: { days: 1 } };
        const dir = join(server.dir, 'buckets', bucket);
        await killed(
          { vault: { archive, stateDir, tlog }, vaultEnv: environmentOf(server.root) },
          plan,
          () => ({ name, dir }),
        );
      },
      timeoutMs,
    );
  });
});
