/** A test node to look at: starts one, prints how to reach it, and ends it on a signal. */
import { startCluster } from './startCluster.ts';

const began = performance.now();
const cluster = await startCluster();
const seconds = ((performance.now() - began) / 1000).toFixed(1);
process.stdout.write(
  `ready after ${seconds} s: PGTAPE_E2E_NODE=${cluster.place.number} KUBECONFIG=${cluster.kubeconfig}\n`,
);
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void cluster.stop().then(() => process.exit(0)));
}
setInterval(() => undefined, 60_000);
