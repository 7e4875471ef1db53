export { bundleBytes, ENTRY_BYTES_MAX, parseBundle } from './bundle.ts';
export {
  type Checkpoint,
  type CheckpointOpening,
  type CheckpointReason,
  checkpointBody,
  openCheckpoint,
  parseCheckpoint,
  parseCheckpointBody,
} from './checkpoint.ts';
export { consistencyProof, verifyConsistency } from './consistency.ts';
export { cosignatureBytes, cosignatureTime, cosignedMessage, verifyCosignature } from './cosignature.ts';
export { rawPublicKey, signEd25519, verifyEd25519 } from './ed25519.ts';
export { emptyRoot, hashBytes, leafHash, nodeHash } from './hash.ts';
export { inclusionProof, verifyInclusion } from './inclusion.ts';
export { type LogHead, recoverLog } from './logRecovery.ts';
export {
  type Cosign,
  checkpointPath,
  type LogRetention,
  type LogSigner,
  type LogStorage,
  parseCheckpointPath,
  type UnwitnessedCheckpoint,
} from './logStorage.ts';
export { LogWriter, type LogWriterOptions, type Published, tileReader } from './logWriter.ts';
export {
  formatNote,
  NOTE_BYTES_MAX,
  NOTE_SIGNATURES_MAX,
  type NoteCheck,
  type NoteReason,
  type NoteSignature,
  parseNote,
  parseSignatureLines,
  type SignedNote,
  signatureLine,
  type VerifiedSignature,
  verifyNote,
} from './note.ts';
export type { Parsed } from './parsed.ts';
export {
  formatPolicy,
  NO_QUORUM,
  type Policy,
  type PolicyGroup,
  type PolicyLog,
  type PolicyWitness,
  parsePolicy,
} from './policy.ts';
export {
  type Cosigned,
  checkByPolicy,
  checkProofByPolicy,
  isQuorum,
  type PolicyCheck,
  type PolicyReason,
} from './policyCheck.ts';
export { consistencyRanges, inclusionRanges, type LeafRange, type Subtree, subtreesOf } from './ranges.ts';
export {
  parseTilePath,
  partialTiles,
  TILE_LEVEL_MAX,
  TILE_WIDTH,
  type TileName,
  tilePath,
  tileWidth,
} from './tilePath.ts';
export {
  consistencyProofFromTiles,
  inclusionProofFromTiles,
  leafHashFromTiles,
  rangeRootFromTiles,
  rootFromTiles,
  type TileReader,
} from './tileProofs.ts';
export { foldHashes, type Tile, TileTree } from './tileTree.ts';
export { TlogError, type TlogErrorCode } from './tlogError.ts';
export {
  formatTlogProof,
  PROOF_HASHES_MAX,
  parseTlogProof,
  proofHashes,
  type TlogProof,
} from './tlogProof.ts';
export { MerkleTree } from './tree.ts';
export {
  COSIGNATURE_V1,
  ED25519,
  formatVkey,
  isKeyName,
  keyIdOf,
  parseVkey,
  sameKey,
  type VerifierKey,
  verifierKey,
} from './vkey.ts';
export {
  addCheckpointBody,
  cosignedBy,
  WITNESS_ANSWER_BYTES_MAX,
  Witness,
  type WitnessAnswer,
  WitnessError,
  type WitnessOptions,
  type WitnessReason,
  type WitnessTransport,
  witnessReasons,
} from './witness.ts';
