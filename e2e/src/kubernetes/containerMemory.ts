/** Memory of a container as its control group counts it, and a way to use it up. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = '/sys/fs/cgroup';

/** The file with the line `oom_kill N`, of the control group that the process is in. */
function eventsFile(pid: number): string {
  const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8').split('\n');
  const one = lines.find((line) => line.split(':')[1]?.split(',').includes('memory'));
  if (one !== undefined) return join(root, 'memory', one.split(':')[2] as string, 'memory.oom_control');
  const two = lines.find((line) => line.startsWith('0::')) ?? '0::/';
  return join(root, two.slice('0::'.length), 'memory.events');
}

export interface OomCount {
  /** Since the container was started; 0 when it is gone. */
  readonly kills: () => number;
}

/** Of the container that the process is in, also after the process has ended. */
export function oomCountOf(pid: number): OomCount {
  const file = eventsFile(pid);
  return {
    kills: () =>
      existsSync(file) ? Number(/^oom_kill (\d+)$/m.exec(readFileSync(file, 'utf8'))?.[1] ?? 0) : 0,
  };
}

/** Word that the eaters' command lines hold. */
export const eaterWord = 'pgtapeEater';

/**
 * For a shell in the recorder's container: eaters of memory, each smaller than the recorder, so that the kernel chooses the recorder
 * when together they reach the limit. They end by themselves.
 */
export const eatersScript = `
for one in 1 2 3 4 5 6 7 8 9 10 11 12; do
  /usr/lib/pgtape/bin/node -e 'const ${eaterWord} = Buffer.alloc(12 << 20, 1); setTimeout(() => ${eaterWord}, 15000)' &
  sleep 0.1
done
wait
`;
