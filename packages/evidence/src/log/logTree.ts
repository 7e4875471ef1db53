/**
 * Computes a log again from its entries: every bundle, every tile, the root at every checkpoint. Knows nothing of what
 * entries say.
 */
import {
  hashBytes,
  leafHash,
  MerkleTree,
  parseBundle,
  parseTilePath,
  TILE_WIDTH,
  type Tile,
  type TileName,
  TileTree,
  tilePath,
  tileWidth,
} from '@pgtape/tlog';
import type { Findings } from '../findings.ts';
import type { SignedCheckpoint } from './logCheckpoints.ts';
import { checkpointSizeOf, type LogReads, logPaths } from './logReads.ts';

/** A log's entry, with its index; null: it could not be read, or not be told from another. */
export type OnEntry = (index: number, entry: Uint8Array | null) => void;

export interface TreeCheck {
  /** Tiles and bundles read. */
  readonly tiles: number;
  /** Checkpoints whose root came out. */
  readonly checkpoints: number;
  /** Nothing is missing or damaged, and every root came out. */
  readonly isSound: boolean;
}

const keyOf = (tile: TileName): string => `${logPaths.prefix}${tilePath(tile)}`;
const isSame = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** Reads the whole log of `head` and calls `onEntry` for each entry, in order. Rejects as `reads` does. */
export async function checkTree(
  reads: LogReads,
  head: SignedCheckpoint,
  all: readonly SignedCheckpoint[],
  findings: Findings,
  onEntry: OnEntry,
): Promise<TreeCheck> {
  const check = new TreeComputation(reads, head, all, findings, onEntry);
  return await check.run();
}

/** A bundle and a tile of leaf hashes that contradict each other: the root says which of them is right. */
interface Contradiction {
  readonly bundle: string;
  readonly tile: string;
}

class TreeComputation {
  readonly #reads: LogReads;
  readonly #size: number;
  readonly #head: SignedCheckpoint;
  /** Rising; those before `#met` were met. */
  readonly #all: readonly SignedCheckpoint[];
  #met = 0;
  readonly #findings: Findings;
  readonly #onEntry: OnEntry;
  /** Stored widths by `<level>/<index>`. */
  readonly #stored = new Map<string, number[]>();
  readonly #roots = new MerkleTree();
  readonly #tree = new TileTree();
  /** The tree as the tiles of leaf hashes have it, from the first place on where a bundle says otherwise. */
  #other: TileTree | null = null;
  readonly #contradictions: Contradiction[] = [];
  #tiles = 0;
  #isSound = true;

  constructor(
    reads: LogReads,
    head: SignedCheckpoint,
    all: readonly SignedCheckpoint[],
    findings: Findings,
    onEntry: OnEntry,
  ) {
    this.#reads = reads;
    this.#head = head;
    this.#size = head.checkpoint.size;
    this.#all = all;
    this.#findings = findings;
    this.#onEntry = onEntry;
  }

