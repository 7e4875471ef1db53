/** Finds entries of the log and proves them, from its tiles. Checks each proof before it hands it out, and nothing else of the log. */
import {
  inclusionProofFromTiles,
  leafHash,
  parseBundle,
  parseTilePath,
  TILE_WIDTH,
  type TileName,
  tilePath,
  tileWidth,
  verifyInclusion,
} from '@pgtape/tlog';
import type { LoggedEntry } from '../bundle/makeBundle.ts';
import { EvidenceError } from '../evidenceError.ts';
import { type Leaf, parseLeaf } from '../leaf.ts';
import { type LogReads, logPaths } from './logReads.ts';

/**
 * Entries of the tree of `size` leaves and `root` that `isWanted`, by what `isWanted` calls them; null: not wanted.
 * @throws EvidenceError `LOG_DAMAGED` where a tile is missing or does not lead to the root; rejects as `reads`
 */
export async function provenEntries(
  reads: LogReads,
  size: number,
  root: Uint8Array,
  isWanted: (leaf: Leaf) => string | null,
): Promise<Map<string, LoggedEntry>> {
  const tiles = await LogTiles.list(reads, size);
  const found = new Map<string, LoggedEntry>();
  for (let first = 0; first < size; first += TILE_WIDTH) {
    const index = first / TILE_WIDTH;
    const entries = parseBundle(await tiles.read('entries', index), tileWidth(size, 'entries', index));
    if (!entries.ok) throw new EvidenceError('LOG_DAMAGED', `bundle ${index} of the log: ${entries.detail}`);
    for (const [i, entry] of entries.value.entries()) {
      const leaf = parseLeaf(entry);
      const name = typeof leaf === 'string' ? null : isWanted(leaf);
      if (name !== null) found.set(name, { entry: Uint8Array.from(entry), index: first + i, hashes: [] });
    }
  }
  for (const [name, { entry, index }] of found) {
    const hashes = await inclusionProofFromTiles(index, size, (tile) => tiles.read(tile.level, tile.index));
    if (!verifyInclusion(leafHash(entry), index, size, hashes, root))
      throw new EvidenceError('LOG_DAMAGED', `the tiles do not prove leaf ${index} of the log`);
    found.set(name, { entry, index, hashes });
  }
  return found;
}

/** The tiles of one size; a wider one stands for a partial one that is gone. */
class LogTiles {
  readonly #reads: LogReads;
  readonly #size: number;
  readonly #stored: ReadonlyMap<string, readonly number[]>;
  readonly #kept = new Map<string, Promise<Uint8Array>>();

  private constructor(reads: LogReads, size: number, stored: ReadonlyMap<string, readonly number[]>) {
    this.#reads = reads;
    this.#size = size;
    this.#stored = stored;
  }

  static async list(reads: LogReads, size: number): Promise<LogTiles> {
    const stored = new Map<string, number[]>();
    for await (const { key } of reads.list(`${logPaths.prefix}tile/`)) {
      const tile = parseTilePath(key.slice(logPaths.prefix.length));
      if (tile === null) continue;
      const name = `${tile.level}/${tile.index}`;
      stored.set(
        name,
        [...(stored.get(name) ?? []), tile.width].sort((a, b) => a - b),
      );
    }
    return new LogTiles(reads, size, stored);
  }

  async read(level: TileName['level'], index: number): Promise<Uint8Array> {
    const width = tileWidth(this.#size, level, index);
    const wide = this.#stored.get(`${level}/${index}`)?.find((one) => one >= width);
    const key = `${logPaths.prefix}${tilePath({ level, index, width: wide ?? width })}`;
    if (wide === undefined) throw new EvidenceError('LOG_DAMAGED', `${key} is missing`);
    // Bundles are read once, tiles of hashes for every proof.
    if (level === 'entries') return await this.#reads.get(key);
    const kept = this.#kept.get(key) ?? this.#reads.get(key);
    this.#kept.set(key, kept);
    return await kept;
  }
}
