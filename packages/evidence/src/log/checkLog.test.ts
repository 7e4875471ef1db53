/** Changes a small archive and its log in every way a keeper of them could, and demands that the check finds it and names it. */
import { formatVkey, parsePolicy } from '@pgtape/tlog';
import { exampleLeaves, exampleLog } from '../exampleLog.ts';
import { exampleArchive, exampleRecords, exampleReel, exampleSigner } from '../exampleReel.ts';
import { type Leaf, leafText, type SegmentLeaf } from '../leaf.ts';
import { type CheckLogOptions, checkLog } from './checkLog.ts';
import { ExampleStore, storedAt } from './exampleReads.testing.ts';
import { checkpointKeyOf, readLogHead } from './logReads.ts';
import type { LogVerdict } from './logVerdict.ts';

const archive = exampleArchive();
const [one, two, three, other] = archive as [
  (typeof archive)[0],
  (typeof archive)[0],
  (typeof archive)[0],
  (typeof archive)[0],
];
const leaves = exampleLeaves(archive);
const sizes = [0, 1, 2, 4, 6];
const log = exampleLog(leaves, { sizes });
const parsedPolicy = parsePolicy(log.policy);
if (!parsedPolicy.ok) throw new Error(parsedPolicy.detail);
const policy = parsedPolicy.value;
const now = storedAt + 3_600_000;

const checked = async (store: ExampleStore, options: Partial<CheckLogOptions> = {}): Promise<LogVerdict> =>
  checkLog(store, await readLogHead(store), await store.facts(), { policy, now, ...options });
const named = ({ verdict, findings }: LogVerdict): string[] => [
  verdict,
  ...findings.map((finding) => `${finding.artefact} ${finding.reason}`),
];
const archiveStore = (versions = false): ExampleStore =>
  new ExampleStore(archive, versions ? exampleLog(versioned(leaves), { sizes }) : log, { versions });
const versioned = (all: readonly Leaf[]): Leaf[] =>
  all.map((leaf) => (leaf.kind === 'segment' ? { ...leaf, version: 'v1' } : leaf));
const edited = (edit: (store: ExampleStore) => void, versions = false): ExampleStore => {
  const store = archiveStore(versions);
  edit(store);
  return store;
};

