/**
 * Small transparency logs with known keys over given leaves, as a vault's sequencer would have left them in the archive:
 * for tests here, in the command line and in e2e. Nothing in it is evidence, for its private keys are public.
 */
import {
  bundleBytes,
  type Checkpoint,
  COSIGNATURE_V1,
  checkpointBody,
  cosignatureBytes,
  cosignedMessage,
  ED25519,
  formatNote,
  formatVkey,
  inclusionProof,
  leafHash,
  partialTiles,
  TILE_WIDTH,
  TileTree,
  tilePath,
  type VerifierKey,
  verifierKey,
} from '@pgtape/tlog';
import { checkSegment } from './checkSegment.ts';
import { type ExampleSegment, exampleSigner } from './exampleReel.ts';
import { type Leaf, leafText, objectDigest, reelStartLeaf, segmentLeaf } from './leaf.ts';
import { checkpointKeyOf, logPaths } from './log/logReads.ts';
import { joinLines } from './segmentObject.ts';

export interface ExampleLog {
  /** Everything below `log/`, by key. */
  readonly objects: ReadonlyMap<string, Uint8Array>;
  readonly checkpoint: Uint8Array;
  readonly leaves: readonly Uint8Array[];
  readonly key: VerifierKey;
  readonly witness: VerifierKey;
  /** Names the log, and the witness as its quorum. */
  readonly policy: Uint8Array;
  /** Inclusion proof in the last checkpoint. */
  proof(index: number): Uint8Array[];
}

export interface ExampleLogPlan {
  /** Sizes at which a checkpoint was written; the last is the number of leaves. */
  readonly sizes?: readonly number[];
  /** Names another family of keys. */
  readonly keys?: string;
  readonly origin?: string;
  /** POSIX seconds of the witness's cosignature. */
  readonly cosignedAt?: number;
}

/** Leaves for reels of segments, reel by reel: each its start and then its segments. */
export function exampleLeaves(segments: readonly ExampleSegment[]): Leaf[] {
  const at = '1795212001000000000';
  return segments.flatMap(({ lines, object }) => {
    const check = checkSegment(joinLines(lines));
    if (!check.ok) throw new Error(check.reason);
    const stored = { sha256: objectDigest(object), version: '', retainUntil: null, at };
    const start = check.header.segment === 1 ? [reelStartLeaf(check, null, at)] : [];
    return [...start, segmentLeaf(check, stored)];
  });
}

/** The log's files after the last of `plan.sizes`, with what earlier sizes left behind. */
export function exampleLog(leaves: readonly (Leaf | Uint8Array)[], plan: ExampleLogPlan = {}): ExampleLog {
  const { sizes = [leaves.length], keys = 'example log', origin = 'example.org/log' } = plan;
  const signer = exampleSigner(keys, 1);
  const witnessSigner = exampleSigner(keys, 2);
  const key = verifierKey(origin, ED25519, Buffer.from(signer.publicKey, 'hex'));
  const witness = verifierKey(
    'witness.example.org',
    COSIGNATURE_V1,
    Buffer.from(witnessSigner.publicKey, 'hex'),
  );
  const entries = leaves.map((leaf) => (leaf instanceof Uint8Array ? leaf : Buffer.from(leafText(leaf))));
  const objects = new Map<string, Uint8Array>();
  const tree = new TileTree();
  /** The copies are stored before the witness is asked. */
  const signed = (checkpoint: Checkpoint, isWitnessed: boolean): Uint8Array => {
    const text = checkpointBody(checkpoint);
    const time = plan.cosignedAt ?? 1_795_212_010;
    const cosignature = witnessSigner.sign(cosignedMessage(text, time));
    const signatures = [
      { name: key.name, id: key.id, signature: signer.sign(Buffer.from(text)) },
      { name: witness.name, id: witness.id, signature: cosignatureBytes(time, cosignature) },
    ].slice(0, isWitnessed ? 2 : 1);
    return Buffer.from(formatNote({ text, signatures }));
  };
  let checkpoint: Uint8Array = Buffer.alloc(0);
  for (const size of sizes) {
    while (tree.size < size) {
      for (const tile of tree.push(leafHash(entries[tree.size]!)))
        objects.set(`log/${tilePath(tile)}`, tile.bytes);
      if (tree.size % TILE_WIDTH !== 0) continue;
      const index = tree.size / TILE_WIDTH - 1;
      const full = entries.slice(index * TILE_WIDTH, tree.size);
      objects.set(`log/${tilePath({ level: 'entries', index, width: TILE_WIDTH })}`, bundleBytes(full));
    }
    for (const tile of tree.partials()) objects.set(`log/${tilePath(tile)}`, tile.bytes);
    for (const name of partialTiles(size)) {
      if (name.level !== 'entries') continue;
      objects.set(`log/${tilePath(name)}`, bundleBytes(entries.slice(name.index * TILE_WIDTH, size)));
    }
    const body = { origin, size, root: tree.root(), extensions: [] };
    checkpoint = signed(body, true);
    objects.set(checkpointKeyOf(size), signed(body, false));
  }
  objects.set(logPaths.checkpoint, checkpoint);
  objects.set(logPaths.vkey, Buffer.from(`${formatVkey(key)}\n`));
  const policy = Buffer.from(`log ${formatVkey(key)}\nwitness w ${formatVkey(witness)}\nquorum w\n`);
  const hashes = entries.map(leafHash);
  return {
    objects,
    checkpoint,
    leaves: entries,
    key,
    witness,
    policy,
    proof: (index) => inclusionProof(hashes.slice(0, sizes.at(-1)), index),
  };
}
