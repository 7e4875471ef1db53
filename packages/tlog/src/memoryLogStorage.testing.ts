/** Owns a log's storage in memory that fails and dies on demand, and the check of a whole log in it. */
import {
  checkpointBody,
  type LogRetention,
  type LogStorage,
  leafHash,
  MerkleTree,
  openCheckpoint,
  parseBundle,
  parseCheckpointPath,
  parseTilePath,
  rootFromTiles,
  TILE_WIDTH,
  tilePath,
  tileReader,
  tileWidth,
  type VerifierKey,
} from './index.ts';
import { hex } from './testLog.testing.ts';

/** What goes wrong with one call; `killed_*`: the writer dies there, every later call is rejected. */
export type StorageFault = 'none' | 'failed' | 'failed_yet_persisted' | 'killed_before' | 'killed_after';

export class MemoryLogStorage implements LogStorage {
  readonly files = new Map<string, Uint8Array>();
  readonly retention = new Map<string, LogRetention>();
  readonly calls: string[] = [];
  killed = false;
  /** Asked once per call, counted from 0. */
  fault: (call: number) => StorageFault = () => 'none';
  /** Told after each call, whatever came of it. */
  after: () => void = () => undefined;

  putOnce(path: string, bytes: Uint8Array, retention: LogRetention): Promise<'stored' | 'exists'> {
    return this.#call(`put ${path}`, () => {
      if (this.files.has(path)) return 'exists';
      this.files.set(path, Uint8Array.from(bytes));
      this.retention.set(path, retention);
      return 'stored';
    });
  }

  get(path: string): Promise<Uint8Array | null> {
    return this.#call(`get ${path}`, () => this.files.get(path) ?? null);
  }

  async *list(prefix: string): AsyncIterable<string> {
    const found = await this.#call(`list ${prefix}`, () =>
      [...this.files.keys()].filter((path) => path.startsWith(prefix)).sort(),
    );
    yield* found;
  }

  latestCheckpoint(): Promise<Uint8Array | null> {
    return this.#call('get checkpoint', () => this.files.get('checkpoint') ?? null);
  }

  swapCheckpoint(bytes: Uint8Array, expected: Uint8Array | null): Promise<boolean> {
    return this.#call('swap checkpoint', () => {
      const found = this.files.get('checkpoint') ?? null;
      const same = found === null || expected === null ? found === expected : hex(found) === hex(expected);
      if (same) this.files.set('checkpoint', Uint8Array.from(bytes));
      return same;
    });
  }

  /** A new process: nothing fails any more. */
  reopened(): MemoryLogStorage {
    const next = new MemoryLogStorage();
    for (const [path, bytes] of this.files) next.files.set(path, bytes);
    return next;
  }

  async #call<T>(name: string, run: () => T): Promise<T> {
    await Promise.resolve();
    if (this.killed) throw new Error(`${name}: killed`);
    const fault = this.fault(this.calls.length);
    this.calls.push(name);
    const answer =
      fault === 'none' || fault === 'failed_yet_persisted' || fault === 'killed_after' ? run() : undefined;
    if (fault === 'killed_before' || fault === 'killed_after') this.killed = true;
    this.after();
    if (fault !== 'none') throw new Error(`${name}: ${fault}`);
    return answer as T;
  }
}

/**
 * What is wrong with a log: every checkpoint that was signed must be of one growing tree, whose tiles and bundles
 * are all there, and the published one must be one of them. `entries`: what it may hold, in order.
 */
export async function violationsOf(
  storage: MemoryLogStorage,
  keys: readonly VerifierKey[],
  entries: readonly Uint8Array[],
): Promise<string[]> {
  const found: string[] = [];
  const quiet = storage.reopened();
  const sizes = [...quiet.files.keys()]
    .flatMap((path) => parseCheckpointPath(path) ?? [])
    .sort((a, b) => a - b);
  const tree = new MerkleTree();
  for (const size of sizes) {
    const path = `checkpoints/${String(size).padStart(12, '0')}`;
    const opening = openCheckpoint(quiet.files.get(path) ?? new Uint8Array(), keys);
    if (!opening.ok) {
      found.push(`${path}: ${opening.reason}`);
      continue;
    }
    while (tree.size < size) tree.push(entries[tree.size] ?? new Uint8Array());
    if (hex(tree.root()) !== hex(opening.checkpoint.root)) found.push(`${path}: is of another tree`);
    if (size > 0) {
      const root = await rootFromTiles(size, tileReader(quiet)).catch((error: Error) =>
        Buffer.from(error.message),
      );
      if (hex(root) !== hex(tree.root())) found.push(`${path}: its tiles are of another tree, or missing`);
    }
  }
  const published = quiet.files.get('checkpoint');
  if (published !== undefined) {
    const opening = openCheckpoint(published, keys);
    const signed = opening.ok
      ? openCheckpoint(
          quiet.files.get(`checkpoints/${String(opening.checkpoint.size).padStart(12, '0')}`)!,
          keys,
        )
      : opening;
    if (!opening.ok || !signed.ok) found.push('checkpoint: not signed, or not one of checkpoints/');
    else if (checkpointBody(opening.checkpoint) !== checkpointBody(signed.checkpoint))
      found.push('checkpoint: another than in checkpoints/');
  }
  found.push(...bundleViolations(quiet, sizes.at(-1) ?? 0, entries));
  return found;
}

function bundleViolations(storage: MemoryLogStorage, size: number, entries: readonly Uint8Array[]): string[] {
  const found: string[] = [];
  for (let index = 0; index * TILE_WIDTH < size; index += 1) {
    const width = tileWidth(size, 'entries', index);
    const path = tilePath({ level: 'entries', index, width });
    const bytes =
      storage.files.get(path) ?? storage.files.get(tilePath({ level: 'entries', index, width: 256 }));
    const bundle = parseBundle(bytes ?? new Uint8Array(), width);
    const wanted = entries.slice(index * TILE_WIDTH, index * TILE_WIDTH + width);
    if (!bundle.ok) found.push(`${path}: ${bundle.detail}`);
    else if (bundle.value.some((entry, i) => hex(leafHash(entry)) !== hex(leafHash(wanted[i]!))))
      found.push(`${path}: other entries`);
  }
  for (const path of storage.files.keys()) {
    if (!path.startsWith('checkpoint') && parseTilePath(path) === null) found.push(`${path}: is no tile`);
  }
  return found;
}
