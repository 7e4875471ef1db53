/**
 * Where one test node lives: a number that no other run has, and by it its state folder, addresses and names. The folder's
 * record says who has it and what was started, so that a run finds what a killed one left behind, and ends it.
 */
import {
  type Dirent,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process that cannot be mistaken for a later one of the same number. */
export interface Mark {
  readonly pid: number;
  /** Clock ticks since boot, field 22 of /proc/PID/stat. */
  readonly started: string;
}

interface PlaceRecord {
  readonly owner: Mark;
  /** Process 1 of the node's own namespaces: with it everything in them ends. */
  readonly holder: Mark | null;
}

/** All out of 198.18.0.0/15, the range that RFC 2544 keeps for tests: each node has a /20 of its own. */
export interface NodeAddresses {
  readonly all: string;
  readonly pods: string;
  /** The node's own address, and the pods' gateway. */
  readonly node: string;
  readonly services: string;
  readonly kubernetesService: string;
  readonly dnsService: string;
  /** The pair that joins the node's network to this machine. */
  readonly uplinkHere: string;
  readonly uplinkThere: string;
}

export interface NodePlace {
  readonly number: number;
  readonly dir: string;
  readonly addresses: NodeAddresses;
  /** Of the network device here, and of the control groups. */
  readonly name: string;
}

const numbers = 16;
const cgroups = '/sys/fs/cgroup';

export function markOf(pid: number): Mark | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The command's name stands in brackets and may hold spaces.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? null : { pid, started: fields[19] as string };
  } catch {
    return null;
  }
}

function isAlive(mark: Mark | null): boolean {
  return mark !== null && markOf(mark.pid)?.started === mark.started;
}

function addressesOf(number: number): NodeAddresses {
  const third = number * 16;
  const at = (block: number, last: number): string => `198.18.${third + block}.${last}`;
  return {
    all: `${at(0, 0)}/20`,
    pods: `${at(0, 0)}/21`,
    node: at(0, 1),
    services: `${at(8, 0)}/22`,
    kubernetesService: at(8, 1),
    dnsService: at(8, 10),
    uplinkHere: at(12, 1),
    uplinkThere: at(12, 2),
  };
}

export function placeOf(number: number): NodePlace {
  return { number, dir: dirOf(number), addresses: addressesOf(number), name: nameOf(number) };
}

/** What is started from here on ends with this process. */
export function holdPlace({ dir }: NodePlace, holderPid: number): void {
  const record = recordAt(dir) as PlaceRecord;
  writeFileSync(join(dir, 'record.json'), JSON.stringify({ ...record, holder: markOf(holderPid) }));
}

/** @throws Error when nothing runs there */
export function holderOf({ dir }: NodePlace): number {
  const holder = recordAt(dir)?.holder ?? null;
  if (holder === null || !isAlive(holder)) throw new Error(`no test node runs in ${dir}`);
  return holder.pid;
}

/** Ends what runs, and removes what lies there. */
export async function clearPlace(place: NodePlace): Promise<void> {
  await clear(place.number, place.dir);
}

function dirOf(number: number): string {
  return join(tmpdir(), `pgtape-node-${number}`);
}

function nameOf(number: number): string {
  return `pgtape-node-${number}`;
}

function recordAt(dir: string): PlaceRecord | null {
  try {
    return JSON.parse(readFileSync(join(dir, 'record.json'), 'utf8')) as PlaceRecord;
  } catch {
    return null;
  }
}

/** Control groups of every hierarchy: one with version 2, one for each controller with version 1. */
export function cgroupRoots(): string[] {
  const hasProcesses = (dir: string): boolean =>
    readdirSync(dir, { withFileTypes: true }).some((entry) => entry.name === 'cgroup.procs');
  if (hasProcesses(cgroups)) return [cgroups];
  return readdirSync(cgroups, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && hasProcesses(join(cgroups, entry.name)))
    .map((entry) => join(cgroups, entry.name));
}

function removeGroup(dir: string): void {
  let entries: Dirent[];
  try {
    entries = readdirSync(dir, { withFileTypes: true });
  } catch {
    return;
  }
  for (const entry of entries) if (entry.isDirectory()) removeGroup(join(dir, entry.name));
  try {
    rmdirSync(dir);
  } catch {
    // A process of it is still on its way out: the caller tries again.
  }
}

async function gone(check: () => boolean): Promise<void> {
  for (let waited = 0; waited < 10_000 && !check(); waited += 50) await sleep(50);
}

async function clear(number: number, dir: string): Promise<void> {
  const holder = recordAt(dir)?.holder ?? null;
  if (holder !== null && isAlive(holder)) process.kill(holder.pid, 'SIGKILL');
  await gone(() => !isAlive(holder));
  await gone(() => {
    const groups = cgroupRoots().map((root) => join(root, nameOf(number)));
    for (const group of groups) removeGroup(group);
    return groups.every((group) => !isThere(group));
  });
  rmSync(dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
}

function isThere(dir: string): boolean {
  try {
    readdirSync(dir);
    return true;
  } catch {
    return false;
  }
}

/** Whose run was killed is ended; renaming first, so that of two runs that find it one does so. */
async function sweep(number: number): Promise<void> {
  const dir = dirOf(number);
  const record = recordAt(dir);
  if (!isThere(dir) || (record !== null && isAlive(record.owner))) return;
  const mine = `${dir}.ending.${process.pid}`;
  try {
    renameSync(dir, mine);
  } catch {
    return;
  }
  await clear(number, mine);
}

/** @throws Error when every number is taken by a run that is alive */
export async function claimPlace(): Promise<NodePlace> {
  const owner = markOf(process.pid) as Mark;
  for (let number = 0; number < numbers; number += 1) await sweep(number);
  const fresh = mkdtempSync(join(tmpdir(), 'pgtape-node-new-'));
  writeFileSync(join(fresh, 'record.json'), JSON.stringify({ owner, holder: null }));
  for (let number = 0; number < numbers; number += 1) {
    const dir = dirOf(number);
    try {
      renameSync(fresh, dir);
    } catch {
      continue;
    }
    for (const name of ['var-lib', 'var-log', 'etc', 'logs']) mkdirSync(join(dir, name));
    return placeOf(number);
  }
  rmSync(fresh, { recursive: true });
  throw new Error(`${numbers} test nodes are running on this machine already (${dirOf(0)} and on)`);
}
