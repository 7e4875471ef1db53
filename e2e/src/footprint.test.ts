import { availableParallelism, loadavg } from 'node:os';
import { footprint } from './footprint.ts';
import { imageRoot } from './imageRoot.ts';
import { nodeStartMs } from './outageBound.ts';

const megabyte = 1_000_000;

describe('a recorder as it runs in its container', () => {
  it('starts within 300 ms and keeps little memory when idle, its supervisor included', async () => {
    const { startMs, recorder, supervisor } = await footprint(imageRoot());
    // Others that keep the machine busy make every start slower, and the best one the least.
    const isBusy = (loadavg()[0] ?? 0) > 2 * availableParallelism();
    const nodeMs: number[] = [];
    for (let start = 0; start < startMs.length; start += 1) nodeMs.push(await nodeStartMs());
    expect(startMs[0]).toBeLessThan(Math.max(isBusy ? 900 : 300, 7 * Math.min(...nodeMs)));
    // What Kubernetes calls a container's RSS is the part that is not of files; the other half is Node's program, shared by all.
    expect(recorder.anonymous + supervisor.anonymous).toBeLessThan(40 * megabyte);
    expect(recorder.all + supervisor.all).toBeLessThan(90 * megabyte);
  });
});
