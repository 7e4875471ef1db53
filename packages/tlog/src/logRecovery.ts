/**
 * Finds where a log stands, from nothing but its storage: the newest checkpoint that was signed, the tree's right
 * edge, entries that were written and not yet signed. A start, and every step after a failure, begins here.
 */
import { parseBundle } from './bundle.ts';
import { type Checkpoint, checkpointBody, openCheckpoint } from './checkpoint.ts';
import { leafHash } from './hash.ts';
import {
  checkpointPath,
  checkpointPrefixesAfter,
  type LogStorage,
  parseCheckpointPath,
} from './logStorage.ts';
import { parseTilePath, partialTiles, TILE_WIDTH, type TileName, tilePath } from './tilePath.ts';
import { TileTree } from './tileTree.ts';
import { TlogError } from './tlogError.ts';
import type { VerifierKey } from './vkey.ts';

/** A log as it stands. */
export interface LogHead {
  /** All leaves a checkpoint was signed for. */
  readonly tree: TileTree;
  /** Entries of the partial bundle, at most 255. */
  readonly edge: readonly Uint8Array[];
  /** What `checkpoint` holds. */
  readonly published: { readonly bytes: Uint8Array; readonly size: number } | null;
  /** Entries behind the tree that lie in the storage already: they take the next indexes, in this order. */
  readonly unsigned: readonly Uint8Array[];
}

/**
 * Rejects with TlogError `LOG_KEY` (signed by no key of `keys`), `LOG_DIVERGED`, `TILE_DAMAGED`, or as the
 * storage.
 */
export async function recoverLog(storage: LogStorage, keys: readonly VerifierKey[]): Promise<LogHead> {
  const bytes = await storage.latestCheckpoint();
  const last = bytes === null ? null : opened('checkpoint', bytes, keys);
  const published = bytes === null || last === null ? null : { bytes, size: last.size };
  const signed = await newestSigned(storage, last, keys);
  if (signed === null)
    return { ...(await edgeOf(storage, 0)), published, unsigned: await unsignedOf(storage, 0, []) };
  const { tree, edge } = await edgeOf(storage, signed.size);
  if (Buffer.compare(tree.root(), signed.root) !== 0)
    throw new TlogError(
      'TILE_DAMAGED',
      `the tiles at ${signed.size} leaves do not have the root that was signed`,
    );
  return { tree, edge, published, unsigned: await unsignedOf(storage, signed.size, edge) };
}

function opened(path: string, bytes: Uint8Array, keys: readonly VerifierKey[]): Checkpoint {
  const opening = openCheckpoint(bytes, keys);
  if (opening.ok) return opening.checkpoint;
  const code = opening.reason === 'malformed' ? 'LOG_DIVERGED' : 'LOG_KEY';
  throw new TlogError(code, `${path}: ${opening.reason} ${opening.detail}`);
}

/** A dead writer may have signed a checkpoint, shown it to witnesses, and not published it: it holds all the same. */
async function newestSigned(
  storage: LogStorage,
  published: Checkpoint | null,
  keys: readonly VerifierKey[],
): Promise<Checkpoint | null> {
  let newest = published;
  const prefixes = published === null ? ['checkpoints/'] : checkpointPrefixesAfter(published.size);
  for (const prefix of prefixes) {
    for await (const path of storage.list(prefix)) {
      const size = parseCheckpointPath(path);
      if (size === null || size < (newest?.size ?? 0)) continue;
      const checkpoint = opened(path, await present(storage, path), keys);
      if (checkpoint.size !== size)
        throw new TlogError('LOG_DIVERGED', `${path} is of ${checkpoint.size} leaves`);
      newest = checkpoint;
    }
  }
  if (published !== null) await assertSigned(storage, published, keys);
  return newest;
}

/** What is published is one of the signed ones, for they are written first. */
async function assertSigned(
  storage: LogStorage,
  published: Checkpoint,
  keys: readonly VerifierKey[],
): Promise<void> {
  const path = checkpointPath(published.size);
  const signed = opened(path, await present(storage, path), keys);
  if (checkpointBody(signed) !== checkpointBody(published))
    throw new TlogError(
      'LOG_DIVERGED',
      `checkpoint and ${path} are of two trees of ${published.size} leaves`,
    );
}

async function edgeOf(storage: LogStorage, size: number): Promise<{ tree: TileTree; edge: Uint8Array[] }> {
  const read = new Map<string, Uint8Array>();
  for (const name of partialTiles(size)) read.set(tilePath(name), await tileBytes(storage, name));
  const tree = TileTree.fromEdge(size, (name) => read.get(tilePath(name)) ?? new Uint8Array());
  const bundle = partialTiles(size).find(({ level }) => level === 'entries');
  if (bundle === undefined) return { tree, edge: [] };
  const entries = parseBundle(read.get(tilePath(bundle)) ?? new Uint8Array(), bundle.width);
  if (!entries.ok) throw new TlogError('TILE_DAMAGED', `${tilePath(bundle)}: ${entries.detail}`);
  const hashes = Buffer.concat(entries.value.map(leafHash));
  const leaves = read.get(tilePath({ ...bundle, level: 0 })) ?? new Uint8Array();
  if (Buffer.compare(hashes, leaves.subarray(0, hashes.length)) !== 0)
    throw new TlogError('TILE_DAMAGED', `${tilePath(bundle)} has other leaves than its tile`);
  return { tree, edge: entries.value };
}

/** A partial tile may be gone once the full one is there. */
async function tileBytes(storage: LogStorage, name: TileName): Promise<Uint8Array> {
  const partial = await storage.get(tilePath(name));
  return partial ?? (await present(storage, tilePath({ ...name, width: TILE_WIDTH })));
}

async function present(storage: LogStorage, path: string): Promise<Uint8Array> {
  const bytes = await storage.get(path);
  if (bytes === null) throw new TlogError('TILE_DAMAGED', `${path} is missing`);
  return bytes;
}

/**
 * Bundles are written first of all, so a writer that died left some behind the tree. What they hold must come
 * next, for nothing is overwritten.
 */
async function unsignedOf(
  storage: LogStorage,
  size: number,
  edge: readonly Uint8Array[],
): Promise<Uint8Array[]> {
  const found: Uint8Array[] = [];
  let known = edge;
  for (let index = Math.floor(size / TILE_WIDTH); ; index += 1) {
    const widest = await widestBundle(storage, index);
    if (widest === null || widest.width <= known.length) return found;
    const path = tilePath(widest);
    const entries = parseBundle(await present(storage, path), widest.width);
    if (!entries.ok) throw new TlogError('TILE_DAMAGED', `${path}: ${entries.detail}`);
    if (known.some((entry, i) => Buffer.compare(entry, entries.value[i]!) !== 0))
      throw new TlogError('LOG_DIVERGED', `${path} begins with other entries than the tree has`);
    found.push(...entries.value.slice(known.length));
    known = [];
  }
}

async function widestBundle(storage: LogStorage, index: number): Promise<TileName | null> {
  let widest: TileName | null = null;
  for await (const path of storage.list(tilePath({ level: 'entries', index, width: TILE_WIDTH }))) {
    const name = parseTilePath(path);
    if (name?.level === 'entries' && name.index === index && name.width > (widest?.width ?? 0)) widest = name;
  }
  return widest;
}
