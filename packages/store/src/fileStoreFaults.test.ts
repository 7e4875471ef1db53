import type { Disk } from './disk.ts';
import { fileStore } from './fileStore.ts';
import { type Crash, type DiskFault, type DiskFaults, MemoryDisk } from './memoryDisk.ts';
import { keysOf } from './storeContract.testing.ts';

const root = '/srv/archive';
const object = (fill: number): Uint8Array => new Uint8Array(64).fill(fill);
const puts = [
  { key: 'reel/aa/one', bytes: object(1) },
  { key: 'reel/aa/two', bytes: object(2) },
  { key: 'reel/bb/one', bytes: object(3) },
  { key: 'reel/aa/two', bytes: object(2) },
];
const whole = new Map(puts.map((put) => [put.key, put.bytes]));

type Wrap = (disk: Disk) => Disk;
const honest: Wrap = (disk) => disk;

/** Makes the puts; returns the keys acknowledged. A put that fails is tried once more, as a sender would. */
async function attempt(disk: MemoryDisk, wrap: Wrap): Promise<Set<string>> {
  const store = fileStore(root, wrap(disk));
  const acknowledged = new Set<string>();
  for (const { key, bytes } of [...puts, ...puts]) {
    if (disk.killed) break;
    await store.putOnce(key, bytes).then(
      () => acknowledged.add(key),
      () => undefined,
    );
  }
  return acknowledged;
}

/** Whatever is under its name is whole, and what was acknowledged is there; says what is not so. */
async function violations(disk: Disk, acknowledged: ReadonlySet<string>): Promise<string[]> {
  const store = fileStore(root, disk);
  const found: string[] = [];
  for (const [key, bytes] of whole) {
    if (!(await store.has(key))) {
      if (acknowledged.has(key)) found.push(`${key} was acknowledged and is gone`);
    } else if (!Buffer.from(bytes).equals(await store.get(key))) found.push(`${key} is torn`);
  }
  for (const key of await keysOf(store)) if (!whole.has(key)) found.push(`${key} came from nowhere`);
  return found;
}

async function once(at: number, fault: DiskFault, crash: Crash, wrap: Wrap): Promise<string[]> {
  const faults: DiskFaults = (_syscall, _path, index) => (index === at ? fault : 'none');
  const disk = new MemoryDisk(faults);
  const acknowledged = await attempt(disk, wrap);
  disk.crash(crash);
  const first = await violations(disk, acknowledged);
  // The machine is back: everything is sent again, then the power goes once more.
  const again = await attempt(disk, wrap);
  if (again.size !== whole.size) first.push('a put is refused after reopening');
  const names = (await disk.readdir(root)).map((entry) => entry.name);
  if (names.some((name) => name.startsWith('.'))) first.push(`left behind: ${names}`);
  disk.crash('power');
  return [...first, ...(await violations(disk, again))];
}

async function callsOf(wrap: Wrap): Promise<string[]> {
  const disk = new MemoryDisk();
  await attempt(disk, wrap);
  return [...disk.trace];
}

async function table(fault: DiskFault, crash: Crash, wrap: Wrap): Promise<string[]> {
  const calls = await callsOf(wrap);
  const found: string[] = [];
  for (let at = 0; at < calls.length; at += 1) {
    for (const violation of await once(at, fault, crash, wrap)) {
      found.push(`${fault} at ${at} ${calls[at]}, ${crash}: ${violation}`);
    }
  }
  return found;
}

const faults = [
  'none',
  'failed',
  'failed_yet_persisted',
  'torn',
  'short',
  'killed_before',
  'killed_after',
] as const;
const crashes = ['process', 'power', 'power_torn'] as const;
const rows = faults.flatMap((fault) =>
  crashes.map((crash) => ({ name: `${fault}, ${crash}`, fault, crash })),
);

describe('fileStore, each system call failing in each way', () => {
  it.each(rows)('keeps what it acknowledged and tears nothing: $name', async ({ fault, crash }) => {
    expect(await table(fault, crash, honest)).toEqual([]);
  });

  it('has a row for every kind of call', async () => {
    const kinds = new Set((await callsOf(honest)).map((call) => call.slice(0, call.indexOf(' '))));
    expect([...kinds].sort()).toEqual(
      [
        'close',
        'fsync',
        'fsyncDirectory',
        'link',
        'mkdir',
        'open',
        'readdir',
        'stat',
        'unlink',
        'write',
      ].sort(),
    );
  });
});

describe('the fault table itself', () => {
  const bound = (disk: Disk): Disk => ({
    create: disk.create.bind(disk),
    link: disk.link.bind(disk),
    rename: disk.rename.bind(disk),
    unlink: disk.unlink.bind(disk),
    mkdir: disk.mkdir.bind(disk),
    fsyncDirectory: disk.fsyncDirectory.bind(disk),
    readdir: disk.readdir.bind(disk),
    stat: disk.stat.bind(disk),
    readFile: disk.readFile.bind(disk),
  });
  const withoutFsync: Wrap = (disk) => ({
    ...bound(disk),
    create: async (path, mode) => ({ ...(await disk.create(path, mode)), fsync: () => Promise.resolve() }),
  });
  const withoutDirectories: Wrap = (disk) => ({ ...bound(disk), fsyncDirectory: () => Promise.resolve() });
  const withoutParents: Wrap = (disk) => ({
    ...bound(disk),
    fsyncDirectory: (path) => (path === '/srv' ? Promise.resolve() : disk.fsyncDirectory(path)),
  });
  const intoPlace: Wrap = (disk) => ({
    ...bound(disk),
    fsyncDirectory: (path) => disk.fsyncDirectory(path),
    link: async (_from, to) => {
      const file = await disk.create(to, 0o444);
      await file.write(object(1).subarray(0, 32));
    },
  });
  it.each([
    { name: 'files are not fsynced', wrap: withoutFsync, crash: 'power_torn' as const },
    { name: 'directories are not fsynced', wrap: withoutDirectories, crash: 'power' as const },
    { name: "the root's parent is not fsynced", wrap: withoutParents, crash: 'power' as const },
    { name: 'objects are written in place', wrap: intoPlace, crash: 'process' as const },
  ])('finds it when $name', async ({ wrap, crash }) => {
    expect((await once(-1, 'none', crash, wrap)).length).toBeGreaterThan(0);
  });
});
