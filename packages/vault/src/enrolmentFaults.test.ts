/**
 * Whatever fails, and whenever the vault dies: a reel whose first segment was acknowledged has a durable record
 * of who vouched for it, and the log names such a record before the reel's first segment.
 */
import { hash } from 'node:crypto';
import {
  checkReel,
  enrolmentProof,
  judgeTogether,
  parseLeaf,
  parseSegmentKey,
  type StoredSegment,
} from '@pgtape/evidence';
import { readSegmentRequest } from '@pgtape/otlp';
import { type DiskFault, fileStore, MemoryDisk } from '@pgtape/store';
import { Archive } from './archive.ts';
import { type Caller, Enrolments } from './enrolments.ts';
import { entriesOf } from './logEntries.ts';
import { OwnHistory, ownRecords } from './ownHistory.ts';
import { ownReel } from './ownReel.ts';
import { vaultIdOf } from './ownReels.ts';
import { Quarantine } from './quarantine.ts';
import { Receiver } from './receiver.ts';
import { TestReel } from './segments.testing.ts';
import { publishedLog, sequencerOn } from './sequencer.testing.ts';

const root = '/srv/archive';
const secret = { name: 'shop', secret: 'correct horse battery staple' };
const { reel, segments } = TestReel.whole(2);
const vaultId = vaultIdOf('main');
const reading = readSegmentRequest(segments[0]!.request);
const header = reading.kind === 'segment' ? JSON.parse(Buffer.from(reading.lines[0]!).toString()) : null;
const proven: Caller = { certificate: null, proof: enrolmentProof(secret, header), token: null, address: '' };
const unproven: Caller = { certificate: null, proof: null, token: null, address: '' };
const nothing = () => undefined;

/** A vault's life: numbers of the segments it acknowledged. Nobody else sends the first one without a proof. */
async function live(disk: MemoryDisk): Promise<Set<number>> {
  const archive = new Archive(fileStore(root, disk));
  const log = sequencerOn(disk, root);
  const { record, started } = log.segmentLog(archive);
  const vault = ownReel({
    name: 'main',
    version: '0.1.0',
    store: 'file',
    lock: 'none',
    log: 'log.example',
    config: {},
    archive,
    sequence: record,
    clock: { wallUs: () => 1_795_000_000_000_000, monoMs: () => performance.now() },
    holdsLock: () => !disk.killed,
    failed: nothing,
    stored: nothing,
    limits: {
      windowMs: 0,
      patienceMs: 60_000,
      waitingMax: 100,
      waitingBytesMax: 1 << 20,
      backoffMs: { first: 0, max: 0 },
      graceMs: 60_000,
    },
  });
  const history = new OwnHistory(() => ownRecords(archive, vaultId));
  const receiver = new Receiver({
    archive,
    sequence: record,
    vaultId,
    enrolments: new Enrolments({
      required: true,
      tokens: null,
      secrets: () => [secret],
      append: (entry) => vault.append(entry),
      started,
      history: async function* () {
        yield* (await history.load()).enrolments;
      },
    }),
    quarantine: new Quarantine(fileStore(root, disk), 1 << 30),
    events: {
      ahead: nothing,
      notEnrolled: nothing,
      quarantined: nothing,
      quarantineFull: nothing,
      failed: nothing,
    },
    inflightBytesMax: 1 << 26,
    tailsMax: 10,
    now: () => 0,
    holdsLock: () => !disk.killed,
  });
  const acknowledged = new Set<number>();
  vault.start();
  for (const { segment, request } of segments) {
    for (let tries = 0; tries < 6 && !acknowledged.has(segment) && !disk.killed; tries += 1) {
      const outcome = await receiver.receive(request, segment === 1 ? proven : unproven);
      if (!disk.killed && outcome.kind !== 'refused') acknowledged.add(segment);
    }
  }
  await vault.close();
  return acknowledged;
}

async function violations(disk: MemoryDisk, acknowledged: ReadonlySet<number>): Promise<string[]> {
  const store = fileStore(root, disk);
  const reels = new Map<string, StoredSegment[]>();
  for await (const { key } of store.list('reel/')) {
    const name = parseSegmentKey(key)!;
    reels.set(name.reel, [...(reels.get(name.reel) ?? []), { key, object: await store.get(key) }]);
  }
  const vouched = new Set<string>();
  const verdicts = [];
  for (const objects of reels.values()) {
    verdicts.push(
      await checkReel(objects, {
        onLine: ({ record, bytes }) => {
          if (record.kind === 'enrolment') vouched.add(hash('sha256', bytes));
        },
      }),
    );
  }
  const found: string[] = [];
  for (const { reel: id, verdict, findings, enrolled } of judgeTogether(verdicts)) {
    if (verdict === 'forged') found.push(`${id} is forged: ${findings.map(({ reason }) => reason)}`);
    if (id === reel.reel && enrolled?.name !== 'shop') found.push('the reel is stored, and nobody vouched');
  }
  const { sequencer, storage } = sequencerOn(disk, root);
  for (const segment of acknowledged) {
    if (!(await sequencer.has({ kind: 'segment', reel: reel.reel, segment })))
      found.push(`segment ${segment} was acknowledged and has no leaf`);
  }
  await sequencer.publish();
  const { leaves, wrong } = await publishedLog(storage);
  found.push(...wrong);
  for await (const { entry } of entriesOf(storage, leaves.length)) {
    const leaf = parseLeaf(entry);
    if (typeof leaf === 'string' || leaf.kind !== 'reel_start' || leaf.reel !== reel.reel) continue;
    if (leaf.enrolment === null || !vouched.has(leaf.enrolment))
      found.push('the log names no enrolment that is on record');
  }
  await sequencer.close();
  return found;
}

async function once(at: number, fault: DiskFault): Promise<string[]> {
  const disk = new MemoryDisk((_syscall, _path, index) => (index === at ? fault : 'none'));
  const first = await live(disk);
  const found: string[] = [];
  if (!disk.killed && first.size < segments.length) found.push('a fault is never got over');
  disk.crash('power');
  found.push(...(await violations(disk, first)));
  const second = await live(disk);
  if (second.size < segments.length) found.push('after reopening it is refused');
  disk.crash('power');
  found.push(...(await violations(disk, new Set([...first, ...second]))));
  return found;
}

describe('who vouched for a reel is durable before its first segment is acknowledged', () => {
  it.each<{ fault: DiskFault }>([
    { fault: 'failed' },
    { fault: 'failed_yet_persisted' },
    { fault: 'torn' },
    { fault: 'killed_before' },
    { fault: 'killed_after' },
  ])('at every system call: $fault', async ({ fault }) => {
    const whole = new MemoryDisk();
    expect(await live(whole)).toEqual(new Set([1, 2]));
    const calls = [...whole.trace];
    const found: string[] = [];
    for (let at = 0; at < calls.length; at += 1) {
      for (const violation of await once(at, fault)) {
        found.push(`${fault} at ${at} ${calls[at]?.replace(/\.tmp-\w+/, '.tmp')}: ${violation}`);
      }
    }
    expect(calls.length).toBeGreaterThan(50);
    expect(found).toEqual([]);
  });
});
