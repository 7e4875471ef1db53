/** The image's entrypoint as a process tree: a recorder that is killed again and again under load. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { childrenOf, type Entrypoint, imageRoot, isThere, startEntrypoint } from './imageRoot.ts';
import { brokenPromises, countMarks, startLoad } from './marks.ts';
import { nodeStartMs, outageMsMax } from './outageBound.ts';
import { startStack } from './stack.ts';

const kills = 10;
async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5000 });
  client.on('error', () => {});
  try {
    await client.connect();
    const { rows } = await client.query('SELECT 1 AS one');
    return rows[0]?.one === 1;
  } catch {
    return false;
  } finally {
    client.end().catch(() => {});
  }
}

async function untilGone(pid: number): Promise<void> {
  while (isThere(pid)) await sleep(1);
}

/** Milliseconds until a new client has logged in and is answered. */
async function untilAnswered(url: string): Promise<number> {
  const start = performance.now();
  while (!(await answers(url))) {
    if (performance.now() - start > 30_000) throw new Error('nobody answers any more');
    await sleep(2);
  }
  return performance.now() - start;
}

describe('a recorder in its container', () => {
  it(`is back within a second, ${kills} kills in a row under load, and nothing answered is lost`, async () => {
    const root = imageRoot();
    const stack = await startStack({ segmentSeconds: 0.3 });
    let supervisor: Entrypoint | null = null;
    try {
      await stack.recorder.stop(10_000);
      const config = join(stack.dir, 'recorder.yaml');
      const log = join(stack.dir, 'supervised.log');
      supervisor = startEntrypoint(
        root,
        ['recorder', '--config', config, '--last-config', `${config}.last`],
        log,
      );
      const firstMs = await untilAnswered(stack.url);
      const load = await startLoad(stack, 4);
      const unreachableMs: number[] = [];
      let nodeMs = 0;
      for (let kill = 0; kill < kills; kill += 1) {
        const [pid] = childrenOf(supervisor.pid);
        process.kill(pid as number, 'SIGKILL');
        // What is asked before it has died would still be taken.
        await untilGone(pid as number);
        unreachableMs.push(await untilAnswered(stack.url));
        nodeMs = Math.max(nodeMs, await nodeStartMs());
      }
      process.stdout.write(
        `first start ${firstMs.toFixed(0)} ms; unreachable after kill -9: ${unreachableMs.map((ms) => ms.toFixed(0)).join(', ')} ms\n`,
      );
      await sleep(500);
      await load.stop();
      process.kill(supervisor.pid, 'SIGTERM');
      expect(await supervisor.ended).toBe(0);
      await stack.settle();
      expect(brokenPromises(load.answered, countMarks(stack.records()))).toEqual({ missing: [], twice: [] });
      expect(load.answered.size).toBeGreaterThan(kills);
      expect(Math.max(...unreachableMs)).toBeLessThan(outageMsMax(nodeMs));
      const restarts = readFileSync(log, 'utf8').match(/"event":"supervisor"/g) ?? [];
      expect(restarts).toHaveLength(kills);
    } finally {
      if (supervisor !== null && isThere(supervisor.pid)) process.kill(supervisor.pid, 'SIGTERM');
      await supervisor?.ended;
      await stack.stop();
    }
  }, 180_000);
});
