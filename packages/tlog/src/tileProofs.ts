/**
 * Hashes and proofs from tiles, read through a function. A proof made from tiles proves nothing before it is
 * verified: whoever has the root finds a changed tile so.
 */
import { hashBytes, nodeHash } from './hash.ts';
import { consistencyRanges, inclusionRanges, type LeafRange, type Subtree, subtreesOf } from './ranges.ts';
import { TILE_WIDTH, type TileName, tileWidth } from './tilePath.ts';
import { foldHashes } from './tileTree.ts';
import { TlogError } from './tlogError.ts';

/**
 * Bytes of a tile of hashes, at least `width` of them: the full tile may stand for a partial one. Rejects when
 * it cannot be had; the rejection is handed on.
 */
export type TileReader = (tile: TileName & { readonly level: number }) => Promise<Uint8Array>;

const heightsPerTile = 8;

/** Root over a range of leaves of a tree of `size`. Rejects with TlogError `TILE_DAMAGED`, or as the reader. */
export async function rangeRootFromTiles(
  range: LeafRange,
  size: number,
  read: TileReader,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for (const subtree of subtreesOf(range)) parts.push(await subtreeRoot(subtree, size, read));
  if (parts.length === 0) throw new RangeError('an empty range');
  return parts.reduceRight((right, left) => nodeHash(left, right));
}

/** The first `size` leaves' root as their tiles have it. Rejects as `rangeRootFromTiles`; `size` is positive. */
export async function rootFromTiles(size: number, read: TileReader): Promise<Uint8Array> {
  return await rangeRootFromTiles({ from: 0, to: size }, size, read);
}

/** PATH of leaf `index` in the tree of `size`. Rejects as `rangeRootFromTiles`, RangeError for no leaf. */
export async function inclusionProofFromTiles(
  index: number,
  size: number,
  read: TileReader,
): Promise<Uint8Array[]> {
  return await rangeRoots(inclusionRanges(index, size), size, read);
}

/** PROOF from the tree of `older` to that of `size`. Rejects as `rangeRootFromTiles`. */
export async function consistencyProofFromTiles(
  older: number,
  size: number,
  read: TileReader,
): Promise<Uint8Array[]> {
  return await rangeRoots(consistencyRanges(older, size), size, read);
}

/** Hash of leaf `index` as its tile has it. */
export async function leafHashFromTiles(index: number, size: number, read: TileReader): Promise<Uint8Array> {
  return await subtreeRoot({ height: 0, index }, size, read);
}

async function rangeRoots(
  ranges: readonly LeafRange[],
  size: number,
  read: TileReader,
): Promise<Uint8Array[]> {
  const kept = new Map<string, Promise<Uint8Array>>();
  const readOnce: TileReader = (tile) => {
    const key = `${tile.level}/${tile.index}`;
    const known = kept.get(key) ?? read(tile);
    kept.set(key, known);
    return known;
  };
  const roots: Uint8Array[] = [];
  for (const range of ranges) roots.push(await rangeRootFromTiles(range, size, readOnce));
  return roots;
}

/** A full subtree lies within one tile: 2^r hashes of level `height / 8`, folded r times. */
async function subtreeRoot({ height, index }: Subtree, size: number, read: TileReader): Promise<Uint8Array> {
  const level = Math.floor(height / heightsPerTile);
  const hashes = 2 ** (height % heightsPerTile);
  const first = index * hashes;
  const tile = Math.floor(first / TILE_WIDTH);
  const width = tileWidth(size, level, tile);
  const bytes = await read({ level, index: tile, width });
  if (bytes.length < width * hashBytes || bytes.length % hashBytes !== 0)
    throw new TlogError('TILE_DAMAGED', `tile ${level}/${tile} of width ${width} has ${bytes.length} bytes`);
  const from = (first % TILE_WIDTH) * hashBytes;
  return foldHashes(bytes.subarray(from, from + hashes * hashBytes));
}