  async run(): Promise<TreeCheck> {
    await this.#list();
    this.#meet();
    for (let index = 0; index * TILE_WIDTH < this.#size; index += 1) {
      if (!(await this.#bundle(index))) return this.#result();
    }
    for (const tile of this.#tree.partials()) if (tile.level > 0) await this.#expect(tile, null);
    this.#judgeContradictions();
    return this.#result();
  }

  #result(): TreeCheck {
    return { tiles: this.#tiles, checkpoints: this.#met, isSound: this.#isSound };
  }

  #forged(artefact: string, reason: string, detail: string): void {
    this.#isSound = false;
    this.#findings.add('forged', artefact, reason, detail);
  }

  /** What lies below `log/`, and whether anything does that has no place there. */
  async #list(): Promise<void> {
    let ahead: string | null = null;
    for await (const { key } of this.#reads.list(logPaths.prefix)) {
      if (key === logPaths.checkpoint || key === logPaths.vkey) continue;
      if (checkpointSizeOf(key) !== null) continue;
      const tile = parseTilePath(key.slice(logPaths.prefix.length));
      if (tile === null) {
        this.#forged(key, 'key_invalid', 'no log has such an object');
        continue;
      }
      const name = `${tile.level}/${tile.index}`;
      this.#stored.set(
        name,
        [...(this.#stored.get(name) ?? []), tile.width].sort((a, b) => a - b),
      );
      if (tile.width > tileWidth(this.#size, tile.level, tile.index)) ahead ??= key;
    }
    if (ahead === null) return;
    const detail = `goes beyond the ${this.#size} leaves of the checkpoint: being written, or the checkpoint was rolled back`;
    this.#findings.add('open', ahead, 'log_ahead', detail);
  }

  /** The stored tile that has `width` hashes or entries; null, with a finding, when there is none. */
  async #read(level: TileName['level'], index: number, width: number): Promise<Uint8Array | null> {
    const wide = this.#stored.get(`${level}/${index}`)?.find((stored) => stored >= width);
    if (wide !== undefined) return await this.#get({ level, index, width: wide });
    this.#forged(keyOf({ level, index, width }), 'tile_missing', `of a log of ${this.#size} leaves`);
    return null;
  }

  async #get(tile: TileName): Promise<Uint8Array> {
    this.#tiles += 1;
    return await this.#reads.get(keyOf(tile));
  }

  /** Up to 256 leaves; false when neither the bundle nor the tile of their hashes can be read. */
  async #bundle(index: number): Promise<boolean> {
    const width = tileWidth(this.#size, 'entries', index);
    const [bundle, tile] = await Promise.all([
      this.#read('entries', index, width),
      this.#read(0, index, width),
    ]);
    const entries = bundle === null ? null : await this.#entries(index, width, bundle);
    const hashes = tile === null ? null : await this.#hashes(index, width, tile);
    if (entries === null && hashes === null) {
      this.#forged(
        this.#head.key,
        'root_unknown',
        `from leaf ${index * TILE_WIDTH} on nothing can be computed again`,
      );
      return false;
    }
    const computed = entries?.map(leafHash) ?? null;
    const isContradicted =
      computed !== null && hashes !== null && !computed.every((hash, i) => isSame(hash, hashes[i]!));
    if (isContradicted) {
      this.#contradictions.push({
        bundle: keyOf({ level: 'entries', index, width: this.#wide('entries', index, width) }),
        tile: keyOf({ level: 0, index, width: this.#wide(0, index, width) }),
      });
      this.#other ??= this.#tree.clone();
    }
    for (let i = 0; i < width; i += 1) {
      const isKnown = entries !== null && (hashes === null || isSame(computed![i]!, hashes[i]!));
      this.#onEntry(index * TILE_WIDTH + i, isKnown ? entries[i]! : null);
      await this.#grow(computed?.[i] ?? hashes![i]!, hashes?.[i] ?? computed![i]!);
    }
    return true;
  }

  #wide(level: TileName['level'], index: number, width: number): number {
    return this.#stored.get(`${level}/${index}`)?.find((stored) => stored >= width) ?? width;
  }

  /** Entries of a bundle, with all narrower ones that are still stored. */
  async #entries(index: number, width: number, bytes: Uint8Array): Promise<Uint8Array[] | null> {
    const wide = this.#wide('entries', index, width);
    const parsed = parseBundle(bytes, wide);
    const exact = parsed.ok
      ? parsed.value.reduce((sum, { length }) => sum + 2 + length, 0) === bytes.length
      : false;
    if (!parsed.ok || !exact) {
      const detail = parsed.ok ? 'more than its entries' : parsed.detail;
      this.#forged(keyOf({ level: 'entries', index, width: wide }), 'tile_damaged', detail);
      return null;
    }
    await this.#narrower('entries', index, wide, (stored) =>
      bytes.subarray(
        0,
        parsed.value.slice(0, stored).reduce((sum, { length }) => sum + 2 + length, 0),
      ),
    );
    return parsed.value.slice(0, width);
  }

