/**
 * Owns the order in which a log grows: bundles, tiles from below, the signed checkpoint, witnesses, and last the
 * swap that publishes it. Whatever stops it in between, what was published stands, and `recoverLog` finds the
 * rest. One writer at a time; it refuses to decide which entries come, or when.
 */
import { bundleBytes } from './bundle.ts';
import { checkpointBody } from './checkpoint.ts';
import { leafHash } from './hash.ts';
import { type LogHead, recoverLog } from './logRecovery.ts';
import { type Cosign, checkpointPath, type LogSigner, type LogStorage } from './logStorage.ts';
import { formatNote, type NoteSignature, parseNote } from './note.ts';
import { TILE_WIDTH, type TileName, tilePath } from './tilePath.ts';
import { consistencyProofFromTiles, type TileReader } from './tileProofs.ts';
import type { Tile, TileTree } from './tileTree.ts';
import { TlogError } from './tlogError.ts';
import type { VerifierKey } from './vkey.ts';

export interface LogWriterOptions {
  readonly origin: string;
  readonly storage: LogStorage;
  /** At least one; each signs every checkpoint. */
  readonly signers: readonly LogSigner[];
  /** Keys that signed earlier checkpoints and sign no more. */
  readonly formerKeys: readonly VerifierKey[];
  readonly cosign: Cosign;
}

export interface Published {
  readonly size: number;
  readonly root: Uint8Array;
}

/** Storage calls at once: object stores answer in tens of milliseconds, and a long batch has many bundles. */
const callsAtOnce = 8;

export class LogWriter {
  readonly #options: LogWriterOptions;
  readonly #keys: readonly VerifierKey[];
  /** Null: unknown, to be recovered. */
  #head: LogHead | null = null;
  #fenced: TlogError | null = null;

  constructor(options: LogWriterOptions) {
    this.#options = options;
    this.#keys = [...options.signers.map(({ vkey }) => vkey), ...options.formerKeys];
  }

  /**
   * Where the log stands: what is signed, and the entries that must come next. Rejects as `recoverLog`, or with
   * `LOG_FENCED` once another writer was seen.
   */
  async head(): Promise<LogHead> {
    if (this.#fenced !== null) throw this.#fenced;
    this.#head ??= await recoverLog(this.#options.storage, this.#keys);
    return this.#head;
  }

  /**
   * Appends `entries`, the first at index `from`, and publishes the tree with them; those the tree has already
   * are passed over. Publishes also without a new entry what was signed and not published, and the empty tree.
   * Rejects with TlogError or as the storage; the same call may then be made again.
   */
  async publish(from: number, entries: readonly Uint8Array[]): Promise<Published> {
    try {
      const head = await this.#published(await this.head());
      const fresh = entries.slice(Math.max(0, head.tree.size - from));
      if (from > head.tree.size)
        throw new TlogError('LOG_DIVERGED', `entry ${from} does not follow a tree of ${head.tree.size}`);
      const grown = fresh.length === 0 ? head : await this.#grown(head, fresh);
      this.#head = grown;
      return { size: grown.tree.size, root: grown.tree.root() };
    } catch (error) {
      this.#head = null;
      if (error instanceof TlogError && error.code === 'LOG_FENCED') this.#fenced = error;
      throw error;
    }
  }

  /** Publishes what a writer before signed; and the first time the empty tree. */
  async #published(head: LogHead): Promise<LogHead> {
    const { published, tree } = head;
    if (published !== null && published.size === tree.size) return head;
    return await this.#signed(head, tree, head.edge);
  }

