import { inclusionProof, leafHash } from '@pgtape/tlog';
import { SegmentTree } from './lineProofs.ts';

describe('SegmentTree', () => {
  it('proves every leaf of trees up to 70 leaves as RFC 6962 says', () => {
    for (let size = 1; size <= 70; size++) {
      const lines = Array.from({ length: size }, (_, i) => Buffer.from(`line ${i}`));
      const leaves = lines.map(leafHash);
      const tree = SegmentTree.ofLines(lines);
      for (let index = 0; index < size; index++)
        expect([tree.leaf(index), tree.proof(index)]).toEqual([leaves[index], inclusionProof(leaves, index)]);
    }
  });
});
