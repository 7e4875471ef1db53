/**
 * What `append` acknowledged is in the archive and in the log, once, whatever fails and whenever the vault
 * dies; and the next vault says how the one before ended.
 */
import { checkReel, judgeTogether, parseSegmentKey, type StoredSegment } from '@pgtape/evidence';
import { type Crash, type DiskFault, fileStore, MemoryDisk } from '@pgtape/store';
import { Archive } from './archive.ts';
import { ownReel } from './ownReel.ts';
import type { VaultEntry, VaultReel } from './vaultReel.ts';

const root = '/srv/archive';
type SequenceFault = 'failed' | 'failed_yet_persisted' | 'killed_before' | 'killed_after';

/** A log that outlives its vault, and fails at one of its calls. */
class TestLog {
  readonly keys: string[] = [];
  killed = false;
  readonly #at: number;
  readonly #fault: SequenceFault;
  #calls = 0;

  constructor(at = -1, fault: SequenceFault = 'failed') {
    this.#at = at;
    this.#fault = fault;
  }

  async sequence(key: string): Promise<void> {
    const hit = this.#calls++ === this.#at;
    if (hit && this.#fault === 'killed_before') this.killed = true;
    if (this.killed || (hit && this.#fault === 'failed')) throw new Error('no');
    if (!this.keys.includes(key)) this.keys.push(key);
    if (hit && this.#fault === 'killed_after') this.killed = true;
    if (hit) throw new Error('no');
  }
}

function reelOn(disk: MemoryDisk, log: TestLog): VaultReel {
  return ownReel({
    name: 'main',
    version: '0.1.0',
    store: 'file',
    lock: 'none',
    log: 'example.test/log',
    config: {},
    archive: new Archive(fileStore(root, disk)),
    sequence: ({ header }) => log.sequence(`${header.reel}/${header.segment}`),
    clock: { wallUs: () => 1_795_000_000_000_000, monoMs: () => performance.now() },
    holdsLock: () => !disk.killed && !log.killed,
    failed: () => undefined,
    stored: () => undefined,
    limits: {
      windowMs: 0,
      patienceMs: 60_000,
      waitingMax: 100,
      waitingBytesMax: 1 << 20,
      backoffMs: { first: 0, max: 0 },
      graceMs: 60_000,
    },
  });
}

const record = (detail: string): VaultEntry => ({ kind: 'alert', state: 'raised', reason: 'worm', detail });

/** One vault's life: details of the records that were acknowledged. */
async function live(disk: MemoryDisk, log: TestLog, details: readonly string[]): Promise<Set<string>> {
  const acknowledged = new Set<string>();
  const vault = reelOn(disk, log);
  vault.start();
  for (const detail of details) {
    await vault.append(record(detail)).then(
      () => !disk.killed && !log.killed && acknowledged.add(detail),
      () => undefined,
    );
  }
  await vault.close();
  return acknowledged;
}

interface Found {
  readonly reels: { readonly key: string; readonly verdict: string; readonly reasons: string }[];
  readonly details: string[];
  readonly segmentOf: Map<string, string>;
}

async function read(disk: MemoryDisk): Promise<Found> {
  const store = fileStore(root, disk);
  const reels = new Map<string, StoredSegment[]>();
  for await (const { key } of store.list('reel/')) {
    const { reel } = parseSegmentKey(key)!;
    reels.set(reel, [...(reels.get(reel) ?? []), { key, object: await store.get(key) }]);
  }
  const verdicts = [];
  const details: string[] = [];
  const segmentOf = new Map<string, string>();
  for (const segments of reels.values()) {
    verdicts.push(
      await checkReel(segments, {
        strict: true,
        onLine: ({ key, record: line }) => {
          if (line.kind !== 'alert') return;
          details.push(String(line.detail));
          const name = parseSegmentKey(key)!;
          segmentOf.set(String(line.detail), `${name.reel}/${name.segment}`);
        },
      }),
    );
  }
  const judged = judgeTogether(verdicts).map(({ reel, verdict, findings }) => ({
    key: reel,
    verdict,
    reasons: findings.map(({ reason }) => reason).join(),
  }));
  return { reels: judged, details, segmentOf };
}

async function violations(disk: MemoryDisk, log: TestLog, acknowledged: Iterable<string>): Promise<string[]> {
  const { reels, details, segmentOf } = await read(disk);
  const found = reels
    .filter(({ verdict }) => !['complete', 'crashed', 'open'].includes(verdict))
    .map(({ verdict, reasons }) => `verdict ${verdict}: ${reasons}`);
  if (new Set(details).size !== details.length) found.push(`written twice: ${details}`);
  for (const detail of acknowledged) {
    if (!details.includes(detail)) found.push(`${detail} was acknowledged and is gone`);
    else if (!log.keys.includes(segmentOf.get(detail)!)) found.push(`${detail} is not in the log`);
  }
  return found;
}

/** Two vaults, the first of which meets a fault. */
async function once(disk: MemoryDisk, log: TestLog, crash: Crash): Promise<string[]> {
  const first = await live(disk, log, ['a', 'b', 'c']);
  const died = disk.killed || log.killed;
  const found: string[] = [];
  if (!died && first.size < 3) found.push('a fault is never got over');
  disk.crash(died ? crash : 'process');
  found.push(...(await violations(disk, log, first)));
  log.killed = false;
  const second = await live(disk, log, ['d']);
  if (second.size < 1) found.push('nothing is written after the restart');
  disk.crash('power');
  found.push(...(await violations(disk, log, [...first, ...second])));
  const { reels } = await read(disk);
  const verdicts = reels.map(({ verdict, reasons }) => `${verdict} ${reasons}`.trim());
  const last = verdicts.pop();
  if (last !== 'complete') found.push(`the second vault's reel is ${last}`);
  const before = verdicts.pop();
  const expected = died ? ['complete', 'crashed vault_crashed', undefined] : ['complete'];
  if (!expected.includes(before)) found.push(`the first vault's reel is ${before}`);
  if (verdicts.length > 0) found.push(`${verdicts.length} more reels`);
  return found;
}

async function callsOfOne(): Promise<string[]> {
  const disk = new MemoryDisk();
  await live(disk, new TestLog(), ['a', 'b', 'c']);
  return [...disk.trace];
}

const faults = ['failed', 'failed_yet_persisted', 'torn', 'killed_before', 'killed_after'] as const;
const crashes = ['process', 'power', 'power_torn'] as const;
const rows = faults.flatMap((fault: DiskFault) =>
  crashes.map((crash) => ({ name: `${fault}, ${crash}`, fault, crash })),
);

describe("the vault's own reel keeps what it acknowledged", () => {
  it.each(rows)('at every system call: $name', async ({ fault, crash }) => {
    const calls = await callsOfOne();
    const found: string[] = [];
    for (let at = 0; at < calls.length; at += 1) {
      const disk = new MemoryDisk((_syscall, _path, index) => (index === at ? fault : 'none'));
      for (const violation of await once(disk, new TestLog(), crash)) {
        found.push(`${fault} at ${at} ${calls[at]?.replace(/\.tmp-\w+/, '.tmp')}, ${crash}: ${violation}`);
      }
    }
    expect(calls.length).toBeGreaterThan(20);
    expect(found).toEqual([]);
  });

  it.each<{ fault: SequenceFault }>([
    { fault: 'failed' },
    { fault: 'failed_yet_persisted' },
    { fault: 'killed_before' },
    { fault: 'killed_after' },
  ])('at every step into the log: $fault', async ({ fault }) => {
    const found: string[] = [];
    for (let at = 0; at < 5; at += 1) {
      for (const violation of await once(new MemoryDisk(), new TestLog(at, fault), 'power')) {
        found.push(`${fault} at ${at}: ${violation}`);
      }
    }
    expect(found).toEqual([]);
  });
});
