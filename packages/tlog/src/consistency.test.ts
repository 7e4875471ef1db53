import fc from 'fast-check';
import { consistencyProof, emptyRoot, leafHash, MerkleTree, verifyConsistency } from './index.ts';
import { naiveConsistency, naiveRoot } from './naiveTree.testing.ts';
import { hex, TestLog } from './testLog.testing.ts';

const leavesOf = (size: number) => Array.from({ length: size }, (_, i) => Buffer.from(`leaf ${i}`));

describe('consistencyProof', () => {
  it('is PROOF(m, D[n]) of RFC 6962 2.1.2 for every pair to 40 leaves, and is accepted', () => {
    for (let size = 1; size <= 40; size++) {
      const leaves = leavesOf(size);
      const hashes = leaves.map(leafHash);
      for (let older = 1; older <= size; older++) {
        const proof = consistencyProof(hashes, older);
        expect(proof.map(hex)).toEqual(older === size ? [] : naiveConsistency(older, leaves).map(hex));
        const [olderRoot, root] = [naiveRoot(leaves.slice(0, older)), naiveRoot(leaves)];
        expect(verifyConsistency(older, size, olderRoot, root, proof)).toBe(true);
      }
    }
  });

  it('has none from the empty tree', () => {
    expect(consistencyProof(leavesOf(3).map(leafHash), 0)).toEqual([]);
  });

  it.each([{ older: -1 }, { older: 4 }, { older: 0.5 }])(
    'refuses a tree of $older before one of three',
    ({ older }) => {
      expect(() => consistencyProof(leavesOf(3).map(leafHash), older)).toThrow(RangeError);
    },
  );
});

describe('verifyConsistency', () => {
  const roots: Uint8Array[] = [emptyRoot()];
  const tree = new MerkleTree();
  for (const leaf of leavesOf(70)) {
    tree.push(leaf);
    roots.push(tree.root());
  }
  const hashes = leavesOf(70).map(leafHash);

  it('accepts every pair to 70 leaves, and with no other sizes or roots', () => {
    for (let size = 1; size <= 70; size++) {
      for (let older = 0; older <= size; older++) {
        const proof = consistencyProof(hashes.slice(0, size), older);
        const [olderRoot, root] = [roots[older]!, roots[size]!];
        expect(verifyConsistency(older, size, olderRoot, root, proof)).toBe(true);
        if (older > 0 && older < size) {
          expect(verifyConsistency(older - 1, size, roots[older - 1]!, root, proof)).toBe(false);
          expect(verifyConsistency(older, size, roots[older - 1]!, root, proof)).toBe(false);
          expect(verifyConsistency(older, size, olderRoot, roots[size - 1]!, proof)).toBe(false);
          expect(verifyConsistency(older, size, olderRoot, root, proof.slice(1))).toBe(false);
          expect(verifyConsistency(older, size, olderRoot, root, [...proof, root])).toBe(false);
        }
      }
    }
  });

  it('refuses every flipped bit of proof and roots', () => {
    for (const [older, size] of [
      [1, 2],
      [3, 7],
      [4, 7],
      [6, 8],
      [33, 70],
      [64, 70],
    ] as const) {
      const proof = consistencyProof(hashes.slice(0, size), older);
      const parts = [roots[older]!, roots[size]!, ...proof];
      for (let bit = 0; bit < parts.length * 256; bit += 1) {
        const [olderRoot, root, ...changed] = parts.map((part) => Uint8Array.from(part));
        const all = [olderRoot!, root!, ...changed];
        all[bit >> 8]![(bit & 255) >> 3]! ^= 1 << (bit & 7);
        expect(verifyConsistency(older, size, olderRoot!, root!, changed)).toBe(false);
      }
    }
  });

  it.each([
    [42_000, 70_000],
    [65_535, 65_536],
    [65_536, 65_537],
    [65_537, 70_000],
    [255, 70_000],
    [256, 70_000],
  ])('accepts %d before %d', (older, size) => {
    const log = TestLog.of(size);
    const before = new MerkleTree();
    for (const hash of log.hashes.slice(0, older)) before.pushHash(hash);
    const proof = consistencyProof(log.hashes, older);
    expect(verifyConsistency(older, size, before.root(), log.tree.root(), proof)).toBe(true);
    expect(verifyConsistency(older + 1, size, before.root(), log.tree.root(), proof)).toBe(false);
  });

  it('is not misled by sizes next to powers of two that floating logarithms take for them', () => {
    const root = emptyRoot();
    expect(verifyConsistency(2 ** 52 + 1, 2 ** 53 - 1, root, root, [root])).toBe(false);
  });

  it('never throws, whatever it is given', () => {
    const hash = fc.uint8Array({ maxLength: 33 });
    fc.assert(
      fc.property(fc.double(), fc.double(), hash, hash, fc.array(hash), (older, size, a, b, proof) => {
        expect(typeof verifyConsistency(older, size, a, b, proof)).toBe('boolean');
      }),
    );
  });
});
