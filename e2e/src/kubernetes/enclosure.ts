/**
 * The node's own namespaces: network, mounts, processes, host name. Everything of it runs inside, below one process 1;
 * when that ends the kernel ends all the rest, unmounts, and removes the network with its rules.
 */
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cgroupRoots, holdPlace, type NodePlace } from './nodePlace.ts';

/** What the kubelet would set on the whole machine; it finds its values here and sets nothing. */
const tunables: Readonly<Record<string, number>> = {
  'vm/overcommit_memory': 1,
  'vm/panic_on_oom': 0,
  'kernel/panic': 10,
  'kernel/panic_on_oops': 1,
  'kernel/keys/root_maxkeys': 1_000_000,
  'kernel/keys/root_maxbytes': 25_000_000,
};

function firstProcessScript(place: NodePlace, initFile: string): string {
  const { dir, name } = place;
  const tuned = Object.keys(tunables).map((key) => `mount --bind ${tunableFile(dir, key)} /proc/sys/${key}`);
  return [
    'set -eu',
    'mount --make-rshared /',
    'mount -t tmpfs tmpfs /run',
    'mkdir -p /run/netns /run/lock',
    `mount --bind ${dir}/var-lib /var/lib`,
    `mount --bind ${dir}/var-log /var/log`,
    ...tuned,
    `hostname ${name}`,
    'ip link set lo up',
    `exec ${initFile}`,
  ].join('\n');
}

function tunableFile(dir: string, key: string): string {
  return join(dir, 'etc', `sysctl-${key.replaceAll('/', '-')}`);
}

/** The one process below `pid`. */
export async function childOf(pid: number): Promise<number> {
  for (let waited = 0; waited < 5000; waited += 10) {
    const child = onlyChild(pid);
    if (child !== null) return child;
    await sleep(10);
  }
  throw new Error(`process ${pid} started nothing`);
}

export function onlyChild(pid: number): number | null {
  try {
    const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ');
    return child === undefined || child === '' ? null : Number(child);
  } catch {
    return null;
  }
}

function makeGroups(name: string): void {
  const roots = cgroupRoots();
  for (const root of roots) mkdirSync(join(root, name), { recursive: true });
  const [root] = roots;
  if (roots.length > 1 || root === undefined) return;
  writeFileSync(join(root, 'cgroup.subtree_control'), '+cpu +cpuset +memory +pids +io');
}

/**
 * Makes them, and joins their network to this machine's.
 * @param initFile a static program that reaps: the pause image's
 */
export async function startEnclosure(place: NodePlace, initFile: string): Promise<void> {
  for (const [key, value] of Object.entries(tunables))
    writeFileSync(tunableFile(place.dir, key), `${value}\n`);
  makeGroups(place.name);
  const log = openSync(join(place.dir, 'logs', 'enclosure.log'), 'a');
  // The namespaces end with the run, also with one that is killed.
  const outer = spawn(
    'setpriv',
    [
      ...['--pdeathsig', 'KILL', 'unshare', '--net', '--mount', '--uts', '--ipc', '--pid'],
      ...['--kill-child=KILL', '--mount-proc', 'sh', '-c', firstProcessScript(place, initFile)],
    ],
    { stdio: ['ignore', log, log] },
  );
  closeSync(log);
  const holder = await childOf(outer.pid as number);
  holdPlace(place, holder);
  await settled(holder, initFile, join(place.dir, 'logs', 'enclosure.log'));
  joinNetworks(place, holder);
}

/** Process 1 is the given program once everything before it is done. */
async function settled(holder: number, initFile: string, logFile: string): Promise<void> {
  for (let waited = 0; waited < 5000; waited += 10) {
    let command: string;
    try {
      command = readFileSync(`/proc/${holder}/cmdline`, 'latin1');
    } catch {
      break;
    }
    if (command.startsWith(`${initFile}\0`)) return;
    await sleep(10);
  }
  throw new Error(`the node's namespaces could not be set up: ${readFileSync(logFile, 'utf8')}`);
}

/** A pair of devices leads from here into the node's network: pods and services are reached directly. */
function joinNetworks({ name, addresses }: NodePlace, holder: number): void {
  const ip = (...args: string[]): void => {
    execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  };
  const inside = (...command: string[]): void => {
    execFileSync('nsenter', ['--target', String(holder), '--net', '--', ...command], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
  };
  ip('link', 'add', name, 'type', 'veth', 'peer', 'name', 'uplink', 'netns', String(holder));
  ip('addr', 'add', `${addresses.uplinkHere}/30`, 'dev', name);
  ip('link', 'set', name, 'up');
  ip('route', 'add', addresses.all, 'via', addresses.uplinkThere, 'dev', name, 'onlink');
  inside('ip', 'addr', 'add', `${addresses.uplinkThere}/30`, 'dev', 'uplink');
  inside('ip', 'link', 'set', 'uplink', 'up');
  inside('ip', 'route', 'add', 'default', 'via', addresses.uplinkHere);
  inside('ip', 'link', 'add', 'cni0', 'type', 'bridge');
  inside('ip', 'addr', 'add', `${addresses.node}/21`, 'dev', 'cni0');
  inside('ip', 'link', 'set', 'cni0', 'up');
  inside('sysctl', '-qw', 'net.ipv4.ip_forward=1');
}
