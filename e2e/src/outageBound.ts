/** What a client may have to wait for a recorder that comes back, on the machine that this is. */
import { availableParallelism, loadavg } from 'node:os';

/** In ms; a machine that others keep busy starts everything later. */
export function outageMsMax(): number {
  return (loadavg()[0] ?? 0) > 2 * availableParallelism() ? 4000 : 1000;
}
