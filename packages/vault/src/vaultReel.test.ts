import { checkReel, type DraftRecord, type StoredSegment } from '@pgtape/evidence';
import { memoryStore } from '@pgtape/store';
import { Archive } from './archive.ts';
import { storeOwn } from './ownReel.ts';
import { lastReelOf, nextReelId, vaultIdOf } from './ownReels.ts';
import { OwnSealer, type OwnSegment } from './ownSealer.ts';
import { VaultReel, type VaultReelSources, vaultReelLimits } from './vaultReel.ts';

const recorder = vaultIdOf('main');
const reel = nextReelId(null, 1_795_000_000_000, new Uint8Array(10));
const identity = {
  reel,
  recorder,
  host: 'h',
  name: 'main',
  version: '0.1.0',
  boot: 'b',
  config: '0'.repeat(64),
};
const opened = {
  kind: 'vault_opened',
  recorder,
  name: 'main',
  version: '0.1.0',
  store: 'file',
  lock: 'none',
  log: 'example.test/log',
  config: '0'.repeat(64),
} as const;
const alert = (detail: string) => ({ kind: 'alert', state: 'raised', reason: 'worm', detail }) as const;

interface Harness {
  readonly vault: VaultReel;
  readonly segments: OwnSegment[];
  /** Lets the store answer, or fail. */
  readonly answers: ((answer: 'stored' | 'contradicted' | Error) => void)[];
  /** Callers whose patience ends when called. */
  readonly patience: (() => void)[];
  readonly failures: string[];
}

/** `held`: every call of the store waits for its answer in `answers`. */
function harness(more: Partial<VaultReelSources> = {}, limits = {}, held = false): Harness {
  const sealer = new OwnSealer(identity);
  const segments: OwnSegment[] = [];
  const answers: Harness['answers'] = [];
  const patience: (() => void)[] = [];
  const failures: string[] = [];
  let mono = 0;
  const vault = new VaultReel(
    {
      begin: async () => ({ opened, previous: null, seal: (drafts, at) => sealer.seal(drafts, at) }),
      store: (segment) => {
        segments.push(segment);
        if (!held) return Promise.resolve('stored');
        return new Promise((resolve, reject) =>
          answers.push((answer) => (answer instanceof Error ? reject(answer) : resolve(answer))),
        );
      },
      holdsLock: () => true,
      wallUs: () => 1_795_000_000_000_000,
      monoMs: () => mono++,
      sleep: () => new Promise((resolve) => setImmediate(resolve)),
      after: (_ms, run) => {
        patience.push(run);
        return () => undefined;
      },
      failed: (error) => failures.push(error.message),
      stored: () => undefined,
      ...more,
    },
    { ...vaultReelLimits, ...limits },
  );
  return { vault, segments, answers, patience, failures };
}

const settle = async () => {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};
const kindsOf = ({ segment }: OwnSegment) => segment.records.map(({ kind }) => kind);
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'resolved',
    (error: { code: string }) => error.code,
  );

