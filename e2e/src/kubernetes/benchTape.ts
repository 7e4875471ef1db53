/** pgbench through a recorded database of the cluster, and what the archive says of it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brokenPromises, type Load } from '../marks.ts';
import { countBench, startPgbench } from '../pgbenchLoad.ts';
import { type ArchivedRecord, ArchiveReader } from '../stack.ts';
import { password } from './postgresObjects.ts';
import type { RecordedDatabase } from './recordedDatabase.ts';
import { bucketDir } from './release.ts';
import type { TestCluster } from './testCluster.ts';

export interface BenchTape {
  readonly answered: Load['answered'];
  /** Ends pgbench, and what it left behind. */
  stop(): Promise<void>;
  /** Waits until all that was answered is in the archive. @returns what stands there more than once */
  taped(ms: number): Promise<string[]>;
}

/** Runs until `stop`. */
export async function startBench(cluster: TestCluster, database: RecordedDatabase): Promise<BenchTape> {
  const dir = mkdtempSync(join(tmpdir(), 'pgtape-bench-'));
  const host = await database.address();
  const began = BigInt(Date.now()) * 1_000_000n;
  const url = `postgres://postgres:${password}@${host}:5432/postgres`;
  const load = await startPgbench({ dir, host, port: 5432, password }, url);
  // Every pgbench counts its runs from one: those of an earlier test lie in the same archive.
  const archive = new ArchiveReader(bucketDir(cluster));
  const counts = new Map<string, number>();
  function* records(): Generator<ArchivedRecord> {
    for (const record of archive.fresh()) if (BigInt(String(record.at)) >= began) yield record;
  }
  return {
    answered: load.answered,
    async stop() {
      await load.stop();
      rmSync(dir, { recursive: true, force: true });
    },
    async taped(ms) {
      let twice: string[] = [];
      await cluster.eventually('all that was answered is in the archive', ms, async () => {
        const broken = brokenPromises(load.answered, countBench(records(), counts));
        twice = broken.twice;
        if (broken.missing.length === 0) return true;
        const some = broken.missing.slice(0, 5).join(', ');
        throw new Error(`${broken.missing.length} of ${load.answered.size} are missing: ${some}`);
      });
      return twice;
    },
  };
}
