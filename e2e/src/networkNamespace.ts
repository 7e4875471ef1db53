/** Two network namespaces joined by a wire, made of processes and gone with them: a pod, and somebody outside of it. Needs root. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';

export interface NetworkNamespace {
  readonly pid: number;
  /** Runs a command in it to its end. @throws with its output where it fails */
  run(command: readonly string[], uid?: number): string;
  /** Starts a command in it; resolves with its first output. */
  start(command: readonly string[], uid?: number): Promise<ChildProcess>;
  stop(): void;
}

const asUser = (uid: number): string[] =>
  uid === 0 ? [] : ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'];

async function startNamespace(): Promise<NetworkNamespace> {
  const holder = spawn('unshare', ['--net', 'sh', '-c', 'ip link set lo up && echo up && exec sleep 600'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const started: ChildProcess[] = [holder];
  await Promise.race([
    once(holder.stdout, 'data'),
    once(holder, 'exit').then(() => Promise.reject(new Error('no network namespace: this needs root'))),
  ]);
  const pid = holder.pid as number;
  const inside = (command: readonly string[], uid: number): string[] => [
    `--net=/proc/${pid}/ns/net`,
    ...asUser(uid),
    ...command,
  ];
  return {
    pid,
    run: (command, uid = 0) =>
      execFileSync('nsenter', inside(command, uid), {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: 20_000,
      }),
    async start(command, uid = 0) {
      const child = spawn('nsenter', inside(command, uid), { stdio: ['ignore', 'pipe', 'inherit'] });
      started.push(child);
      await once(child.stdout, 'data');
      return child;
    },
    stop() {
      for (const child of started) child.kill('SIGKILL');
    },
  };
}

export const podAddresses = { v4: '10.231.7.1', v6: 'fd00:7::1' } as const;

/** @returns a pod with an address of each family, and an outside that reaches it */
export async function startPodNetwork(): Promise<{
  readonly pod: NetworkNamespace;
  readonly outside: NetworkNamespace;
}> {
  const pod = await startNamespace();
  const outside = await startNamespace();
  pod.run([
    'ip',
    'link',
    'add',
    'eth0',
    'type',
    'veth',
    'peer',
    'name',
    'eth1',
    'netns',
    String(outside.pid),
  ]);
  const configure = (side: NetworkNamespace, link: string, v4: string, v6: string): void => {
    side.run(['ip', 'addr', 'add', `${v4}/24`, 'dev', link]);
    side.run(['ip', 'addr', 'add', `${v6}/64`, 'dev', link, 'nodad']);
    side.run(['ip', 'link', 'set', link, 'up']);
  };
  configure(pod, 'eth0', podAddresses.v4, podAddresses.v6);
  configure(outside, 'eth1', '10.231.7.2', 'fd00:7::2');
  return { pod, outside };
}
