import { randomBytes } from 'node:crypto';
import { decodeObject, newSigner, segmentKey } from '@pgtape/evidence';
import { viewOf } from '@pgtape/otlp';
import { type MemoryFaults, memoryStore } from '@pgtape/store';
import { Archive } from './archive.ts';
import { Quarantine } from './quarantine.ts';
import { type Outcome, Receiver, type ReceiverOptions } from './receiver.ts';
import { TestReel, type TestSegment, type Twist } from './segments.testing.ts';

interface Place {
  readonly receiver: Receiver;
  readonly objects: Map<string, Uint8Array>;
  readonly events: string[];
}

function receiving(
  objects = new Map<string, Uint8Array>(),
  more: Partial<ReceiverOptions> = {},
  faults?: MemoryFaults,
): Place {
  const events: string[] = [];
  const store = memoryStore(faults, objects);
  const receiver = new Receiver({
    archive: new Archive(store),
    vaultId: 'ffffffffffffffff',
    enrolments: { check: async () => ({ method: 'none', name: '' }), begin: async () => undefined },
    quarantine: new Quarantine(store, 1 << 20),
    sequence: async () => undefined,
    events: {
      ahead: (_header, expected) => void events.push(`ahead of ${expected}`),
      notEnrolled: (_reel, detail) => void events.push(`not enrolled: ${detail}`),
      quarantined: (_reel, segment, key) => void events.push(`quarantined ${segment} ${key}`),
      quarantineFull: (_reel, segment) => void events.push(`quarantine full ${segment}`),
      failed: (_reel, segment, error) => void events.push(`failed ${segment} ${error.name}`),
    },
    inflightBytesMax: 1 << 26,
    tailsMax: 100,
    now: () => 0,
    holdsLock: () => true,
    ...more,
  });
  return { receiver, objects, events };
}

/** An outcome in a word: its kind, for a refusal its reason. */
const word = (outcome: Outcome): string => (outcome.kind === 'refused' ? outcome.reason : outcome.kind);

async function words(receiver: Receiver, segments: readonly TestSegment[]): Promise<string[]> {
  const seen: string[] = [];
  for (const { request } of segments) seen.push(word(await receiver.receive(request)));
  return seen;
}

/** Receiver and reel after two stored segments; `again` forgets what was in memory. */
async function afterTwo(again: boolean): Promise<Place & { reel: TestReel; segments: TestSegment[] }> {
  const place = receiving();
  const reel = new TestReel();
  const segments = [reel.next(reel.opening()), reel.next()];
  expect(await words(place.receiver, segments)).toEqual(['stored', 'stored']);
  return { ...(again ? receiving(place.objects) : place), reel, segments };
}

