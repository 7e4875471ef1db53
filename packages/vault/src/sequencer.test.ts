/** What has an index keeps it: whatever fails and wherever the process dies, also while it recovers. */
import type { Leaf } from '@pgtape/evidence';
import { type Crash, type DiskFault, MemoryDisk } from '@pgtape/store';
import { nameOf, publishedLog, sequencerOn, type TestSequencer } from './sequencer.testing.ts';
import { SequencerError } from './sequencer.ts';

const root = '/srv/archive';
const digest = '0'.repeat(64);

function startOf(reel: string): Leaf {
  const keys = { key: digest, recovery_key: digest, enrolment: null };
  return { v: 1, kind: 'reel_start', reel, recorder: '0'.repeat(16), ...keys, at: '1' };
}

function leafOf(reel: string, segment: number): Leaf {
  const object = `reel/${'0'.repeat(16)}/${reel}/${String(segment).padStart(8, '0')}.jsonl.zst`;
  return {
    ...{ v: 1, kind: 'segment', reel, segment, first_seq: segment, last_seq: segment, count: 1 },
    ...{ root: digest, seal: digest, object, version: '', sha256: digest, retain_until: null, at: '1' },
  } as Leaf;
}

const reels = ['a', 'b', 'c'].map((digit) => digit.repeat(32));
const starts = reels.map(startOf);

/** Three reels side by side: their starts, then two segments each, published in between. */
async function drive({ sequencer }: TestSequencer, dead: () => boolean): Promise<Set<string>> {
  const durable = new Set<string>();
  // As senders do: each leaf again until it is answered, and nothing of a reel before.
  const burst = async (leaves: readonly Leaf[]): Promise<void> => {
    let left = leaves;
    for (let tries = 4; left.length > 0 && tries > 0 && !dead(); tries -= 1) {
      const answers = await Promise.allSettled(left.map((leaf) => sequencer.sequence(leaf)));
      // An answer of a process that died on the way is none.
      if (dead()) return;
      for (const [i, { status }] of answers.entries())
        if (status === 'fulfilled') durable.add(nameOf(left[i]!));
      left = left.filter((leaf) => !durable.has(nameOf(leaf)));
    }
  };
  await burst(starts);
  await burst(reels.map((reel) => leafOf(reel, 1)));
  await sequencer.publish();
  await burst(reels.map((reel) => leafOf(reel, 2)));
  return durable;
}

/** Everything once, in any number of tries. */
async function finish(disk: MemoryDisk): Promise<string[]> {
  const { sequencer, storage, failures } = sequencerOn(disk, root);
  for (const leaf of [...starts, ...reels.flatMap((reel) => [leafOf(reel, 1), leafOf(reel, 2)])])
    await sequencer.sequence(leaf);
  await sequencer.publish();
  await sequencer.close();
  const { leaves, wrong } = await publishedLog(storage);
  return [...wrong, ...failures, ...(leaves.length === 9 ? [] : [`${leaves.length} leaves in the end`])];
}

/** What a new process finds missing of what was answered. */
async function lost(disk: MemoryDisk, durable: ReadonlySet<string>): Promise<string[]> {
  const { sequencer, storage } = sequencerOn(disk, root);
  await sequencer.publish();
  const { leaves, wrong } = await publishedLog(storage);
  await sequencer.close();
  return [...wrong, ...[...durable].filter((name) => !leaves.includes(name)).map((name) => `lost ${name}`)];
}

const faults: DiskFault[] = [
  'failed',
  'failed_yet_persisted',
  'torn',
  'short',
  'killed_before',
  'killed_after',
];
const crashes: Crash[] = ['process', 'power', 'power_torn'];
const rows = faults.flatMap((fault) => crashes.map((crash) => ({ fault, crash })));

