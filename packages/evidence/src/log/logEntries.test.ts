import { leafHash, parseCheckpoint, verifyInclusion } from '@pgtape/tlog';
import { EvidenceError } from '../evidenceError.ts';
import { exampleLeaves, exampleLog } from '../exampleLog.ts';
import { exampleArchive } from '../exampleReel.ts';
import type { Leaf } from '../leaf.ts';
import { ExampleStore } from './exampleReads.testing.ts';
import { provenEntries } from './logEntries.ts';

const archive = exampleArchive();
const leaves = exampleLeaves(archive);
const many: Leaf[] = [
  ...Array.from({ length: 600 }, (_, i) => ({ ...leaves[0]!, reel: i.toString(16).padStart(32, '0') })),
  ...leaves,
];
const log = exampleLog(many, { sizes: [0, 300, 606] });
const parsed = parseCheckpoint(log.checkpoint);
if (!parsed.ok) throw new Error(parsed.detail);
const { size, root } = parsed.value.checkpoint;
const byObject = (leaf: Leaf): string | null => (leaf.kind === 'segment' ? leaf.object : null);

describe('provenEntries', () => {
  it('finds what is wanted, and proves it', async () => {
    const found = await provenEntries(new ExampleStore(archive, log), size, root, byObject);
    expect([...found.keys()]).toEqual(archive.map(({ key }) => key));
    for (const { entry, index, hashes } of found.values())
      expect(verifyInclusion(leafHash(entry), index, size, hashes, root)).toBe(true);
  });

  it.each([
    { name: 'a missing bundle', key: 'log/tile/entries/001', change: null },
    { name: 'a missing tile', key: 'log/tile/1/000.p/2', change: null },
    {
      name: 'a cut bundle',
      key: 'log/tile/entries/001',
      change: (bytes: Uint8Array) => bytes.subarray(0, -1),
    },
    {
      name: 'a changed tile',
      key: 'log/tile/1/000.p/2',
      change: (bytes: Uint8Array) => bytes.map((byte) => byte ^ 1),
    },
  ])('refuses $name', async ({ key, change }) => {
    const store = new ExampleStore(archive, log);
    const bytes = await store.get(key);
    store.objects.delete(key);
    if (change !== null) store.put(key, change(bytes));
    await expect(provenEntries(store, size, root, byObject)).rejects.toThrow(EvidenceError);
  });
});
