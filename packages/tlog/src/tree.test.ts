import fc from 'fast-check';
import { emptyRoot, leafHash, MerkleTree, nodeHash } from './index.ts';
import { naiveRoot } from './naiveTree.testing.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/**
 * The tree of Certificate Transparency's reference tests (RFC 6962 companions in C++, Go and Python share
 * it).
 */
const referenceLeaves = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
].map((text) => Buffer.from(text, 'hex'));

describe('MerkleTree', () => {
  it.each([
    { size: 0, root: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' },
    { size: 1, root: '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d' },
    { size: 2, root: 'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125' },
    { size: 3, root: 'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77' },
    { size: 4, root: 'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7' },
    { size: 5, root: '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4' },
    { size: 6, root: '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef' },
    { size: 7, root: 'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c' },
    { size: 8, root: '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328' },
  ])('has the reference root of $size leaves', ({ size, root }) => {
    const tree = new MerkleTree();
    for (const leaf of referenceLeaves.slice(0, size)) tree.push(leaf);
    expect({ size: tree.size, root: hex(tree.root()) }).toEqual({ size, root });
  });

  it('agrees with RFC 6962 2.1 written recursively, at every size to 130', () => {
    const tree = new MerkleTree();
    const leaves: Uint8Array[] = [];
    for (let size = 0; size <= 130; size++) {
      expect(hex(tree.root())).toBe(hex(naiveRoot(leaves)));
      const leaf = Buffer.from(`leaf ${size}`);
      leaves.push(leaf);
      tree.push(leaf);
    }
  });

  it('agrees with it for any leaves, pushed whole or as hashes', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.uint8Array({ maxLength: 40 }), fc.boolean())), (leaves) => {
        const tree = new MerkleTree();
        for (const [leaf, whole] of leaves) {
          if (whole) tree.push(leaf);
          else tree.pushHash(leafHash(leaf));
        }
        expect(hex(tree.root())).toBe(hex(naiveRoot(leaves.map(([leaf]) => leaf))));
      }),
    );
  });

  it('keeps nothing of a leaf that its owner writes over', () => {
    const tree = new MerkleTree();
    const leaf = Buffer.from('one');
    const given = leafHash(Buffer.from('two'));
    tree.push(leaf);
    tree.pushHash(given);
    const root = hex(tree.root());
    leaf.fill(0);
    given.fill(0);
    expect(hex(tree.root())).toBe(root);
  });

  it('starts anew after clear', () => {
    const tree = new MerkleTree();
    tree.push(Buffer.from('gone'));
    tree.clear();
    expect({ size: tree.size, root: hex(tree.root()) }).toEqual({ size: 0, root: hex(emptyRoot()) });
  });

  it('tells leaf from node: a node offered as leaf has another hash', () => {
    const left = leafHash(Buffer.from('a'));
    const right = leafHash(Buffer.from('b'));
    expect(hex(leafHash(Buffer.concat([left, right])))).not.toBe(hex(nodeHash(left, right)));
  });

  it('hashes leaves of any length alike, also after a long one', () => {
    for (const length of [0, 1, 100, 8191, 8192, 1_048_576, 5]) {
      const leaf = Buffer.alloc(length, 0x61);
      expect(hex(leafHash(leaf))).toBe(hex(naiveRoot([leaf])));
    }
  });
});
