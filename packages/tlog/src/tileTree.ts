/**
 * The tree as tiles (C2SP tlog-tiles): takes leaf hashes, hands out full tiles as they fill, knows the right
 * edge. Refuses to know where tiles lie.
 */
import { emptyRoot, hashBytes, nodeHash } from './hash.ts';
import { subtreesOf } from './ranges.ts';
import { partialTiles, TILE_WIDTH, type TileName } from './tilePath.ts';

/** A tile of hashes and its bytes: `width` hashes of 32 bytes. */
export interface Tile {
  readonly level: number;
  readonly index: number;
  readonly width: number;
  readonly bytes: Uint8Array;
}

/** Root of the full subtree over 2^k hashes that lie one after the other. @throws RangeError otherwise */
export function foldHashes(hashes: Uint8Array): Uint8Array {
  let row: Uint8Array[] = [];
  for (let at = 0; at < hashes.length; at += hashBytes) row.push(hashes.subarray(at, at + hashBytes));
  while (row.length > 1) {
    if (row.length % 2 === 1) throw new RangeError(`no full subtree over ${hashes.length} bytes of hashes`);
    const above: Uint8Array[] = [];
    for (let i = 0; i < row.length; i += 2) above.push(nodeHash(row[i]!, row[i + 1]!));
    row = above;
  }
  const [root] = row;
  if (root?.length !== hashBytes) throw new RangeError('no hashes');
  return root;
}

/** Grows by leaf hashes; keeps at most 255 hashes of each level. */
export class TileTree {
  /** By level, the hashes of its partial tile. */
  readonly #edge: Uint8Array[][] = [];
  #size = 0;

  /**
   * A tree of `size` leaves from the bytes of its partial tiles, as `partialTiles` names them, bundle left out.
   * @throws RangeError when a tile does not have its width
   */
  static fromEdge(size: number, bytesOf: (tile: TileName) => Uint8Array): TileTree {
    const tree = new TileTree();
    tree.#size = size;
    for (const tile of partialTiles(size)) {
      if (tile.level === 'entries') continue;
      const bytes = bytesOf(tile);
      if (bytes.length < tile.width * hashBytes)
        throw new RangeError(`tile ${tile.level}/${tile.index} has ${bytes.length} bytes`);
      const row = tree.#row(tile.level);
      for (let i = 0; i < tile.width; i += 1)
        row.push(Uint8Array.from(bytes.subarray(i * hashBytes, (i + 1) * hashBytes)));
    }
    return tree;
  }

  /** Leaves so far. */
  get size(): number {
    return this.#size;
  }

  /** A copy that grows by itself. */
  clone(): TileTree {
    const copy = new TileTree();
    copy.#size = this.#size;
    for (const row of this.#edge) copy.#edge.push([...row]);
    return copy;
  }

  /** Appends a leaf; the full tiles it completes, from the lowest level upwards. */
  push(leaf: Uint8Array): Tile[] {
    if (leaf.length !== hashBytes) throw new RangeError(`a hash of ${leaf.length} bytes`);
    const full: Tile[] = [];
    let hash = leaf;
    this.#size += 1;
    for (let level = 0; ; level += 1) {
      const row = this.#row(level);
      row.push(hash);
      if (row.length < TILE_WIDTH) return full;
      const bytes = Buffer.concat(row);
      const index = Math.floor(this.#size / TILE_WIDTH ** (level + 1)) - 1;
      full.push({ level, index, width: TILE_WIDTH, bytes });
      row.length = 0;
      hash = foldHashes(bytes);
    }
  }

  /** The partial tiles of the tree as it is, from the lowest level upwards. */
  partials(): Tile[] {
    return partialTiles(this.#size).flatMap(({ level, index, width }) =>
      level === 'entries' ? [] : [{ level, index, width, bytes: Buffer.concat(this.#row(level)) }],
    );
  }

  root(): Uint8Array {
    // Levels upwards are subtrees leftwards; within a level the widths fall from left to right.
    const full: Uint8Array[] = [];
    for (let level = this.#edge.length - 1; level >= 0; level -= 1) {
      const row = this.#row(level);
      for (const { height, index } of subtreesOf({ from: 0, to: row.length })) {
        const from = index * 2 ** height;
        full.push(foldHashes(Buffer.concat(row.slice(from, from + 2 ** height))));
      }
    }
    return full.length === 0 ? emptyRoot() : full.reduceRight((right, left) => nodeHash(left, right));
  }

  #row(level: number): Uint8Array[] {
    while (this.#edge.length <= level) this.#edge.push([]);
    return this.#edge[level]!;
  }
}