describe('VaultReel', () => {
  it('opens, joins what comes within one window, and ends', async () => {
    const { vault, segments } = harness();
    vault.start();
    const [a, b] = await Promise.all([vault.append(alert('a')), vault.append(alert('b'))]);
    await vault.close();
    expect(segments.map(kindsOf)).toEqual([['vault_opened'], ['alert', 'alert'], ['reel_closed']]);
    expect([a.seq, b.seq, a.line.length]).toEqual([2, 3, 64]);
  });

  it('resolves only when the segment is stored', async () => {
    const { vault, answers } = harness({}, {}, true);
    let done = false;
    const appended = vault.append(alert('a')).then(() => {
      done = true;
    });
    await settle();
    answers.shift()?.('stored');
    await settle();
    expect(done).toBe(false);
    answers.shift()?.('stored');
    await appended;
  });

  it('puts the same segment again until it is stored', async () => {
    const { vault, answers, segments, failures } = harness({}, {}, true);
    const appended = vault.append(alert('a'));
    for (const answer of ['stored', new Error('full'), new Error('full'), 'stored'] as const) {
      await settle();
      answers.shift()?.(answer);
    }
    await appended;
    expect(segments.map(({ segment }) => segment.sealDigest === segments[1]?.segment.sealDigest)).toEqual([
      false,
      true,
      true,
      true,
    ]);
    expect(failures).toEqual(['full', 'full']);
  });

  it('leaves out what nobody waits for any more, and keeps what was sealed already', async () => {
    const { vault, answers, patience, segments } = harness({}, {}, true);
    const sealed = codeOf(vault.append(alert('sealed')));
    await settle();
    answers.shift()?.('stored');
    await settle();
    const unsealed = codeOf(vault.append(alert('unsealed')));
    for (const end of patience) end();
    expect([await sealed, await unsealed]).toEqual(['VAULT_REEL_LATE', 'VAULT_REEL_LATE']);
    answers.shift()?.('stored');
    await settle();
    expect(segments.map(kindsOf)).toEqual([['vault_opened'], ['alert']]);
    expect(vault.waiting).toBe(0);
  });

  it('takes no more than its queue holds', async () => {
    const { vault } = harness({ begin: () => new Promise(() => undefined) }, { waitingMax: 2 });
    void codeOf(vault.append(alert('a')));
    void codeOf(vault.append(alert('b')));
    expect(await codeOf(vault.append(alert('c')))).toBe('VAULT_REEL_FULL');
    const other = harness({ begin: () => new Promise(() => undefined) }, { waitingBytesMax: 10_000 });
    expect(await codeOf(other.vault.append(alert('x'.repeat(10_000))))).toBe('VAULT_REEL_FULL');
  });

  it('stops for good when another segment has its number, or another vault the archive', async () => {
    const contradicted = harness({}, {}, true);
    const appended = codeOf(contradicted.vault.append(alert('a')));
    await settle();
    contradicted.answers.shift()?.('contradicted');
    expect(await appended).toBe('VAULT_REEL_LOST');
    expect(await codeOf(contradicted.vault.append(alert('b')))).toBe('VAULT_REEL_LOST');
    expect(await codeOf(harness({ holdsLock: () => false }).vault.append(alert('a')))).toBe(
      'VAULT_REEL_LOST',
    );
  });

  it('gives up when it is closed and the store does not come back', async () => {
    const store = () => Promise.reject(new Error('gone'));
    const { vault } = harness({ store }, { graceMs: 20 });
    const appended = codeOf(vault.append(alert('a'), Number.POSITIVE_INFINITY));
    await vault.close();
    expect(await appended).toBe('VAULT_REEL_CLOSED');
    expect(await codeOf(vault.append(alert('b')))).toBe('VAULT_REEL_CLOSED');
  });

  it('asks the archive again until it knows how the reel before ended', async () => {
    const sealer = new OwnSealer(identity);
    let tries = 0;
    const previous = { reel: '0'.repeat(32), segment: 3, seal: '1'.repeat(64) };
    const { vault, segments } = harness({
      begin: async () => {
        tries += 1;
        if (tries < 3) throw new Error('unreadable');
        return { opened, previous, seal: (drafts, at) => sealer.seal(drafts, at) };
      },
    });
    vault.start();
    await vault.close();
    expect(segments[0]?.segment.records[0]).toMatchObject({ kind: 'vault_opened', previous });
  });
});

describe('OwnSealer', () => {
  it('makes a reel that verifies to the byte, each segment under its own key', async () => {
    const store = memoryStore();
    const archive = new Archive(store);
    const sealer = new OwnSealer(identity);
    const head = { at: '1795000000000000000', mono: '1' };
    const drafts: DraftRecord[][] = [
      [{ ...head, ...opened }],
      [{ ...head, ...alert('é😀"') }],
      [{ ...head, kind: 'reel_closed', why: 'stopped', sessions: 0, statements: 0 }],
    ];
    const segments = drafts.map((batch) => sealer.seal(batch, head.at));
    for (const segment of segments) {
      expect(await storeOwn(archive, async () => undefined, segment)).toBe('stored');
      expect(await storeOwn(archive, async () => undefined, segment)).toBe('stored');
    }
    const stored: StoredSegment[] = [];
    for await (const { key } of store.list('')) stored.push({ key, object: await store.get(key) });
    expect((await checkReel(stored, { strict: true })).findings).toEqual([]);
    expect(new Set(segments.map(({ segment }) => segment.header.key)).size).toBe(3);
    const other = new OwnSealer(identity).seal(drafts[0]!, head.at);
    expect(await storeOwn(archive, async () => undefined, other)).toBe('contradicted');
    expect(await lastReelOf(archive, recorder)).toEqual({ newest: reel, previous: null });
  });
});

describe('nextReelId', () => {
  const random = Uint8Array.from({ length: 10 }, (_, i) => i);
  it.each([
    { name: 'the first', newest: null, now: 1_795_000_000_000.7, id: '01a1ee565e0000010203040506070809' },
    {
      name: 'later',
      newest: '01a1ee565e0000010203040506070809',
      now: 1_795_000_000_001,
      id: '01a1ee565e0100010203040506070809',
    },
    {
      name: 'in the same millisecond',
      newest: '01a1ee565e0000010203040506070809',
      now: 1_795_000_000_000,
      id: '01a1ee565e0100010203040506070809',
    },
    {
      name: 'after the clock went back',
      newest: '01a1ee565e0000010203040506070809',
      now: 5,
      id: '01a1ee565e0100010203040506070809',
    },
  ])('orders reels by time: $name', ({ newest, now, id }) => {
    expect(nextReelId(newest, now, random)).toBe(id);
  });
});
