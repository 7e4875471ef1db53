/** One cluster for all test files of a run: started before the first, ended after the last. A run may be given one: PGTAPE_E2E_NODE. */
import { startCluster } from './startCluster.ts';
import { TestCluster } from './testCluster.ts';

let own: TestCluster | null = null;

export async function startSharedCluster(): Promise<void> {
  if (process.env.PGTAPE_E2E_NODE !== undefined) return;
  const began = performance.now();
  own = await startCluster();
  process.env.PGTAPE_E2E_NODE = String(own.place.number);
  process.stderr.write(`the node is ready after ${((performance.now() - began) / 1000).toFixed(1)} s\n`);
}

export async function stopSharedCluster(): Promise<void> {
  await own?.stop();
  own = null;
}

/** The run's cluster, for a test. @throws Error outside of scripts/e2e-cluster */
export function sharedCluster(): TestCluster {
  const number = process.env.PGTAPE_E2E_NODE;
  if (number === undefined) throw new Error('PGTAPE_E2E_NODE names no node: run scripts/e2e-cluster');
  return new TestCluster(Number(number));
}
