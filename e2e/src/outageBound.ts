/** What a client may have to wait for a recorder that comes back, on the machine that this is. */
import { spawn } from 'node:child_process';
import { availableParallelism, loadavg } from 'node:os';

/** A quiet machine starts Node alone in 40 ms. */
const timesNode = 25;

/** Milliseconds that Node takes here and now to start, do nothing and end. */
export async function nodeStartMs(): Promise<number> {
  const from = performance.now();
  const child = spawn(process.execPath, ['-e', ''], { stdio: 'ignore' });
  await new Promise((resolve) => child.once('exit', resolve));
  return performance.now() - from;
}

/**
 * In ms; a machine that others keep busy starts everything later, the more so the more wait for it.
 * @param nodeMs the longest `nodeStartMs` beside the outages
 */
export function outageMsMax(nodeMs: number): number {
  const waiting = (loadavg()[0] ?? 0) / availableParallelism();
  return Math.max(1000, nodeMs * timesNode, waiting > 2 ? Math.max(4000, 1000 * waiting) : 0);
}
