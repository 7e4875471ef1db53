import {
  consistencyProof,
  consistencyProofFromTiles,
  foldHashes,
  inclusionProof,
  inclusionProofFromTiles,
  leafHash,
  leafHashFromTiles,
  MerkleTree,
  partialTiles,
  rootFromTiles,
  TileTree,
  tilePath,
  verifyConsistency,
  verifyInclusion,
} from './index.ts';
import { naiveRoot } from './naiveTree.testing.ts';
import { hex, TestLog } from './testLog.testing.ts';

const edges = [255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, 70_000];

describe('TileTree', () => {
  it('has the root of the plain tree at every size to 300, and so has its restored edge', () => {
    const tiles = new TileTree();
    const plain = new MerkleTree();
    const full = new Map<string, Uint8Array>();
    for (let size = 0; size <= 300; size += 1) {
      const partials = new Map(tiles.partials().map((tile) => [tilePath(tile), tile.bytes]));
      const restored = TileTree.fromEdge(size, (name) => partials.get(tilePath(name)) ?? new Uint8Array());
      const wanted = hex(plain.root());
      expect([tiles.size, hex(tiles.root()), hex(restored.root())]).toEqual([size, wanted, wanted]);
      const leaf = leafHash(Buffer.from(`leaf ${size}`));
      plain.pushHash(leaf);
      for (const tile of tiles.push(leaf)) full.set(tilePath(tile), tile.bytes);
    }
    expect([...full.keys()]).toEqual(['tile/0/000']);
  });

  it.each(edges)('of %d leaves: root, tiles and their hashes', (size) => {
    const log = TestLog.of(size);
    expect(hex(log.tree.root())).toBe(hex(naiveRoot(log.leaves)));
    const wanted = new Set(partialTiles(size).map(tilePath));
    for (let level = 0, hashes = size; hashes > 0; level += 1, hashes = Math.floor(hashes / 256)) {
      for (let index = 0; index < Math.floor(hashes / 256); index += 1) {
        wanted.add(tilePath({ level, index, width: 256 }));
        if (level === 0) wanted.add(tilePath({ level: 'entries', index, width: 256 }));
      }
    }
    expect([...log.files.keys()].sort()).toEqual([...wanted].sort());
    // tile/1/000 holds MTH(D[i*256 : (i+1)*256]).
    const above = log.files.get('tile/1/000') ?? log.files.get(`tile/1/000.p/${Math.floor(size / 256)}`);
    for (let i = 0; i < Math.min(256, Math.floor(size / 256)); i += 97) {
      const below = naiveRoot(log.leaves.slice(i * 256, (i + 1) * 256));
      expect(hex(above?.subarray(i * 32, i * 32 + 32) ?? new Uint8Array())).toBe(hex(below));
    }
  });

  it('goes on from a restored edge as if it had never stopped, also across full tiles', () => {
    for (const size of edges) {
      const log = TestLog.of(size);
      const restored = TileTree.fromEdge(size, (name) => log.files.get(tilePath(name))!);
      const copy = log.tree.clone();
      for (let i = 0; i < 300; i += 1) {
        const leaf = leafHash(Buffer.from(`more ${i}`));
        expect(restored.push(leaf)).toEqual(copy.push(leaf));
      }
      expect([restored.size, hex(restored.root())]).toEqual([size + 300, hex(copy.root())]);
      expect(log.tree.size).toBe(size);
    }
  });

  it.each([{ bytes: new Uint8Array(31) }, { bytes: new Uint8Array() }, { bytes: new Uint8Array(96) }])(
    'folds no $bytes.length bytes',
    ({ bytes }) => {
      expect(() => foldHashes(bytes)).toThrow(RangeError);
    },
  );

  it('restores nothing from a short tile', () => {
    expect(() => TileTree.fromEdge(3, () => new Uint8Array(64))).toThrow(RangeError);
  });
});

describe('proofs from tiles', () => {
  it('are those from leaf hashes, for every leaf and every older tree to 70 leaves', async () => {
    for (let size = 1; size <= 70; size += 1) {
      const log = TestLog.of(size);
      expect(hex(await rootFromTiles(size, log.read))).toBe(hex(log.tree.root()));
      for (let i = 0; i < size; i += 1) {
        const inclusion = await inclusionProofFromTiles(i, size, log.read);
        expect(inclusion.map(hex)).toEqual(inclusionProof(log.hashes, i).map(hex));
        const consistency = await consistencyProofFromTiles(i, size, log.read);
        expect(consistency.map(hex)).toEqual(consistencyProof(log.hashes, i).map(hex));
      }
    }
  });

  it.each(edges)('are accepted in a tree of %d leaves', async (size) => {
    const log = TestLog.of(size);
    const root = log.tree.root();
    expect(hex(await rootFromTiles(size, log.read))).toBe(hex(root));
    for (const at of [0, 1, 127, 254, 255, 256, 511, 65_534, 65_535, 65_536, size - 1]) {
      if (at >= size) continue;
      const proof = await inclusionProofFromTiles(at, size, log.read);
      expect(verifyInclusion(log.hashes[at]!, at, size, proof, root)).toBe(true);
      expect(hex(await leafHashFromTiles(at, size, log.read))).toBe(hex(log.hashes[at]!));
      if (at === 0) continue;
      const before = new MerkleTree();
      for (const hash of log.hashes.slice(0, at)) before.pushHash(hash);
      const consistency = await consistencyProofFromTiles(at, size, log.read);
      expect(verifyConsistency(at, size, before.root(), root, consistency)).toBe(true);
    }
  });

  it('of an older size are read from tiles that have grown since', async () => {
    const log = new TestLog(600);
    const older = new TestLog(300);
    // The partial tiles above the leaves stay for readers of the older checkpoint; below, full ones stand for them.
    log.files.set('tile/1/000.p/1', older.files.get('tile/1/000.p/1')!);
    const proof = await inclusionProofFromTiles(299, 300, log.read);
    expect(verifyInclusion(log.hashes[299]!, 299, 300, proof, older.tree.root())).toBe(true);
  });

  it('fail on any flipped bit of a tile they read, and on a short one', async () => {
    const log = new TestLog(700);
    const root = log.tree.root();
    for (const path of ['tile/0/000', 'tile/0/002.p/188', 'tile/1/000.p/2']) {
      const tile = log.files.get(path)!;
      // Its path reads every hash of the tile: as itself, or within a sibling.
      const leaf = path === 'tile/0/000' ? 3 : 600;
      for (let bit = 0; bit < tile.length * 8; bit += 61) {
        const changed = Uint8Array.from(tile);
        changed[bit >> 3]! ^= 1 << (bit & 7);
        log.files.set(path, changed);
        const hash = await leafHashFromTiles(leaf, 700, log.read);
        const proof = await inclusionProofFromTiles(leaf, 700, log.read);
        expect(verifyInclusion(hash, leaf, 700, proof, root)).toBe(false);
      }
      log.files.set(path, tile.subarray(0, tile.length - 1));
      await expect(inclusionProofFromTiles(leaf, 700, log.read)).rejects.toMatchObject({
        code: 'TILE_DAMAGED',
      });
      log.files.set(path, tile);
    }
  });
});
