import fc from 'fast-check';
import { inclusionProof, leafHash, MerkleTree, verifyInclusion } from './index.ts';
import { naivePath, naiveRoot } from './naiveTree.testing.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const leavesOf = (size: number) => Array.from({ length: size }, (_, i) => Buffer.from(`leaf ${i}`));
const flipped = (bytes: Uint8Array, at: number) => {
  const copy = Uint8Array.from(bytes);
  copy[at]! ^= 1;
  return copy;
};

describe('inclusionProof', () => {
  it('is PATH(m, D[n]) of RFC 6962 2.1.1 for every leaf of every tree to 40 leaves', () => {
    for (let size = 1; size <= 40; size++) {
      const leaves = leavesOf(size);
      const hashes = leaves.map(leafHash);
      for (let index = 0; index < size; index++) {
        expect(inclusionProof(hashes, index).map(hex)).toEqual(naivePath(index, leaves).map(hex));
      }
    }
  });

  it.each([{ index: -1 }, { index: 3 }, { index: 0.5 }, { index: Number.NaN }])(
    'refuses leaf $index of three',
    ({ index }) => {
      expect(() => inclusionProof(leavesOf(3).map(leafHash), index)).toThrow(RangeError);
    },
  );
});

describe('verifyInclusion', () => {
  const proven = (size: number, index: number) => {
    const leaves = leavesOf(size);
    const hashes = leaves.map(leafHash);
    return { leaf: hashes[index]!, proof: inclusionProof(hashes, index), root: naiveRoot(leaves) };
  };

  it('accepts every leaf of every tree to 70 leaves and no other place or size', () => {
    for (let size = 1; size <= 70; size++) {
      for (let index = 0; index < size; index++) {
        const { leaf, proof, root } = proven(size, index);
        expect(verifyInclusion(leaf, index, size, proof, root)).toBe(true);
        expect(verifyInclusion(leaf, index + 1, size, proof, root)).toBe(false);
        expect(verifyInclusion(leaf, index - 1, size, proof, root)).toBe(false);
      }
    }
  });

  it('refuses a changed, short or long proof, another leaf and another root', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 300 }), fc.nat(), fc.nat(), (size, anyIndex, anyBit) => {
        const index = anyIndex % size;
        const { leaf, proof, root } = proven(size, index);
        const at = anyBit % 32;
        const which = anyBit % proof.length;
        const changed = proof.map((sibling, i) => (i === which ? flipped(sibling, at) : sibling));
        expect([
          verifyInclusion(leaf, index, size, proof, root),
          verifyInclusion(leaf, index, size, changed, root),
          verifyInclusion(leaf, index, size, proof.slice(1), root),
          verifyInclusion(leaf, index, size, proof.slice(0, -1), root),
          verifyInclusion(leaf, index, size, [...proof, leaf], root),
          verifyInclusion(flipped(leaf, at), index, size, proof, root),
          verifyInclusion(leaf, index, size, proof, flipped(root, at)),
        ]).toEqual([true, false, false, false, false, false, false]);
      }),
    );
  });

  it('refuses every flipped bit of leaf, proof and root, around the widths of tiles', () => {
    for (const [size, index] of [
      [7, 6],
      [256, 255],
      [257, 256],
      [300, 17],
    ] as const) {
      const { leaf, proof, root } = proven(size, index);
      for (let bit = 0; bit < (proof.length + 2) * 256; bit += 1) {
        const parts = [leaf, root, ...proof].map((part) => Uint8Array.from(part));
        parts[bit >> 8]![(bit & 255) >> 3]! ^= 1 << (bit & 7);
        expect(verifyInclusion(parts[0]!, index, size, parts.slice(2), parts[1]!)).toBe(false);
      }
    }
  });

  it('never throws, whatever it is given', () => {
    const hash = fc.uint8Array({ maxLength: 33 });
    fc.assert(
      fc.property(hash, fc.double(), fc.double(), fc.array(hash), hash, (leaf, index, size, proof, root) => {
        expect(typeof verifyInclusion(leaf, index, size, proof, root)).toBe('boolean');
      }),
    );
  });

  it('is that of a tree grown leaf by leaf', () => {
    const tree = new MerkleTree();
    const hashes: Uint8Array[] = [];
    for (const leaf of leavesOf(1000)) {
      tree.push(leaf);
      hashes.push(leafHash(leaf));
    }
    expect(verifyInclusion(hashes[567]!, 567, 1000, inclusionProof(hashes, 567), tree.root())).toBe(true);
  });
});