describe('Receiver', () => {
  it("takes nobody else's word for the vault's", async () => {
    const { receiver, events } = receiving();
    const own = new TestReel('ffffffffffffffff');
    const other = new TestReel();
    const head = { at: '1', mono: '1' };
    const alert = { ...head, kind: 'alert', state: 'raised', reason: 'worm', detail: '' } as const;
    const segments = [own.next(own.opening()), other.next([...other.opening(), alert])];
    expect(await words(receiver, segments)).toEqual(['forged', 'forged']);
    expect(events).toHaveLength(2);
  });

  it('stores each segment as the lines that were sent', async () => {
    const { receiver, objects } = receiving();
    const { reel, segments } = TestReel.whole(3);
    expect(await words(receiver, segments)).toEqual(['stored', 'stored', 'stored']);
    const keys = [1, 2, 3].map((number) => segmentKey(reel.recorder, reel.reel, number));
    expect([...objects.keys()]).toEqual(keys);
    for (const [i, key] of keys.entries()) {
      const lines = Buffer.from(decodeObject(objects.get(key) ?? new Uint8Array()))
        .toString()
        .split('\n');
      expect(lines.slice(1, -2)).toEqual(segments[i]?.records);
      expect(lines.at(-1)).toBe('');
    }
  });

  it('tells what it stored', async () => {
    const { receiver, objects } = receiving();
    const segment = new TestReel().next();
    const outcome = await receiver.receive(segment.request);
    expect(outcome).toMatchObject({ kind: 'stored', putMs: 0 });
    if (outcome.kind !== 'stored') return;
    expect(outcome.objectBytes).toBe([...objects.values()][0]?.length);
    const [line] = outcome.segment.lines;
    const text = Buffer.from(outcome.text).subarray(line?.start, line?.end);
    expect(text.toString()).toBe(segment.records[0]);
  });

  describe.each([
    { name: 'with the reel in memory', again: false },
    { name: 'after a restart', again: true },
  ])('$name', ({ again }) => {
    it('goes on', async () => {
      const { receiver, reel } = await afterTwo(again);
      expect(await words(receiver, [reel.next()])).toEqual(['stored']);
    });

    it('acknowledges every segment again', async () => {
      const { receiver, segments, objects } = await afterTwo(again);
      const before = new Map(objects);
      expect(await words(receiver, [...segments].reverse())).toEqual(['duplicate', 'duplicate']);
      expect(objects).toEqual(before);
    });

    it('names the segment it waits for', async () => {
      const { receiver, reel, objects } = await afterTwo(again);
      reel.next();
      const outcome = await receiver.receive(reel.next().request);
      const detail = 'expected segment 3, got 4';
      expect(outcome).toEqual({ kind: 'refused', status: 9, reason: 'out_of_order', detail });
      expect(objects.size).toBe(2);
    });

    const forgeries: { name: string; twist: (reel: TestReel) => Twist }[] = [
      { name: 'another chain', twist: () => ({ prev: '11'.repeat(32) }) },
      { name: 'another key', twist: () => ({ signer: newSigner() }) },
      {
        name: 'recovery by a foreign key on an open reel',
        twist: () => ({ signer: newSigner(), recovered: true }),
      },
      { name: 'another recovery key', twist: () => ({ recoveryKey: newSigner().publicKey }) },
      {
        name: 'recovery that hands the reel to a foreign key',
        twist: () => ({ recovered: true, nextKey: newSigner().publicKey }),
      },
      { name: 'a seq left out', twist: () => ({ firstSeq: 9 }) },
      { name: 'the last number with other bytes', twist: () => ({ segment: 2 }) },
      { name: 'the first number with other bytes', twist: () => ({ segment: 1, firstSeq: 1 }) },
    ];
    it.each(forgeries)('quarantines $name, and the reel goes on', async ({ twist }) => {
      const { receiver, reel, objects, events } = await afterTwo(again);
      const forged = reel.next(undefined, { ...twist(reel), aside: true });
      const outcome = await receiver.receive(forged.request);
      expect(outcome).toMatchObject({ kind: 'refused', status: 9, reason: 'forged' });
      expect('retryDelayMs' in outcome).toBe(false);
      const number = String(forged.segment).padStart(8, '0');
      const key = `quarantine/${reel.reel}/${number}-${forged.sealDigest.slice(0, 16)}.jsonl.zst`;
      expect(events).toEqual([`quarantined ${forged.segment} ${key}`]);
      expect(objects.has(key)).toBe(true);
      expect(await words(receiver, [forged, reel.next()])).toEqual(['forged', 'stored']);
      expect(objects.size).toBe(4);
    });

    it('accepts what is recovered with the key of the journal', async () => {
      const { receiver, reel } = await afterTwo(again);
      const segments = [reel.next(undefined, { recovered: true }), reel.next(undefined, { recovered: true })];
      expect(await words(receiver, segments)).toEqual(['stored', 'stored']);
      expect(await words(receiver, [reel.next()])).toEqual(['forged']);
    });

    it('knows the tail', async () => {
      const { receiver, reel, segments } = await afterTwo(again);
      const last = segments[1];
      const tail = {
        reel: reel.reel,
        recorder: reel.recorder,
        segment: 2,
        sealDigest: last?.sealDigest,
        lastSeq: last?.lastSeq,
        nextKey: last?.nextKey,
        recoveryKey: reel.recovery.publicKey,
        recovered: false,
        closed: false,
      };
      expect(await receiver.tailOf(reel.reel, null)).toEqual(tail);
      expect(await receiver.tailOf(reel.reel, reel.recorder)).toEqual(tail);
      expect(await receiver.tailOf('00'.repeat(16), null)).toBe(null);
      expect(await receiver.tailOf('00'.repeat(16), reel.recorder)).toBe(null);
    });

    it.each([
      { name: 'missing', damage: null },
      { name: 'garbage', damage: Uint8Array.of(1, 2, 3) },
    ])('acknowledges nothing that it cannot compare: $name', async ({ damage }) => {
      const { receiver, reel, segments, objects, events } = await afterTwo(again);
      const key = segmentKey(reel.recorder, reel.reel, 1);
      if (damage === null) objects.delete(key);
      else objects.set(key, damage);
      const outcome = await receiver.receive(segments[0]?.request ?? new Uint8Array());
      expect(outcome).toMatchObject({ kind: 'refused', status: 14, reason: 'archive_damaged' });
      expect(events).toEqual(['failed 1 ArchiveDamaged']);
      expect(objects.get(key)).toEqual(damage ?? undefined);
      expect(await words(receiver, [reel.next()])).toEqual(['stored']);
    });
  });

  it('builds on nothing that it cannot read', async () => {
    const { receiver, reel, objects } = await afterTwo(true);
    objects.set(segmentKey(reel.recorder, reel.reel, 2), Uint8Array.of(1));
    expect(await words(receiver, [reel.next()])).toEqual(['archive_damaged']);
  });

  it('quarantines a reel under another recorder', async () => {
    const { receiver, reel } = await afterTwo(false);
    const twist = { recorder: '00'.repeat(8), aside: true };
    expect(await words(receiver, [reel.next(undefined, twist), reel.next()])).toEqual(['forged', 'stored']);
  });

  it.each([
    { name: 'a vault that has forgotten the tail', again: false },
    { name: 'a vault that was started again', again: true },
  ])('quarantines a copy of a reel under another recorder: $name', async ({ again }) => {
    const place = receiving(undefined, { tailsMax: 1 });
    const reel = new TestReel();
    const drafts = reel.opening();
    const copy = reel.next(drafts, { recorder: '00'.repeat(8), aside: true });
    expect(await words(place.receiver, [reel.next(drafts), new TestReel().next()])).toEqual([
      'stored',
      'stored',
    ]);
    const { receiver, objects, events } = again ? receiving(place.objects) : place;
    const outcome = await receiver.receive(copy.request);
    const detail = `segment 1: the reel is of recorder ${reel.recorder}, not ${'00'.repeat(8)}`;
    expect(outcome).toEqual({ kind: 'refused', status: 9, reason: 'forged', detail });
    expect(events.length).toBe(1);
    expect([...objects.keys()].filter((key) => key.startsWith(`reel/${'00'.repeat(8)}`))).toEqual([]);
    expect(await words(receiver, [reel.next()])).toEqual(['stored']);
  });

  it('gives a reel to one of two recorders that bring it at once', async () => {
    const { receiver } = receiving();
    const reel = new TestReel();
    const drafts = reel.opening();
    const copy = reel.next(drafts, { recorder: '00'.repeat(8), aside: true });
    const sent = [reel.next(drafts), copy].map(({ request }) => receiver.receive(request));
    expect((await Promise.all(sent)).map(word)).toEqual(['stored', 'forged']);
  });

  it('reads the archive again when it could not be listed', async () => {
    let broken = true;
    const faults: MemoryFaults = (operation) => (broken && operation === 'list' ? 'failed' : 'none');
    const { receiver } = receiving(undefined, {}, faults);
    const reel = new TestReel();
    const segment = reel.next();
    expect(await words(receiver, [segment])).toEqual(['store']);
    broken = false;
    expect(await words(receiver, [segment])).toEqual(['stored']);
  });

  it('keeps no more in quarantine than it may, also after a restart', async () => {
    const objects = new Map<string, Uint8Array>();
    const bounded = () =>
      receiving(objects, { quarantine: new Quarantine(memoryStore(undefined, objects), 1500) });
    const first = bounded();
    const reel = new TestReel();
    expect(await words(first.receiver, [reel.next(reel.opening())])).toEqual(['stored']);
    const forge = () => reel.next(undefined, { signer: newSigner(), aside: true });
    const forged = [forge(), forge(), forge()];
    const outcomes = await Promise.all(forged.map(({ request }) => first.receiver.receive(request)));
    expect(outcomes.map(word)).toEqual(['forged', 'quarantine_full', 'quarantine_full']);
    expect(outcomes[1]).toMatchObject({ status: 8 });
    expect(first.events).toEqual([
      expect.stringContaining('quarantined 2'),
      'quarantine full 2',
      'quarantine full 2',
    ]);
    const second = bounded();
    expect(await words(second.receiver, forged)).toEqual(['forged', 'quarantine_full', 'quarantine_full']);
    expect([...objects.keys()].filter((key) => key.startsWith('quarantine/')).length).toBe(1);
    expect(await words(second.receiver, [reel.next()])).toEqual(['stored']);
  });

  it('refuses a signed record that breaks the schema, and names where', async () => {
    const { receiver, objects } = receiving();
    const reel = new TestReel();
    const [opened, ...rest] = reel.opening();
    const junk = { ...reel.statement('SELECT 1'), at: 'not a time' };
    const outcome = await receiver.receive(reel.next([opened!, ...rest, junk]).request);
    expect(outcome).toMatchObject({ kind: 'refused', status: 3, reason: 'line_invalid' });
    expect('detail' in outcome ? outcome.detail : '').toMatch(/^line 4: at: /);
    expect(objects.size).toBe(0);
  });

  it('remembers no more reels than it may', async () => {
    const { receiver } = receiving(undefined, { tailsMax: 2 });
    const reels = Array.from({ length: 5 }, () => new TestReel());
    for (const reel of reels) expect(await words(receiver, [reel.next()])).toEqual(['stored']);
    expect(receiver.tailsKnown).toBe(2);
    for (const reel of reels) expect(await words(receiver, [reel.next()])).toEqual(['stored']);
    expect(await words(receiver, [new TestReel().next(undefined, { segment: 7 })])).toEqual(['out_of_order']);
    expect(receiver.tailsKnown).toBe(2);
  });

  it('keeps the order of a reel whose segments arrive at once', async () => {
    const { receiver } = receiving();
    const { segments } = TestReel.whole(8);
    const outcomes = await Promise.all(segments.map(({ request }) => receiver.receive(request)));
    expect(outcomes.map(word)).toEqual(segments.map(() => 'stored'));
  });

  it('stores once what arrives many times at once', async () => {
    const { receiver, objects } = receiving();
    const { request } = new TestReel().next();
    const outcomes = await Promise.all(Array.from({ length: 5 }, () => receiver.receive(request)));
    expect(outcomes.map(word).sort()).toEqual(['duplicate', 'duplicate', 'duplicate', 'duplicate', 'stored']);
    expect(objects.size).toBe(1);
  });

  it('tells views from evidence', async () => {
    const { receiver, objects } = receiving();
    const reel = new TestReel();
    const view = viewOf(reel.next(reel.opening()).request);
    expect(await receiver.receive(view ?? new Uint8Array())).toEqual({ kind: 'view', spans: 1 });
    expect(await receiver.receive(new Uint8Array())).toEqual({ kind: 'view', spans: 0 });
    expect(objects.size).toBe(0);
  });

  it.each([
    { name: 'garbage', request: Uint8Array.of(255, 255, 255) },
    { name: 'cut short', request: new TestReel().next().request.subarray(0, -5) },
    { name: 'a mixture', request: mixture() },
  ])('refuses what is no request: $name', async ({ request }) => {
    const { receiver, objects } = receiving();
    expect(await receiver.receive(request)).toMatchObject({
      kind: 'refused',
      status: 3,
      reason: 'malformed',
    });
    expect(objects.size).toBe(0);
  });

  it('refuses a segment with any one bit of a line changed', async () => {
    const { receiver, objects } = receiving();
    const { request, records } = new TestReel().next();
    const at = Buffer.from(request).indexOf(records[0] ?? '');
    for (let i = 0; i < 40; i += 1) {
      const changed = Uint8Array.from(request);
      changed[at + ((i * 37) % (records[0]?.length ?? 1))]! ^= 1 << (i % 8);
      const outcome = await receiver.receive(changed);
      expect(outcome).toMatchObject({ kind: 'refused', status: 3 });
    }
    expect(objects.size).toBe(0);
  });

  it('never fails, whatever bytes come', async () => {
    const { receiver } = receiving();
    for (let i = 0; i < 200; i += 1) expect(word(await receiver.receive(randomBytes(i)))).not.toBe('stored');
  });

  it.each([
    { fault: 'failed' as const, after: 'stored' },
    { fault: 'failed_yet_persisted' as const, after: 'duplicate' },
  ])('has a sender come again when the store $fault', async ({ fault, after }) => {
    let broken = true;
    const faults: MemoryFaults = (operation) => (broken && operation === 'putOnce' ? fault : 'none');
    const { receiver, events } = receiving(undefined, {}, faults);
    const reel = new TestReel();
    const segment = reel.next();
    const outcome = await receiver.receive(segment.request);
    const refusal = { kind: 'refused', status: 14, reason: 'store', detail: 'STORE_IO', retryDelayMs: 1000 };
    expect(outcome).toEqual(refusal);
    expect(events).toEqual(['failed 1 StoreError']);
    broken = false;
    expect(await words(receiver, [segment, reel.next()])).toEqual([after, 'stored']);
  });

  it('lets no more bytes in than it may, but always one request', async () => {
    const { receiver } = receiving(undefined, { inflightBytesMax: 10 });
    const requests = [new TestReel().next().request, new TestReel().next().request];
    const outcomes = await Promise.all(requests.map((request) => receiver.receive(request)));
    expect(outcomes.map(word)).toEqual(['stored', 'overloaded']);
    expect(outcomes[1]).toMatchObject({ status: 14, retryDelayMs: 500 });
    expect(receiver.inflightBytes).toBe(0);
  });

  it('accepts nothing when another vault has the archive', async () => {
    const { receiver, objects } = receiving(undefined, { holdsLock: () => false });
    expect(await words(receiver, [new TestReel().next()])).toEqual(['lock_lost']);
    expect(objects.size).toBe(0);
  });

  it('finishes what it has when it closes', async () => {
    const { receiver } = receiving();
    const running = receiver.receive(new TestReel().next().request);
    await receiver.close();
    expect(word(await running)).toBe('stored');
    expect(await words(receiver, [new TestReel().next()])).toEqual(['closing']);
  });
});

/** Two requests concatenated are one request with the spans of both (protobuf, "Last One Wins"). */
function mixture(): Uint8Array {
  const reel = new TestReel();
  const evidence = reel.next(reel.opening()).request;
  return Buffer.concat([evidence, viewOf(evidence) ?? new Uint8Array()]);
}
