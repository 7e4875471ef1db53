/**
 * The transparency log of an archive as a stranger sees it: checkpoints remembered while it grows, and, at the end, whether the log still
 * has each of them as a beginning, every leaf once, and every segment a leaf.
 */
import { parseLeaf } from '@pgtape/evidence';
import { type Store, StoreError } from '@pgtape/store';
import {
  MerkleTree,
  openCheckpoint,
  parseBundle,
  parseVkey,
  TILE_WIDTH,
  tilePath,
  tileWidth,
} from '@pgtape/tlog';

async function read(store: Store, key: string): Promise<Uint8Array | null> {
  try {
    return await store.get(key);
  } catch (error) {
    if (error instanceof StoreError && error.code === 'STORE_NOT_FOUND') return null;
    throw error;
  }
}

export class LogWatcher {
  readonly #store: Store;
  /** Root in hex by size, as they were published when somebody looked. */
  readonly #seen = new Map<number, string>();
  readonly #wrong: string[] = [];

  constructor(store: Store) {
    this.#store = store;
  }

  /** Looks at the newest checkpoint; a store that is away is looked at later. */
  async look(): Promise<void> {
    try {
      const bytes = await this.#store.getLatest('log/checkpoint');
      if (bytes !== null) await this.#remember('log/checkpoint', bytes);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
    }
  }

  /** @returns what is wrong with the log; how many checkpoints and leaves were held against it */
  async check(): Promise<{ wrong: readonly string[]; checkpoints: number; leaves: number }> {
    const newest = await this.#store.getLatest('log/checkpoint');
    if (newest === null) return { wrong: ['there is no checkpoint'], checkpoints: 0, leaves: 0 };
    const size = await this.#remember('log/checkpoint', newest);
    for await (const { key } of this.#store.list('log/checkpoints/')) {
      await this.#remember(key, await this.#store.get(key));
    }
    const tree = new MerkleTree();
    const logged = new Set<string>();
    this.#hold(tree);
    for (let bundle = 0; bundle * TILE_WIDTH < size; bundle += 1) {
      for (const entry of await this.#entries(size, bundle)) {
        tree.push(entry);
        this.#hold(tree);
        const leaf = parseLeaf(entry);
        if (typeof leaf === 'string') this.#wrong.push(`leaf ${tree.size - 1}: ${leaf}`);
        else if (leaf.kind !== 'segment') continue;
        else if (logged.has(leaf.object)) this.#wrong.push(`${leaf.object} is there twice`);
        else logged.add(leaf.object);
      }
    }
    for (const sizeSeen of this.#seen.keys()) {
      if (sizeSeen > size)
        this.#wrong.push(`a checkpoint of ${sizeSeen} leaves was seen, the log has ${size}`);
    }
    for await (const { key } of this.#store.list('reel/')) {
      if (!logged.has(key)) this.#wrong.push(`${key} has no leaf`);
      logged.delete(key);
    }
    for (const key of logged) this.#wrong.push(`${key} is gone`);
    return { wrong: this.#wrong, checkpoints: this.#seen.size, leaves: tree.size };
  }

  async #remember(key: string, bytes: Uint8Array): Promise<number> {
    const told = await read(this.#store, 'log/vkey');
    const vkey = parseVkey(
      Buffer.from(told ?? [])
        .toString()
        .trim(),
    );
    const opening = openCheckpoint(bytes, vkey.ok ? [vkey.value] : []);
    if (!opening.ok) {
      this.#wrong.push(`${key}: ${opening.reason}`);
      return 0;
    }
    const { size, root } = opening.checkpoint;
    const hex = Buffer.from(root).toString('hex');
    const before = this.#seen.get(size);
    if (before !== undefined && before !== hex) this.#wrong.push(`${key}: two roots at ${size}`);
    this.#seen.set(size, hex);
    return size;
  }

  /** Whatever was published at this size is the root of what is there now. */
  #hold(tree: MerkleTree): void {
    const seen = this.#seen.get(tree.size);
    if (seen !== undefined && seen !== Buffer.from(tree.root()).toString('hex')) {
      this.#wrong.push(`the log is no continuation of the checkpoint at ${tree.size}`);
    }
  }

  async #entries(size: number, bundle: number): Promise<readonly Uint8Array[]> {
    const width = tileWidth(size, 'entries', bundle);
    const path = (at: number): string => `log/${tilePath({ level: 'entries', index: bundle, width: at })}`;
    const bytes = (await read(this.#store, path(width))) ?? (await read(this.#store, path(TILE_WIDTH)));
    const parsed = bytes === null ? null : parseBundle(bytes, width);
    if (parsed?.ok === true) return parsed.value;
    this.#wrong.push(`${path(width)}: ${parsed?.detail ?? 'is missing'}`);
    return [];
  }
}
