export { emptyRoot, hashBytes, leafHash, nodeHash } from './hash.ts';
export { inclusionProof, verifyInclusion } from './inclusion.ts';
export { MerkleTree } from './tree.ts';