describe('checkLog', () => {
  it('holds an archive against its log, and says what it did', async () => {
    const verdict = await checked(archiveStore());
    expect({ ...verdict, root: verdict.root.length }).toEqual({
      verdict: 'complete',
      findings: [],
      origin: 'example.org/log',
      size: 6,
      root: 64,
      keyFrom: 'auditor',
      cosigned: [{ name: 'w', time: 1_795_212_010 }],
      checked: { checkpoints: 6, tiles: 8, leaves: 6, objects: 4, versions: 0, retentions: 0 },
      started: ['0102030405060708090a0b0c0d0e0f10', 'f1f2f3f4f5f6f7f8f9fafbfcfdfeff00'],
      unlogged: 0,
      isSound: true,
      remembered: null,
    });
  });

  it('takes the key from the archive where none is given, and says so', async () => {
    const { policy: _none, ...rest } = { policy, now };
    const store = archiveStore();
    const verdict = await checkLog(store, await readLogHead(store), await store.facts(), rest);
    expect([verdict.verdict, verdict.keyFrom, verdict.isSound]).toEqual(['complete', 'archive', true]);
  });

  it('finds nothing where there is no log and none is demanded', async () => {
    const store = edited(({ objects }) => {
      for (const key of objects.keys()) if (key.startsWith('log/')) objects.delete(key);
    });
    const verdict = await checkLog(store, await readLogHead(store), await store.facts(), { now });
    expect([named(verdict), verdict.isSound]).toEqual([['complete'], false]);
  });

  it('takes a log that goes on while its head is read', async () => {
    const store = archiveStore();
    const { current, sizes: copies } = await readLogHead(store);
    const verdict = await checkLog(store, { current, sizes: copies.slice(0, -1) }, await store.facts(), {
      policy,
      now,
    });
    expect(named(verdict)).toEqual(['complete']);
  });

  const head = 'log/checkpoint';
  const forger = exampleReel({
    reel: '0102030405060708090a0b0c0d0e0f10',
    recorder: '00112233445566aa',
    keys: 'forger',
    segments: [
      [exampleRecords.reelOpened('00112233445566aa')],
      [exampleRecords.gap('spool_full')],
      [exampleRecords.reelClosed(0, 0)],
    ],
  });
  const remembered = (size: number, of = log) => of.objects.get(checkpointKeyOf(size))!;
  const forked = exampleLog(
    [leaves[0]!, leaves[1]!, { ...leaves[0]!, reel: 'ee'.repeat(16) } as Leaf, leaves[3]!],
    {
      sizes: [0, 1, 2, 4],
    },
  );
  const tile = (store: ExampleStore, key: string, at: number): void => {
    const bytes = Buffer.from(store.objects.get(key)![0]!.bytes);
    bytes[at]! ^= 1;
    store.replace(key, bytes);
  };

  it.each<{ name: string; store: ExampleStore; options?: Partial<CheckLogOptions>; finds: string[] }>([
    {
      name: 'a segment deleted from the end of a reel',
      store: edited(({ objects }) => objects.delete(three.key)),
      finds: ['forged', `${three.key} object_missing`],
    },
    {
      name: 'a whole reel deleted',
      store: edited(({ objects }) => objects.delete(other.key)),
      finds: ['forged', `${other.key} object_missing`],
    },
    {
      name: 'a reel sealed anew by a key of the forger',
      store: edited((store) => {
        for (const { key, object } of forger) store.replace(key, object);
      }),
      finds: [
        'forged',
        `${one.key} reel_key_mismatch`,
        ...[one, two, three].map(({ key }) => `${key} object_changed`),
      ],
    },
    {
      name: 'an object changed',
      store: edited((store) => tile(store, two.key, 40)),
      finds: ['forged', `${two.key} object_changed`],
    },
    {
      name: 'objects swapped',
      store: edited((store) => {
        store.replace(one.key, two.object);
        store.replace(two.key, one.object);
      }),
      finds: ['forged', `${one.key} object_changed`, `${two.key} object_changed`],
    },
    {
      name: 'a reel put in that the log does not have',
      store: new ExampleStore(archive, exampleLog(leaves.slice(0, 4), { sizes: [0, 4] })),
      finds: ['open', `${other.key} leaf_missing`],
    },
    {
      name: 'a reel put in long before the newest checkpoint',
      store: edited((store) =>
        store.put(other.key.replace(/f1f2/, 'a1a2'), other.object, storedAt - 3_600_000),
      ),
      finds: ['forged', `${other.key.replace(/f1f2/, 'a1a2')} leaf_missing`],
    },
    {
      name: 'a segment that the log passed over',
      store: new ExampleStore(
        archive,
        exampleLog(leaves.filter((leaf) => leaf.kind !== 'segment' || leaf.object !== two.key)),
      ),
      finds: ['forged', `log#2 leaf_order`, `${two.key} leaf_missing`],
    },
    {
      name: 'a leaf twice',
      store: new ExampleStore(archive, exampleLog([...leaves, leaves[3]!, leaves[0]!])),
      finds: ['forged', 'log#6 leaf_duplicated', 'log#7 leaf_duplicated'],
    },
    {
      name: 'a reel without its start',
      store: new ExampleStore(archive, exampleLog(leaves.slice(1))),
      finds: ['forged', 'log#0 reel_start_missing'],
    },
    {
      name: 'a leaf that is none',
      store: new ExampleStore(archive, exampleLog([...leaves, Buffer.from(`${leafText(leaves[0]!)} `)])),
      finds: ['forged', 'log#6 leaf_invalid'],
    },
    {
      name: 'the checkpoint rolled back by one step',
      store: edited((store) => store.replace(head, remembered(4))),
      // A vault that stops between signing and publishing leaves the same.
      finds: ['gap', `${head} checkpoint_pending`, `${head} quorum_missing`],
    },
    {
      name: 'the checkpoint rolled back',
      store: edited((store) => store.replace(head, remembered(2))),
      finds: ['forged', `${head} checkpoint_rolled_back`, `${head} quorum_missing`],
    },
    {
      name: 'the checkpoint rolled back with its copies',
      store: edited((store) => {
        store.replace(head, remembered(2));
        for (const size of [4, 6]) store.objects.delete(checkpointKeyOf(size));
      }),
      finds: [
        'gap',
        `${head} quorum_missing`,
        'log/tile/0/000.p/4 log_ahead',
        ...[two, three, other].map(({ key }) => `${key} leaf_missing`),
      ],
    },
    {
      name: 'everything rolled back, under an auditor who remembers',
      store: new ExampleStore([one], exampleLog(leaves.slice(0, 2), { sizes: [0, 1, 2] })),
      options: { remembered: remembered(4) },
      finds: ['forged', `${head} checkpoint_rolled_back`],
    },
    {
      name: 'a fork, under an auditor who remembers',
      store: archiveStore(),
      options: { remembered: remembered(4, forked) },
      finds: ['forged', 'remembered checkpoint checkpoint_forked'],
    },
    {
      name: 'a fork, of which a copy was left',
      store: edited((store) => store.replace(checkpointKeyOf(4), remembered(4, forked))),
      finds: ['forged', `${checkpointKeyOf(4)} checkpoint_forked`],
    },
    {
      name: 'a checkpoint that is remembered by a stranger',
      store: archiveStore(),
      options: { remembered: exampleLog(leaves, { keys: 'forger log' }).checkpoint },
      finds: ['forged', 'remembered checkpoint checkpoint_signature'],
    },
    {
      name: 'a log of another key',
      store: new ExampleStore(archive, exampleLog(leaves, { keys: 'forger log' })),
      // Its copies fit the key that the archive names; nobody is asked to believe that one.
      finds: ['forged', `${head} checkpoint_signature`],
    },
    {
      name: 'a log of another key that calls the real one its own too',
      store: edited((store) => {
        const theirs = exampleLog(leaves, { keys: 'forger log', sizes });
        for (const [key, bytes] of theirs.objects) store.replace(key, bytes);
        store.replace('log/vkey', Buffer.from(`${formatVkey(log.key)}\n${formatVkey(theirs.key)}\n`));
        store.replace(head, log.checkpoint);
      }),
      // Its copies are of the very same tree, which the real checkpoint proves.
      finds: ['complete'],
    },
    {
      name: 'copies by a key that was rotated, and is known still',
      store: edited((store) => {
        const before = exampleLog(leaves, { keys: 'older key', sizes });
        for (const size of sizes.slice(0, -1))
          store.replace(checkpointKeyOf(size), before.objects.get(checkpointKeyOf(size))!);
        store.replace('log/vkey', Buffer.from(`${formatVkey(before.key)}\n${formatVkey(log.key)}\n`));
      }),
      finds: ['complete'],
    },
    {
      name: 'a copy by a key that nobody knows',
      store: edited((store) => {
        const before = exampleLog(leaves, { keys: 'older key', sizes });
        store.replace(checkpointKeyOf(4), before.objects.get(checkpointKeyOf(4))!);
      }),
      finds: ['forged', `${checkpointKeyOf(4)} checkpoint_signature`],
    },
    {
      name: 'no checkpoint at all',
      store: edited(({ objects }) => {
        for (const key of objects.keys()) if (key.startsWith('log/checkpoint')) objects.delete(key);
      }),
      finds: ['forged', `${head} log_missing`],
    },
    {
      name: 'no published checkpoint',
      store: edited(({ objects }) => objects.delete(head)),
      finds: ['forged', `${head} log_missing`],
    },
    {
      name: 'a copy of the checkpoint gone',
      store: edited(({ objects }) => objects.delete(checkpointKeyOf(6))),
      finds: ['forged', `${checkpointKeyOf(6)} checkpoint_missing`],
    },
    {
      name: 'no log',
      store: edited(({ objects }) => {
        for (const key of objects.keys()) if (key.startsWith('log/')) objects.delete(key);
      }),
      finds: ['forged', `${head} log_missing`],
    },
    {
      name: "the witness's cosignature removed",
      store: edited((store) =>
        store.replace(head, Buffer.from(log.checkpoint.toString().replace(/— witness.*\n/, ''))),
      ),
      finds: ['gap', `${head} quorum_missing`],
    },
    {
      name: 'a stranger below log/',
      store: edited((store) => store.put('log/tile/0/999.p/300', Buffer.from('x'))),
      finds: ['forged', 'log/tile/0/999.p/300 key_invalid'],
    },
    {
      name: 'a delete marker on an object',
      store: edited((store) => store.mark(two.key), true),
      finds: ['forged', `${two.key} delete_marker`],
    },
    {
      name: 'a delete marker on the checkpoint',
      store: edited((store) => store.mark(checkpointKeyOf(4)), true),
      finds: ['forged', `${checkpointKeyOf(4)} delete_marker`],
    },
    {
      name: 'a shadowed version',
      store: edited((store) => store.put(two.key, forger[1]!.object), true),
      finds: ['forged', `${two.key} version_shadowed`],
    },
    {
      name: 'a version other than the logged one',
      store: new ExampleStore(
        archive,
        exampleLog(
          versioned(leaves).map((leaf) =>
            leaf.kind === 'segment' && leaf.object === two.key ? { ...leaf, version: 'v0' } : leaf,
          ),
        ),
        { versions: true },
      ),
      finds: ['forged', `${two.key} version_shadowed`],
    },
  ])('with $name is found, and named', async ({ store, options, finds }) => {
    expect(named(await checked(store, options))).toEqual(finds);
  });

  it.each([
    { name: 'there', has: 'aa', finds: ['complete'] },
    { name: 'another', has: 'bb', finds: ['forged', `reel ${'ab'.repeat(16)} enrolment_changed`] },
    { name: 'gone', has: null, finds: ['forged', `reel ${'ab'.repeat(16)} enrolment_changed`] },
  ])('says of an enrolment that is $name what is so', async ({ has, finds }) => {
    const start = { ...leaves[0]!, reel: 'ab'.repeat(16), enrolment: 'aa'.repeat(32) } as Leaf;
    const store = new ExampleStore(archive, exampleLog([...leaves, start]));
    const enrolments = new Set(has === null ? [] : ['cc'.repeat(32), has.repeat(32)]);
    expect(named(await checked(store, { enrolments }))).toEqual(finds);
  });

  const promised = (until: number): Leaf[] =>
    leaves.map((leaf) =>
      leaf.kind === 'segment'
        ? ({ ...leaf, version: 'v1', retain_until: `${until}000000` } satisfies SegmentLeaf)
        : leaf,
    );
  it.each([
    { name: 'as promised', has: now + 1000, promised: now + 1000, finds: ['complete'] },
    { name: 'longer than promised', has: now + 10_000, promised: now + 1000, finds: ['complete'] },
    { name: 'promised and over', has: now - 10_000, promised: now - 1000, finds: ['complete'] },
    {
      name: 'shorter than promised',
      has: now + 1000,
      promised: now + 10_000,
      finds: ['forged', ...archive.map(({ key }) => `${key} retention_short`)],
    },
  ])('says of retention $name what is so', async ({ has, promised: until, finds }) => {
    const store = new ExampleStore(archive, exampleLog(promised(until)), {
      versions: true,
      retainUntil: has,
    });
    expect(named(await checked(store))).toEqual(finds);
  });

  it('says of an object whose retention is over that it is gone, not that it is forged', async () => {
    const store = new ExampleStore(archive, exampleLog(promised(now - 1)), { versions: true });
    store.objects.delete(three.key);
    expect(named(await checked(store))).toEqual(['gap', `${three.key} object_expired`]);
  });

  it('finds every changed byte of the log, and names what it is in', async () => {
    for (const key of log.objects.keys()) {
      const bytes = log.objects.get(key)!;
      if (key === 'log/vkey') continue;
      for (let at = 0; at < bytes.length; at += 1) {
        const verdict = await checked(edited((store) => tile(store, key, at)));
        // A cosignature of another name or key id is one that nobody knows.
        const isFound =
          verdict.verdict === 'forged' || verdict.findings.some(({ reason }) => reason === 'quorum_missing');
        const isNamed = verdict.findings.some(({ artefact }) => artefact === key);
        if (!(isFound && isNamed)) throw new Error(`${key} byte ${at}: ${JSON.stringify(verdict.findings)}`);
      }
    }
  });

  it('finds every tile that is missing, cut or doubled', async () => {
    for (const key of [...log.objects.keys()].filter((name) => name.startsWith('log/tile/'))) {
      const bytes = log.objects.get(key)!;
      const isNeeded = /\.p\/6$/.test(key);
      const gone = await checked(edited(({ objects }) => objects.delete(key)));
      expect([key, ...named(gone)]).toEqual(
        isNeeded ? [key, 'forged', `${key} tile_missing`] : [key, 'complete'],
      );
      for (const changed of [bytes.subarray(0, -1), bytes.subarray(0, 10), Buffer.concat([bytes, bytes])])
        expect(named(await checked(edited((store) => store.replace(key, changed))))).toContain(
          `${key} tile_damaged`,
        );
    }
  });

  describe('of a log of several tiles', () => {
    const many: Leaf[] = [
      ...leaves,
      ...Array.from({ length: 700 }, (_, i) => ({
        ...leaves[0]!,
        reel: i.toString(16).padStart(32, '0'),
      })),
    ];
    const large = exampleLog(many, { sizes: [0, 255, 256, 257, 512, 513, 706] });

    it('computes all of it again', async () => {
      const verdict = await checked(new ExampleStore(archive, large));
      expect([named(verdict), verdict.checked]).toEqual([
        ['complete'],
        { checkpoints: 8, tiles: 14, leaves: 706, objects: 4, versions: 0, retentions: 0 },
      ]);
    });

    it('names what was changed in any tile', async () => {
      for (const [key, bytes] of large.objects) {
        if (!key.startsWith('log/tile/')) continue;
        for (const at of [0, Math.floor(bytes.length / 2), bytes.length - 1]) {
          const store = new ExampleStore(archive, large);
          tile(store, key, at);
          const verdict = await checked(store);
          expect([key, at, verdict.verdict, verdict.findings.map(({ artefact }) => artefact)]).toEqual([
            key,
            at,
            'forged',
            expect.arrayContaining([key]),
          ]);
        }
      }
    });
  });

  it('knows a signer of none of its keys', () => {
    expect(exampleSigner('example log', 1).publicKey).toBe(Buffer.from(log.key.key).toString('hex'));
  });
});
