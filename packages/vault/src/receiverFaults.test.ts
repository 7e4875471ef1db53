/**
 * R3: whatever fails, and whenever the vault dies, what it acknowledged is in the archive, once, its leaf is in
 * the log or in the log's journal, once, and reel and log check.
 */
import { checkReel, decodeObject, type StoredSegment } from '@pgtape/evidence';
import { type Crash, type DiskFault, fileStore, MemoryDisk } from '@pgtape/store';
import { Archive } from './archive.ts';
import { Quarantine } from './quarantine.ts';
import { Receiver } from './receiver.ts';
import { TestReel, type TestSegment } from './segments.testing.ts';
import { publishedLog, sequencerOn, type TestSequencer } from './sequencer.testing.ts';

const root = '/srv/archive';
const { reel, segments } = TestReel.whole(3);

interface TestVault {
  readonly receiver: Receiver;
  readonly log: TestSequencer;
}

function vaultOn(disk: MemoryDisk): TestVault {
  const archive = new Archive(fileStore(root, disk));
  const log = sequencerOn(disk, root);
  const receiver = new Receiver({
    archive,
    sequence: log.segmentLog(archive).record,
    vaultId: 'ffffffffffffffff',
    enrolments: { check: async () => ({ method: 'none', name: '' }), begin: async () => undefined },
    quarantine: new Quarantine(fileStore(root, disk), 1 << 30),
    events: {
      ahead: () => undefined,
      notEnrolled: () => undefined,
      quarantined: () => undefined,
      quarantineFull: () => undefined,
      failed: () => undefined,
    },
    inflightBytesMax: 1 << 26,
    tailsMax: 10,
    now: () => 0,
    holdsLock: () => true,
  });
  return { receiver, log };
}

/** A sender as the recorder's: in order, each until it is acknowledged, with patience for `tries` answers. */
class Sender {
  readonly acknowledged = new Set<number>();
  readonly refusals: string[] = [];

  async send(vault: TestVault, tries: number, dead: () => boolean): Promise<void> {
    let left = tries;
    for (const segment of segments) {
      // Between the acknowledgements, as the vault's timer does.
      if (segment.segment === segments.length) await vault.log.sequencer.publish();
      while (!this.acknowledged.has(segment.segment)) {
        if (left === 0) return;
        left -= 1;
        await this.#once(vault, segment, dead);
      }
    }
  }

  async #once({ receiver: vault }: TestVault, segment: TestSegment, dead: () => boolean): Promise<void> {
    const outcome = await vault.receive(segment.request);
    // An answer of a process that died on the way is none.
    if (dead()) return;
    if (outcome.kind === 'refused') this.refusals.push(outcome.reason);
    else this.acknowledged.add(segment.segment);
  }
}

async function stored(disk: MemoryDisk): Promise<StoredSegment[]> {
  const store = fileStore(root, disk);
  const found: StoredSegment[] = [];
  for await (const { key } of store.list('reel/')) found.push({ key, object: await store.get(key) });
  return found;
}

/** What is not as R3 says. */
async function violations(disk: MemoryDisk, acknowledged: ReadonlySet<number>): Promise<string[]> {
  return [...(await objectViolations(disk, acknowledged)), ...(await logViolations(disk, acknowledged))];
}

async function objectViolations(disk: MemoryDisk, acknowledged: ReadonlySet<number>): Promise<string[]> {
  const objects = await stored(disk);
  const found: string[] = [];
  const seen: string[] = [];
  const verdict = await checkReel(objects, {
    onLine: ({ bytes }) => void seen.push(Buffer.from(bytes).toString()),
  });
  if (objects.length > 0 && !['open', 'complete'].includes(verdict.verdict)) {
    found.push(`verdict ${verdict.verdict}: ${verdict.findings.map((finding) => finding.reason)}`);
  }
  const expected = segments.slice(0, objects.length).flatMap((segment) => segment.records);
  if (JSON.stringify(seen) !== JSON.stringify(expected))
    found.push('the records are not those that were sent');
  for (const number of acknowledged) {
    const key = `reel/${reel.recorder}/${reel.reel}/${String(number).padStart(8, '0')}.jsonl.zst`;
    const copies = objects.filter((object) => object.key === key);
    if (copies.length !== 1)
      found.push(`segment ${number} was acknowledged and is there ${copies.length} times`);
    else decodeObject(copies[0]?.object ?? new Uint8Array());
  }
  return found;
}

/** Of the log as the next process finds it, before it looks for segments without a leaf. */
async function logViolations(disk: MemoryDisk, acknowledged: ReadonlySet<number>): Promise<string[]> {
  const { sequencer, storage, failures } = sequencerOn(disk, root);
  const found: string[] = [];
  for (const segment of acknowledged) {
    if (!(await sequencer.has({ kind: 'segment', reel: reel.reel, segment })))
      found.push(`segment ${segment} was acknowledged and has no leaf`);
  }
  await sequencer.publish();
  const { leaves, wrong } = await publishedLog(storage);
  const missing = [...acknowledged].filter((segment) => !leaves.includes(`${reel.reel}/${segment}`));
  if (missing.length > 0) found.push(`the published log lacks ${missing}`);
  await sequencer.close();
  return [...found, ...wrong, ...failures];
}

