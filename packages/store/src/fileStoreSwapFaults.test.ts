import { fileStore } from './fileStore.ts';
import { type Crash, type DiskFault, type DiskFaults, MemoryDisk } from './memoryDisk.ts';
import { keysOf } from './storeContract.testing.ts';

const root = '/srv/archive';
const key = 'log/checkpoint';
/** Value 0 is nothing; the others are as long as a checkpoint is, so that half of one is not another. */
const count = 4;
const value = (index: number): Uint8Array | null => (index === 0 ? null : new Uint8Array(64).fill(index));

function indexOf(bytes: Uint8Array | null): number | 'torn' {
  for (let index = 0; index <= count; index += 1) {
    const known = value(index);
    if (bytes === null || known === null ? bytes === known : Buffer.compare(bytes, known) === 0) return index;
  }
  return 'torn';
}

interface Course {
  /** The last value whose swap said true. */
  acknowledged: number;
  /** The last value handed to swap. */
  tried: number;
  readonly wrong: string[];
}

/**
 * Swaps from where the store is to the last value, as one writer does: a swap that fails is made once more
 * with the same arguments, and nothing goes on where that fails too.
 */
async function attempt(disk: MemoryDisk, course: Course): Promise<void> {
  const store = fileStore(root, disk);
  const start = await store.getLatest(key).then(indexOf, () => null);
  if (start === null) return;
  if (start === 'torn') {
    course.wrong.push('torn at the start');
    return;
  }
  // What is found may be a dead process's, not yet durable: it is swapped with itself first.
  for (let index = Math.max(start, 1); index <= count; index += 1) {
    course.tried = Math.max(course.tried, index);
    const swap = (): Promise<boolean> =>
      store.swap(key, value(index) ?? new Uint8Array(), value(index === start ? index : index - 1));
    const answer = await swap().catch(() => swap().catch(() => 'failed' as const));
    if (answer === 'failed') return;
    if (!answer) course.wrong.push(`swap to ${index} said something else was there`);
    course.acknowledged = index;
  }
}

async function judge(disk: MemoryDisk, course: Course, when: string): Promise<void> {
  const store = fileStore(root, disk);
  const found = indexOf(await store.getLatest(key));
  if (found === 'torn') course.wrong.push(`${when}: torn`);
  else if (found < course.acknowledged)
    course.wrong.push(`${when}: ${course.acknowledged} was acknowledged, ${found} is there`);
  else if (found > course.tried) course.wrong.push(`${when}: ${found} came from nowhere`);
  const strangers = (await keysOf(store)).filter((name) => name !== key);
  if (strangers.length > 0) course.wrong.push(`${when}: left ${strangers}`);
}

async function once(at: number, fault: DiskFault, crash: Crash): Promise<string[]> {
  const faults: DiskFaults = (_syscall, _path, index) => (index === at ? fault : 'none');
  const disk = new MemoryDisk(faults);
  const course: Course = { acknowledged: 0, tried: 0, wrong: [] };
  await attempt(disk, course);
  disk.crash(crash);
  await judge(disk, course, 'after the crash');
  await attempt(disk, course);
  disk.crash('power');
  if (course.acknowledged !== count) course.wrong.push('a swap is refused after reopening');
  await judge(disk, course, 'after all');
  return course.wrong;
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

async function callsOf(): Promise<string[]> {
  const disk = new MemoryDisk();
  await attempt(disk, { acknowledged: 0, tried: 0, wrong: [] });
  return [...disk.trace];
}

describe('fileStore.swap, each system call failing in each way', () => {
  it.each(rows)(
    'has the old bytes or the new ones, and what it acknowledged: $name',
    async ({ fault, crash }) => {
      const calls = await callsOf();
      const found: string[] = [];
      for (let at = 0; at < calls.length; at += 1) {
        for (const wrong of await once(at, fault, crash))
          found.push(`${fault} at ${at} ${calls[at]}, ${crash}: ${wrong}`);
      }
      expect(found).toEqual([]);
    },
  );

  it('has a row for every kind of call', async () => {
    const kinds = new Set((await callsOf()).map((call) => call.slice(0, call.indexOf(' '))));
    expect([...kinds].sort()).toEqual([
      'close',
      'fsync',
      'fsyncDirectory',
      'link',
      'mkdir',
      'open',
      'readFile',
      'readdir',
      'rename',
      'unlink',
      'write',
    ]);
  });
});