describe('Sequencer', () => {
  it('makes durable with one fsync what comes together, and answers with indexes in order', async () => {
    const disk = new MemoryDisk();
    const { sequencer } = sequencerOn(disk, root);
    await sequencer.open();
    disk.trace.length = 0;
    const leaves = Array.from({ length: 200 }, (_, i) => leafOf(reels[0]!, i + 1));
    const indexes = await Promise.all(leaves.map((leaf) => sequencer.sequence(leaf)));
    expect(indexes).toEqual(leaves.map((_, i) => i));
    const calls = disk.trace.map((call) => call.split(' ')[0]);
    expect(calls.filter((call) => call === 'fsync').length).toBeLessThanOrEqual(2);
    expect(calls.filter((call) => call !== 'fsync' && call !== 'write')).toEqual([]);
  });

  it('takes a leaf once: while it is written, after, published, and in another process', async () => {
    const disk = new MemoryDisk();
    const first = sequencerOn(disk, root);
    const [one, two] = [leafOf(reels[0]!, 1), leafOf(reels[0]!, 2)];
    const { sequencer } = first;
    expect(await Promise.all([starts[0]!, one, one].map((leaf) => sequencer.sequence(leaf)))).toEqual([
      0, 1, 1,
    ]);
    expect(await sequencer.sequence({ ...one, at: '2' })).toBe(1);
    await sequencer.publish();
    expect([await sequencer.sequence(two), await sequencer.sequence(one)]).toEqual([2, null]);
    const again = sequencerOn(disk, root);
    expect([await again.sequencer.sequence(two), await again.sequencer.sequence(starts[0]!)]).toEqual([
      2,
      null,
    ]);
    await again.sequencer.publish();
    expect(await publishedLog(again.storage)).toEqual({
      leaves: [reels[0], `${reels[0]}/1`, `${reels[0]}/2`],
      wrong: [],
    });
  });

  it.each(rows)('keeps what it answered at every system call: $fault, $crash', async ({ fault, crash }) => {
    const plain = new MemoryDisk();
    await drive(sequencerOn(plain, root), () => false);
    const { length } = plain.trace;
    const found: string[] = [];
    for (let at = 0; at < length; at += 1) {
      const disk = new MemoryDisk((_call, _path, index) => (index === at ? fault : 'none'));
      const durable = await drive(sequencerOn(disk, root), () => disk.killed);
      disk.crash(crash);
      const label = `${fault} at ${at} ${plain.trace[at]}, ${crash}`;
      for (const wrong of [...(await lost(disk, durable)), ...(await finish(disk))])
        found.push(`${label}: ${wrong}`);
    }
    expect(length).toBeGreaterThan(50);
    expect(found).toEqual([]);
  });

  it.each(crashes)('keeps it when it dies while it recovers, at every call: %s', async (crash) => {
    const make = async (): Promise<{ disk: MemoryDisk; durable: Set<string> }> => {
      const disk = new MemoryDisk();
      const durable = await drive(sequencerOn(disk, root), () => false);
      disk.crash(crash);
      return { disk, durable };
    };
    const whole = await make();
    await sequencerOn(whole.disk, root).sequencer.open();
    const { length } = whole.disk.trace;
    const found: string[] = [];
    for (let at = 0; at < length; at += 1) {
      for (const fault of ['killed_before', 'killed_after', 'torn'] as const) {
        const { disk, durable } = await make();
        disk.crash('process', (_call, _path, index) => (index === at ? fault : 'none'));
        await sequencerOn(disk, root)
          .sequencer.open()
          .catch(() => undefined);
        disk.crash(crash);
        const label = `${fault} at ${at} ${whole.disk.trace[at]}`;
        for (const wrong of [...(await lost(disk, durable)), ...(await finish(disk))])
          found.push(`${label}: ${wrong}`);
      }
    }
    expect(length).toBeGreaterThan(15);
    expect(found).toEqual([]);
  });

  it('goes on without its journal from what a dead process left in the store', async () => {
    let written = false;
    const disk = new MemoryDisk((call, path) => {
      if (written && call === 'open' && path.includes('.tmp-')) return 'killed_before';
      written ||= call === 'link' && path.includes('tile/entries');
      return 'none';
    });
    const { sequencer } = sequencerOn(disk, root);
    await sequencer.open();
    for (const leaf of starts) await sequencer.sequence(leaf);
    await sequencer.publish();
    expect(disk.killed).toBe(true);
    disk.crash('process');
    for (const { name } of await disk.readdir(`${root}/.sequencer`))
      await disk.unlink(`${root}/.sequencer/${name}`);
    const again = sequencerOn(disk, root);
    expect(await again.sequencer.sequence(leafOf(reels[0]!, 1))).toBe(3);
    await again.sequencer.publish();
    expect(await publishedLog(again.storage)).toEqual({ leaves: [...reels, `${reels[0]}/1`], wrong: [] });
  });

  it('does not go on where the log is older than its journal', async () => {
    const disk = new MemoryDisk();
    const { sequencer } = sequencerOn(disk, root);
    await sequencer.sequence(starts[0]!);
    await sequencer.publish();
    await sequencer.close();
    await sequencerOn(disk, root).sequencer.open();
    const elsewhere = new MemoryDisk();
    await elsewhere.mkdir('/srv', 0o755);
    await elsewhere.mkdir(root, 0o755);
    await elsewhere.mkdir(`${root}/.sequencer`, 0o755);
    for (const { name } of await disk.readdir(`${root}/.sequencer`)) {
      const file = await elsewhere.create(`${root}/.sequencer/${name}`, 0o600);
      const bytes = await disk.readFile(`${root}/.sequencer/${name}`);
      if (bytes.length > 0) await file.write(bytes);
    }
    await expect(sequencerOn(elsewhere, root).sequencer.open()).rejects.toMatchObject({
      code: 'LOG_DIVERGED',
    });
  });

  it('takes no more than it can publish, and goes on when it has', async () => {
    const disk = new MemoryDisk();
    const { sequencer } = sequencerOn(disk, root, { pendingMax: 2 });
    await sequencer.sequence(starts[0]!);
    await sequencer.sequence(starts[1]!);
    await expect(sequencer.sequence(starts[2]!)).rejects.toMatchObject({ code: 'LOG_BEHIND' });
    await sequencer.publish();
    expect([await sequencer.sequence(starts[2]!), sequencer.pending, sequencer.publishedSize]).toEqual([
      2, 1, 2,
    ]);
  });

  it('acknowledges nothing any more once another writer published', async () => {
    const disk = new MemoryDisk();
    const first = sequencerOn(disk, root);
    await first.sequencer.sequence(starts[0]!);
    await first.sequencer.publish();
    const other = sequencerOn(disk, root);
    await other.sequencer.sequence(starts[1]!);
    await other.sequencer.publish();
    await first.sequencer.sequence(starts[2]!);
    await first.sequencer.publish();
    expect([first.sequencer.fenced, first.failures.length]).toEqual([true, 1]);
    await expect(first.sequencer.sequence(leafOf(reels[0]!, 1))).rejects.toBeInstanceOf(SequencerError);
    // Nor what it acknowledged before, sent again.
    await expect(first.sequencer.has(starts[0]!)).rejects.toMatchObject({ code: 'LOG_FENCED' });
    expect((await publishedLog(other.storage)).wrong).toEqual([]);
  });

  it('keeps its journal short: what is published goes', async () => {
    const disk = new MemoryDisk();
    const { sequencer } = sequencerOn(disk, root, { pendingMax: 100_000 });
    for (let round = 0; round < 8; round += 1) {
      const leaves = Array.from({ length: 500 }, (_, i) => leafOf(reels[0]!, round * 500 + i + 1));
      await Promise.all(leaves.map((leaf) => sequencer.sequence(leaf)));
      await sequencer.publish();
    }
    const files = (await disk.readdir(`${root}/.sequencer`)).filter(({ name }) =>
      name.startsWith('journal-'),
    );
    expect(files.length).toBeLessThanOrEqual(2);
    expect(sequencer.publishedSize).toBe(4000);
  });
});
