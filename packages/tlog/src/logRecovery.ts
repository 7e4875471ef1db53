/**
 * Finds where a log stands, from nothing but its storage: the newest checkpoint that was signed, the tree's right
 * edge, entries that were written and not yet signed. A start, and every step after a failure, begins here.
 */
import { parseBundle } from './bundle.ts';
import { type Checkpoint, checkpointBody, openCheckpoint } from './checkpoint.ts';
import { leafHash } from './hash.ts';
import { checkpointPath, type LogStorage, parseCheckpointPath } from './logStorage.ts';
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

/**
 * A dead writer may have signed a checkpoint, shown it to witnesses, and not published it: it holds all the same.
 * Its last bundle was written before it, so bundles tell which sizes to look for; listing all checkpoints would
 * take longer with every day. Only where none is published they are all listed: someone may have deleted it.
 */
async function newestSigned(
  storage: LogStorage,
  published: Checkpoint | null,
  keys: readonly VerifierKey[],
): Promise<Checkpoint | null> {
  if (published !== null) await assertSigned(storage, published, keys);
  const sizes = published === null ? await allSizes(storage) : await sizesBehind(storage, published.size);
  for (const size of sizes.sort((a, b) => b - a)) {
    const path = checkpointPath(size);
    const bytes = await storage.get(path);
    if (bytes === null) continue;
    const checkpoint = opened(path, bytes, keys);
    if (checkpoint.size === size) return checkpoint;
    throw new TlogError('LOG_DIVERGED', `${path} is of ${checkpoint.size} leaves`);
  }
  return published;
}

async function allSizes(storage: LogStorage): Promise<number[]> {
  const sizes: number[] = [];
  for await (const path of storage.list('checkpoints/')) {
    const size = parseCheckpointPath(path);
    if (size !== null) sizes.push(size);
  }
  return sizes;
}

/** Sizes beyond `size` at which a bundle ends. */
async function sizesBehind(storage: LogStorage, size: number): Promise<number[]> {
  const sizes: number[] = [];
  for (let index = Math.floor(size / TILE_WIDTH); ; index += 1) {
    const ends = (await bundleWidths(storage, index)).map((width) => index * TILE_WIDTH + width);
    if (ends.length === 0) return sizes;
    sizes.push(...ends.filter((end) => end > size));
  }
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
    const width = Math.max(0, ...(await bundleWidths(storage, index)));
    if (width <= known.length) return found;
    const path = tilePath({ level: 'entries', index, width });
    const entries = parseBundle(await present(storage, path), width);
    if (!entries.ok) throw new TlogError('TILE_DAMAGED', `${path}: ${entries.detail}`);
    if (known.some((entry, i) => Buffer.compare(entry, entries.value[i]!) !== 0))
      throw new TlogError('LOG_DIVERGED', `${path} begins with other entries than the tree has`);
    found.push(...entries.value.slice(known.length));
    known = [];
  }
}

async function bundleWidths(storage: LogStorage, index: number): Promise<number[]> {
  const widths: number[] = [];
  for await (const path of storage.list(tilePath({ level: 'entries', index, width: TILE_WIDTH }))) {
    const name = parseTilePath(path);
    if (name?.level === 'entries' && name.index === index) widths.push(name.width);
  }
  return widths;
}
