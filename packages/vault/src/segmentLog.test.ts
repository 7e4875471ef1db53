/** Segments that are stored and have no leaf: found at the start, whatever some of them, or the store, do then. */
import { MemoryDisk, type MemoryFaults, memoryStore } from '@pgtape/store';
import { Archive } from './archive.ts';
import { Quarantine } from './quarantine.ts';
import { Receiver } from './receiver.ts';
import { TestReel } from './segments.testing.ts';
import { publishedLog, sequencerOn } from './sequencer.testing.ts';

const root = '/srv/log';
const none = { method: 'none', name: '' } as const;

/** Objects as a vault without a log left them: two reels. */
async function archived(): Promise<{ objects: Map<string, Uint8Array>; tapes: TestReel[] }> {
  const objects = new Map<string, Uint8Array>();
  const store = memoryStore(undefined, objects);
  const receiver = new Receiver({
    archive: new Archive(store),
    vaultId: 'ffffffffffffffff',
    quarantine: new Quarantine(store, 1 << 20),
    enrolments: { check: async () => none, begin: async () => undefined },
    sequence: async () => undefined,
    events: {
      quarantined: () => undefined,
      quarantineFull: () => undefined,
      failed: () => undefined,
      ahead: () => undefined,
      notEnrolled: () => undefined,
    },
    inflightBytesMax: 1 << 26,
    tailsMax: 10,
    now: () => 0,
    holdsLock: () => true,
  });
  const tapes = [TestReel.whole(2, '00000000000000aa'), TestReel.whole(3, '00000000000000bb')];
  for (const { segments } of tapes) {
    for (const { request } of segments) await receiver.receive(request);
  }
  expect(objects.size).toBe(5);
  return { objects, tapes: tapes.map(({ reel }) => reel) };
}

const keyOf = (reel: TestReel, segment: number): string =>
  `reel/${reel.recorder}/${reel.reel}/${String(segment).padStart(8, '0')}.jsonl.zst`;

describe('SegmentLog.prepare', () => {
  it('gives every stored segment a leaf, behind its reel’s start', async () => {
    const { objects, tapes } = await archived();
    const log = sequencerOn(new MemoryDisk(), root);
    await log.segmentLog(new Archive(memoryStore(undefined, objects))).prepare();
    await log.sequencer.publish();
    const [a, b] = tapes.map(({ reel }) => reel);
    expect(await publishedLog(log.storage)).toEqual({
      leaves: [a, `${a}/1`, `${a}/2`, b, `${b}/1`, `${b}/2`, `${b}/3`],
      wrong: [],
    });
  });

  it('passes over one that is damaged, and over one that the store does not give, and tells both', async () => {
    const { objects, tapes } = await archived();
    const [a, b] = tapes as [TestReel, TestReel];
    objects.set(keyOf(a, 2), Buffer.from('torn'));
    const faults: MemoryFaults = (operation, key) =>
      operation === 'get' && key === keyOf(b, 3) ? 'failed' : 'none';
    const log = sequencerOn(new MemoryDisk(), root);
    await log.segmentLog(new Archive(memoryStore(faults, objects))).prepare();
    await log.sequencer.publish();
    expect((await publishedLog(log.storage)).leaves).toEqual([
      a.reel,
      `${a.reel}/1`,
      b.reel,
      `${b.reel}/1`,
      `${b.reel}/2`,
    ]);
    expect(log.failures).toEqual([
      expect.stringContaining(keyOf(a, 2)),
      expect.stringContaining(keyOf(b, 3)),
    ]);
  });

  it('rejects where the store does not answer at all, and logs everything when it does again', async () => {
    const { objects, tapes } = await archived();
    let reads = 0;
    let isDown = false;
    const faults: MemoryFaults = (operation) => {
      if (operation === 'get') reads += 1;
      isDown ||= reads === 3;
      return isDown ? 'failed' : 'none';
    };
    const log = sequencerOn(new MemoryDisk(), root);
    const segmentLog = log.segmentLog(new Archive(memoryStore(faults, objects)));
    await expect(segmentLog.prepare()).rejects.toMatchObject({ code: 'STORE_IO' });
    expect(log.failures).toEqual([]);
    isDown = false;
    reads = 10;
    await segmentLog.prepare();
    await log.sequencer.publish();
    expect((await publishedLog(log.storage)).leaves).toHaveLength(tapes.length + 5);
  });
});
