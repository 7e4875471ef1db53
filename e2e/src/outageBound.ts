/** What a client may have to wait for a recorder that comes back, on the machine that this is. */
import { availableParallelism, loadavg } from 'node:os';

/** In ms; a machine that others keep busy starts everything later, the more so the more wait for it. */
export function outageMsMax(): number {
  const waiting = (loadavg()[0] ?? 0) / availableParallelism();
  return waiting > 2 ? Math.max(4000, 1000 * waiting) : 1000;
}