async function once(at: number, fault: DiskFault, crash: Crash): Promise<string[]> {
  const disk = new MemoryDisk((_syscall, _path, index) => (index === at ? fault : 'none'));
  const sender = new Sender();
  await sender.send(vaultOn(disk), 6, () => disk.killed);
  const found: string[] = [];
  if (!disk.killed && sender.acknowledged.size < segments.length) found.push('a fault is never got over');
  if (sender.refusals.some((reason) => !['store', 'log_journal'].includes(reason)))
    found.push(`refused: ${sender.refusals}`);
  disk.crash(crash);
  found.push(...(await violations(disk, sender.acknowledged)));
  // A new vault, and a sender that did not get, or lost, its acknowledgements.
  const again = new Sender();
  await again.send(vaultOn(disk), segments.length, () => false);
  if (again.acknowledged.size < segments.length) found.push(`after reopening refused: ${again.refusals}`);
  disk.crash('power');
  found.push(...(await violations(disk, new Set([...sender.acknowledged, ...again.acknowledged]))));
  const { length } = await stored(disk);
  if (length !== segments.length) found.push(`${length} objects in the end`);
  return found;
}

async function callsOfWhole(): Promise<string[]> {
  const disk = new MemoryDisk();
  await new Sender().send(vaultOn(disk), 6, () => false);
  return [...disk.trace];
}

const faults = ['failed', 'failed_yet_persisted', 'torn', 'killed_before', 'killed_after'] as const;
const crashes = ['process', 'power', 'power_torn'] as const;
const rows = faults.flatMap((fault) =>
  crashes.map((crash) => ({ name: `${fault}, ${crash}`, fault, crash })),
);

describe('R3: the vault acknowledges only what is durable', () => {
  it.each(rows)('at every system call: $name', async ({ fault, crash }) => {
    const calls = await callsOfWhole();
    const found: string[] = [];
    for (let at = 0; at < calls.length; at += 1) {
      const label = `${fault} at ${at} ${calls[at]?.replace(/\.tmp-\w+/, '.tmp')}, ${crash}`;
      for (const violation of await once(at, fault, crash)) found.push(`${label}: ${violation}`);
    }
    expect(calls.length).toBeGreaterThan(20);
    expect(found).toEqual([]);
  });

  it('makes durable what a dead vault left in the kernel only, before it acknowledges it', async () => {
    // Killed between link and fsync of the directory: the name is there, and not durable.
    let linked = false;
    const disk = new MemoryDisk((syscall) => {
      if (linked) return 'killed_before';
      linked = syscall === 'link';
      return 'none';
    });
    const first = segments.slice(0, 1);
    expect((await vaultOn(disk).receiver.receive(first[0]?.request ?? new Uint8Array())).kind).toBe(
      'refused',
    );
    disk.crash('process');
    expect(await stored(disk)).toHaveLength(1);
    const outcome = await vaultOn(disk).receiver.receive(first[0]?.request ?? new Uint8Array());
    expect(outcome.kind).toBe('duplicate');
    disk.crash('power');
    expect(await violations(disk, new Set([1]))).toEqual([]);
  });

  it('says of a reel’s tail only what is durable', async () => {
    let linked = false;
    const disk = new MemoryDisk((syscall) => {
      if (linked) return 'killed_before';
      linked = syscall === 'link';
      return 'none';
    });
    await vaultOn(disk).receiver.receive(segments[0]?.request ?? new Uint8Array());
    disk.crash('process');
    expect(await vaultOn(disk).receiver.tailOf(reel.reel, null)).toMatchObject({ segment: 1 });
    disk.crash('power');
    expect(await objectViolations(disk, new Set([1]))).toEqual([]);
  });
});

describe('the fault table itself', () => {
  it('finds a segment that is gone, torn, or there under another number', async () => {
    const make = async (): Promise<MemoryDisk> => {
      const disk = new MemoryDisk();
      await new Sender().send(vaultOn(disk), 6, () => false);
      return disk;
    };
    const place = `${root}/reel/${reel.recorder}/${reel.reel}`;
    const all = new Set([1, 2, 3]);
    expect(await violations(await make(), all)).toEqual([]);
    const gone = await make();
    await gone.unlink(`${place}/00000003.jsonl.zst`);
    expect(await violations(gone, all)).toContain('segment 3 was acknowledged and is there 0 times');
    const twice = await make();
    await twice.link(`${place}/00000003.jsonl.zst`, `${place}/00000004.jsonl.zst`);
    expect((await violations(twice, all)).join()).toContain('verdict forged');
    const torn = await make();
    await torn.unlink(`${place}/00000002.jsonl.zst`);
    const file = await torn.create(`${place}/00000002.jsonl.zst`, 0o444);
    await file.write(Uint8Array.of(0x28, 0xb5));
    await expect(violations(torn, all)).rejects.toThrow();
  });
});
