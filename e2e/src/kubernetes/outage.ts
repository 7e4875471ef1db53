/** How long a database cannot be reached once a process has ended. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isThere } from '../imageRoot.ts';

const attemptMs = 50;
const patienceMs = 30_000;

/**
 * Milliseconds from the end of the process until a client that came afterwards is answered. A new client comes every 50 ms, whatever
 * became of those before: one whose first packet was lost waits a second for nothing.
 * @throws Error when nobody is for 30 s, or the process does not end
 */
export async function outageAfter(pid: number, isAnswered: () => Promise<boolean>): Promise<number> {
  const asked = performance.now();
  while (isThere(pid)) {
    if (performance.now() - asked > patienceMs) throw new Error(`process ${pid} does not end`);
    await sleep(1);
  }
  const began = performance.now();
  let answered: number | null = null;
  const attempts: Promise<void>[] = [];
  const attempt = async (): Promise<void> => {
    if (await isAnswered()) answered ??= performance.now();
  };
  while (answered === null) {
    if (performance.now() - began > patienceMs) throw new Error('nobody answers any more');
    attempts.push(attempt());
    await sleep(attemptMs);
  }
  await Promise.all(attempts);
  return Math.round(answered - began);
}
