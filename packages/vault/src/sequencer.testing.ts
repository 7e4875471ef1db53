/** Owns a log over a disk for tests, with a fixed key, and the check of everything in it. */
import { createPrivateKey } from 'node:crypto';
import { type Leaf, parseLeaf } from '@pgtape/evidence';
import { type Disk, fileStore } from '@pgtape/store';
import {
  ED25519,
  type LogSigner,
  type LogStorage,
  LogWriter,
  MerkleTree,
  openCheckpoint,
  parseCheckpointPath,
  rawPublicKey,
  rootFromTiles,
  signEd25519,
  tileReader,
  verifierKey,
} from '@pgtape/tlog';
import type { Archive } from './archive.ts';
import { entriesOf } from './logEntries.ts';
import { logStore } from './logStore.ts';
import { SegmentLog } from './segmentLog.ts';
import { Sequencer } from './sequencer.ts';
import { SequencerJournal } from './sequencerJournal.ts';

const testOrigin = 'log.example';
const secret = createPrivateKey({
  key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, 7)]),
  format: 'der',
  type: 'pkcs8',
});
const testSigner: LogSigner = {
  vkey: verifierKey(testOrigin, ED25519, rawPublicKey(secret)),
  sign: async (bytes) => signEd25519(secret, bytes),
};

export interface TestSequencer {
  readonly sequencer: Sequencer;
  readonly storage: LogStorage;
  readonly failures: string[];
  segmentLog(archive: Archive): SegmentLog;
}

/** A new process's: the log in `root`, its journal in `root/.sequencer`. */
export function sequencerOn(
  disk: Disk,
  root: string,
  more: { readonly pendingMax?: number } = {},
): TestSequencer {
  const storage = logStore({ store: fileStore(root, disk), retainUntil: () => null });
  const writer = new LogWriter({
    origin: testOrigin,
    storage,
    signers: [testSigner],
    formerKeys: [],
    cosign: async () => [],
  });
  const failures: string[] = [];
  const sequencer = new Sequencer({
    journal: new SequencerJournal(`${root}/.sequencer`, disk),
    storage,
    writer,
    pendingMax: more.pendingMax ?? 1000,
    events: { published: () => undefined, failed: (error) => void failures.push(error.message) },
  });
  const segmentLog = (archive: Archive): SegmentLog =>
    new SegmentLog({
      archive,
      sequencer,
      enrolmentOf: () => null,
      wallUs: () => 1_795_000_000_000_000,
      unreadable: (error) => void failures.push(error.message),
    });
  return { sequencer, storage, failures, segmentLog };
}

/** A segment's leaf as `reel/number`, a start's as `reel`. */
export function nameOf(leaf: Leaf): string {
  return leaf.kind === 'segment' ? `${leaf.reel}/${leaf.segment}` : leaf.reel;
}

/** The published log's leaves by name, and what is wrong with it: root, tiles, order, a leaf twice. */
export async function publishedLog(storage: LogStorage): Promise<{ leaves: string[]; wrong: string[] }> {
  const wrong: string[] = [];
  const leaves: string[] = [];
  const latest = await storage.latestCheckpoint();
  if (latest === null) return { leaves, wrong: ['no checkpoint'] };
  const opening = openCheckpoint(latest, [testSigner.vkey]);
  if (!opening.ok) return { leaves, wrong: [`checkpoint: ${opening.reason}`] };
  const { size, root } = opening.checkpoint;
  const roots = new Map([[size, root]]);
  for await (const path of storage.list('checkpoints/')) {
    const signed = openCheckpoint((await storage.get(path)) ?? new Uint8Array(), [testSigner.vkey]);
    if (!signed.ok) wrong.push(`${path}: ${signed.reason}`);
    else if (signed.checkpoint.size !== parseCheckpointPath(path)) wrong.push(`${path}: another size`);
    else if (signed.checkpoint.size <= size) roots.set(signed.checkpoint.size, signed.checkpoint.root);
  }
  const tree = new MerkleTree();
  const check = (): void => {
    const signed = roots.get(tree.size);
    if (signed !== undefined && Buffer.compare(signed, tree.root()) !== 0) wrong.push(`root at ${tree.size}`);
  };
  check();
  for await (const { entry, index } of entriesOf(storage, size)) {
    tree.push(entry);
    check();
    const leaf = parseLeaf(entry);
    if (typeof leaf === 'string') wrong.push(`leaf ${index}: ${leaf}`);
    else {
      if (leaf.kind === 'segment' && !leaves.includes(leaf.reel))
        wrong.push(`leaf ${index}: before its reel's start`);
      leaves.push(nameOf(leaf));
    }
  }
  if (size > 0 && Buffer.compare(await rootFromTiles(size, tileReader(storage)), root) !== 0)
    wrong.push('tiles');
  if (new Set(leaves).size !== leaves.length) wrong.push(`a leaf twice: ${leaves}`);
  return { leaves, wrong };
}
