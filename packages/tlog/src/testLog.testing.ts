/** Owns a log in memory made the plain way: its leaves, its tiles by path, keys and signed checkpoints, for tests. */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import {
  bundleBytes,
  COSIGNATURE_V1,
  checkpointBody,
  cosignatureBytes,
  cosignedMessage,
  ED25519,
  formatNote,
  leafHash,
  type NoteSignature,
  rawPublicKey,
  signEd25519,
  TILE_WIDTH,
  type TileName,
  type TileReader,
  TileTree,
  tilePath,
  type VerifierKey,
  verifierKey,
} from './index.ts';

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
export const bytesOf = (text: string): Uint8Array => Buffer.from(text);

export interface TestKey {
  readonly verifier: VerifierKey;
  readonly secret: KeyObject;
}

const pkcs8 = Buffer.from('302e020100300506032b657004220420', 'hex');

/** The key pair whose seed is 32 times `seed`. */
export function testKey(name: string, seed: number, type: number = ED25519): TestKey {
  const key = Buffer.concat([pkcs8, Buffer.alloc(32, seed)]);
  const secret = createPrivateKey({ key, format: 'der', type: 'pkcs8' });
  return { secret, verifier: verifierKey(name, type, rawPublicKey(secret)) };
}

export function sign({ verifier, secret }: TestKey, text: string, time = 1_700_000_000): NoteSignature {
  const { name, id, type } = verifier;
  if (type !== COSIGNATURE_V1) return { name, id, signature: signEd25519(secret, bytesOf(text)) };
  const signature = cosignatureBytes(time, signEd25519(secret, cosignedMessage(text, time)));
  return { name, id, signature };
}

export function signedCheckpoint(
  size: number,
  root: Uint8Array,
  origin: string,
  keys: readonly TestKey[],
): Uint8Array {
  const text = checkpointBody({ origin, size, root, extensions: [] });
  return bytesOf(formatNote({ text, signatures: keys.map((key) => sign(key, text)) }));
}

const shared = new Map<number, TestLog>();

/** `size` leaves as the full and partial tiles and bundles that a log of that size has. */
export class TestLog {
  readonly leaves: Uint8Array[];
  readonly hashes: Uint8Array[];
  readonly files = new Map<string, Uint8Array>();
  readonly tree = new TileTree();

  constructor(size: number) {
    this.leaves = Array.from({ length: size }, (_, i) => bytesOf(`leaf ${i}`));
    this.hashes = this.leaves.map(leafHash);
    for (const hash of this.hashes)
      for (const tile of this.tree.push(hash)) this.files.set(tilePath(tile), tile.bytes);
    for (const tile of this.tree.partials()) this.files.set(tilePath(tile), tile.bytes);
    for (let from = 0; from < size; from += TILE_WIDTH) {
      const entries = this.leaves.slice(from, from + TILE_WIDTH);
      const name: TileName = { level: 'entries', index: from / TILE_WIDTH, width: entries.length };
      this.files.set(tilePath(name), bundleBytes(entries));
    }
  }

  /** One that nobody changes, made once. */
  static of(size: number): TestLog {
    const log = shared.get(size) ?? new TestLog(size);
    shared.set(size, log);
    return log;
  }

  readonly read: TileReader = async (tile) => {
    const path = tilePath(tile);
    const bytes = this.files.get(path) ?? this.files.get(tilePath({ ...tile, width: TILE_WIDTH }));
    if (bytes === undefined) throw new Error(`no ${path}`);
    return bytes;
  };
}
