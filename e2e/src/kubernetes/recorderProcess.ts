/** The recorder's own process in a pod, found among those of this machine by the pod's control group. */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Process ids of a pod's processes whose command line holds `words`. */
export function podProcesses(podUid: string, words: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => read(pid, 'cgroup').includes(podUid) && read(pid, 'cmdline').includes(words));
}

function read(pid: number, name: 'cgroup' | 'cmdline'): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch {
    return '';
  }
}

const bundle = 'pgtape/recorder/main.js';

/** The recorder itself, not its supervisor. */
export function recorderPid(podUid: string): number | null {
  return (
    podProcesses(podUid, bundle).find(
      (pid) => read(pid, 'cmdline').includes('bin/node\0') && !read(pid, 'cmdline').includes('supervise'),
    ) ?? null
  );
}

/** kill -9 of the process that runs now; waits for one that runs. */
export async function killRecorder(podUid: string, ms = 30_000): Promise<void> {
  for (let waited = 0; waited < ms; waited += 50) {
    const pid = recorderPid(podUid);
    if (pid !== null) {
      process.kill(pid, 'SIGKILL');
      return;
    }
    await sleep(50);
  }
  throw new Error('the pod runs no recorder');
}