  async #grown(head: LogHead, fresh: readonly Uint8Array[]): Promise<LogHead> {
    const { storage } = this.#options;
    assertFollows(head.unsigned, fresh);
    await this.#assertOurs(head);
    const tree = head.tree.clone();
    const full = fresh.flatMap((entry) => tree.push(leafHash(entry)));
    const tiles = [...full, ...widened(head.tree, tree)];
    const { bundles, edge } = bundlesOf(head, fresh);
    await inGroups(bundles, ({ name, bytes }) => putSame(storage, name, bytes));
    const levels = [...new Set(tiles.map(({ level }) => level))].sort((a, b) => a - b);
    for (const level of levels) {
      const ofLevel = tiles.filter((tile) => tile.level === level);
      await inGroups(ofLevel, (tile: Tile) => putSame(storage, tile, tile.bytes));
    }
    return await this.#signed({ ...head, unsigned: head.unsigned.slice(fresh.length) }, tree, edge);
  }

  /**
   * Writes nothing into a log that went on without this writer: its tiles, and the checkpoint it signs, would stand there as a fork.
   * The swap decides; this keeps a writer that was cut off for a while from signing before it finds out.
   */
  async #assertOurs({ published, tree }: LogHead): Promise<void> {
    const latest = await this.#options.storage.latestCheckpoint();
    const isOurs =
      latest === null || published === null
        ? latest === published
        : Buffer.compare(latest, published.bytes) === 0;
    if (isOurs) return;
    const message = `another writer published a checkpoint, this one stood at ${tree.size} leaves`;
    throw new TlogError('LOG_FENCED', message);
  }

  /** Signs, stores, has witnessed, publishes. All tiles of `tree` are durable. */
  async #signed(head: LogHead, tree: TileTree, edge: readonly Uint8Array[]): Promise<LogHead> {
    const { origin, storage, cosign } = this.#options;
    const { size } = tree;
    const body = checkpointBody({ origin, size, root: tree.root(), extensions: [] });
    const own = await this.#signatures(body);
    const bytes = Buffer.from(formatNote({ text: body, signatures: own }));
    await this.#putCheckpoint(size, body, bytes);
    const consistencyFrom = (older: number): Promise<Uint8Array[]> =>
      consistencyProofFromTiles(older, size, tileReader(storage));
    const cosignatures = size === 0 ? [] : await cosign({ size, body, bytes, consistencyFrom });
    const note = Buffer.from(formatNote({ text: body, signatures: [...own, ...cosignatures] }));
    if (!(await storage.swapCheckpoint(note, head.published?.bytes ?? null)))
      throw new TlogError(
        'LOG_FENCED',
        `another writer published a checkpoint, this one was at ${size} leaves`,
      );
    return { tree, edge, published: { bytes: note, size }, unsigned: head.unsigned };
  }

  async #signatures(body: string): Promise<NoteSignature[]> {
    const signing = this.#options.signers.map(async (signer) => {
      const { name, id } = signer.vkey;
      return { name, id, signature: await signer.sign(Buffer.from(body)) };
    });
    return await Promise.all(signing);
  }

  /** One tree for each size, for ever; signatures may be by other keys than a writer before had. */
  async #putCheckpoint(size: number, body: string, bytes: Uint8Array): Promise<void> {
    const { storage } = this.#options;
    const path = checkpointPath(size);
    if ((await storage.putOnce(path, bytes, 'long')) === 'stored') return;
    const found = await storage.get(path);
    const note = found === null ? null : parseNote(found);
    if (note?.ok !== true || note.value.text !== body)
      throw new TlogError('LOG_DIVERGED', `${path} is another tree's`);
  }
}

function assertFollows(unsigned: readonly Uint8Array[], fresh: readonly Uint8Array[]): void {
  const differs = unsigned.some(
    (entry, i) => fresh[i] !== undefined && Buffer.compare(entry, fresh[i]) !== 0,
  );
  if (differs) throw new TlogError('LOG_DIVERGED', 'bundles written before hold other entries than come now');
}

/** The grown tree's partial tiles that the tree before does not have. */
function widened(before: TileTree, grown: TileTree): Tile[] {
  const had = new Set(before.partials().map(tilePath));
  return grown.partials().filter((tile) => !had.has(tilePath(tile)));
}

/** The bundles that `fresh` fill or widen, and the entries of the one left partial. */
function bundlesOf(
  { tree, edge }: LogHead,
  fresh: readonly Uint8Array[],
): { bundles: { name: TileName; bytes: Uint8Array }[]; edge: Uint8Array[] } {
  const entries = [...edge, ...fresh];
  const first = Math.floor(tree.size / TILE_WIDTH);
  const bundles: { name: TileName; bytes: Uint8Array }[] = [];
  let last: Uint8Array[] = [];
  for (let at = 0; at < entries.length; at += TILE_WIDTH) {
    last = entries.slice(at, at + TILE_WIDTH);
    const name: TileName = { level: 'entries', index: first + at / TILE_WIDTH, width: last.length };
    bundles.push({ name, bytes: bundleBytes(last) });
  }
  return { bundles, edge: last.length === TILE_WIDTH ? [] : last };
}

/** Tiles of hashes out of a log's storage; a full tile stands for a partial one that is gone. */
export function tileReader(storage: Pick<LogStorage, 'get'>): TileReader {
  return async (tile) => {
    const path = tilePath(tile);
    const bytes = (await storage.get(path)) ?? (await storage.get(tilePath({ ...tile, width: TILE_WIDTH })));
    if (bytes === null) throw new TlogError('TILE_DAMAGED', `${path} is missing`);
    return bytes;
  };
}

async function putSame(storage: LogStorage, name: TileName, bytes: Uint8Array): Promise<void> {
  const path = tilePath(name);
  const retention = name.width === TILE_WIDTH ? 'long' : 'short';
  if ((await storage.putOnce(path, bytes, retention)) === 'stored') return;
  const found = await storage.get(path);
  if (found === null || Buffer.compare(found, bytes) !== 0)
    throw new TlogError('LOG_DIVERGED', `${path} was written with other bytes`);
}

async function inGroups<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < items.length; at += callsAtOnce)
    await Promise.all(items.slice(at, at + callsAtOnce).map(work));
}