  async #hashes(index: number, width: number, bytes: Uint8Array): Promise<Uint8Array[] | null> {
    const wide = this.#wide(0, index, width);
    if (bytes.length !== wide * hashBytes) {
      this.#forged(keyOf({ level: 0, index, width: wide }), 'tile_damaged', `${bytes.length} bytes`);
      return null;
    }
    await this.#narrower(0, index, wide, (stored) => bytes.subarray(0, stored * hashBytes));
    return Array.from({ length: width }, (_, i) => bytes.subarray(i * hashBytes, (i + 1) * hashBytes));
  }

  /** Other stored widths of the tile: each begins as the one that was read, or goes on from it. */
  async #narrower(
    level: TileName['level'],
    index: number,
    read: number,
    begin: (width: number) => Uint8Array,
  ): Promise<void> {
    for (const stored of this.#stored.get(`${level}/${index}`) ?? []) {
      if (stored === read) continue;
      const bytes = await this.#get({ level, index, width: stored });
      const want = begin(Math.min(stored, read));
      const got = stored > read ? bytes.subarray(0, want.length) : bytes;
      if (!isSame(got, want))
        this.#forged(
          keyOf({ level, index, width: stored }),
          'tile_damaged',
          `does not fit to the one of ${read}`,
        );
    }
  }

  async #grow(leaf: Uint8Array, otherLeaf: Uint8Array): Promise<void> {
    this.#roots.pushHash(leaf);
    const full = this.#tree.push(leaf);
    const others = this.#other?.push(otherLeaf) ?? [];
    for (const tile of full) {
      if (tile.level === 0) continue;
      await this.#expect(tile, others.find(({ level }) => level === tile.level) ?? null);
    }
    this.#meet();
  }

  /** A tile of inner hashes that is known by now must be stored as it is, or as the other tree has it. */
  async #expect(tile: Tile, other: Tile | null): Promise<void> {
    const { level, index, width } = tile;
    const bytes = await this.#read(level, index, width);
    if (bytes === null) return;
    const wide = this.#wide(level, index, width);
    const other0 = other ?? this.#other?.partials().find((one) => one.level === level && one.index === index);
    const begin = bytes.subarray(0, width * hashBytes);
    const fits = isSame(begin, tile.bytes) || (other0 !== undefined && isSame(begin, other0.bytes));
    if (bytes.length !== wide * hashBytes || !fits)
      this.#forged(keyOf({ level, index, width: wide }), 'tile_damaged', 'not the hashes of the tiles below');
    else await this.#narrower(level, index, wide, (stored) => bytes.subarray(0, stored * hashBytes));
  }

  /** Checkpoints of the size the tree has now. */
  #meet(): void {
    for (;;) {
      const next = this.#all[this.#met];
      if (next === undefined || next.checkpoint.size > this.#tree.size) return;
      this.#met += 1;
      const root = next.checkpoint.root;
      const isOurs =
        isSame(root, this.#roots.root()) || (this.#other !== null && isSame(root, this.#other.root()));
      if (!isOurs)
        this.#forged(
          next.key,
          'checkpoint_forked',
          `the log's first ${next.checkpoint.size} leaves have another root`,
        );
    }
  }

  #judgeContradictions(): void {
    const isBundlesTree = isSame(this.#roots.root(), this.#head.checkpoint.root);
    const isTilesTree = this.#other !== null && isSame(this.#other.root(), this.#head.checkpoint.root);
    for (const { bundle, tile } of this.#contradictions) {
      if (!isBundlesTree) this.#forged(bundle, 'tile_damaged', `${tile} has other hashes`);
      if (!isTilesTree) this.#forged(tile, 'tile_damaged', `${bundle} has other entries`);
    }
  }
}
