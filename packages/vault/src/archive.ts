/**
 * Owns segments in a store: their keys, reading them back, and what is archived of a reel. It acknowledges
 * nothing.
 */
import {
  checkSegment,
  decodeObject,
  encodeText,
  objectDigest,
  parseSegmentKey,
  type SegmentName,
  type SegmentSuccess,
  segmentKey,
} from '@pgtape/evidence';
import { type Store, StoreError } from '@pgtape/store';
import { inOrder } from './inOrder.ts';
import type { ProtectedObjects, ProtectedPut } from './protectedObjects.ts';
import { type OwnedReel, ReelOwners } from './reelOwners.ts';
import { emptyTail, type ReelTail, tailAfter } from './reelTail.ts';

/**
 * An archived object is not what it was when it was acknowledged: whoever administers the archive must look.
 */
export class ArchiveDamaged extends Error {
  override readonly name = 'ArchiveDamaged';
  readonly code = 'ARCHIVE_DAMAGED';
  readonly key: string;
  constructor(key: string, detail: string, cause?: unknown) {
    super(
      `${key}: ${detail}; run 'pgtape verify' on the archive`,
      cause === undefined ? undefined : { cause },
    );
    this.key = key;
  }
}

/** A segment's name as listed, with the version its object has. */
export interface ListedSegment extends SegmentName {
  readonly version: string;
}

/** What became of a segment that was put. */
export interface ArchivedSegment extends ProtectedPut {
  /** As stored. */
  readonly bytes: number;
  /** Of the object: as it was offered; of `stored`, as it is. */
  readonly sha256: string;
}

const readsAtOnce = 8;
const reelId = /^[0-9a-f]{32}$/;
const recorderId = /^[0-9a-f]{16}$/;

/** Every method rejects with StoreError, or ArchiveDamaged. */
export class Archive {
  /** Whose its reels are. */
  readonly owners = new ReelOwners(() => this.#segments('reel/'));
  readonly #store: Store;
  readonly #objects: ProtectedObjects | null;

  /** `objects`: puts them under their retention and their holds; null: without either. */
  constructor(store: Store, objects: ProtectedObjects | null = null) {
    this.#store = store;
    this.#objects = objects;
  }

  /** Durable when it resolves, with either answer, and under its retention and holds; see Store.putOnce. */
  async put(segment: SegmentSuccess, text: Uint8Array): Promise<ArchivedSegment> {
    const object = encodeText(text);
    const put = await this.#put(segment, object);
    return { ...put, bytes: object.length, sha256: objectDigest(object) };
  }

  /** Digest of the archived segment's seal; the whole segment is checked. */
  async sealDigestOf(recorder: string, reel: string, segment: number): Promise<string> {
    return (await this.#read(segmentKey(recorder, reel, segment))).segment.sealDigest;
  }

  /**
   * A segment as it lies there. The object is read and the whole segment checked. `listed`: its version, where a listing
   * has just told it.
   */
  async stored(
    recorder: string,
    reel: string,
    segment: number,
    listed?: string,
  ): Promise<ArchivedSegment & { segment: SegmentSuccess }> {
    const key = segmentKey(recorder, reel, segment);
    const read = await this.#read(key, listed);
    // Put again: whoever stored it may have died before it was durable.
    const { version, retainUntil } = await this.#put(read.segment, read.object);
    const sha256 = objectDigest(read.object);
    const { length: bytes } = read.object;
    return { answer: 'exists', version, bytes, sha256, retainUntil, segment: read.segment };
  }

  /**
   * The reel's tail as archived, and durable: it is put once more, because whoever stored it may have died
   * before it was. Segment 0 when nothing is archived.
   */
  async tailOf(recorder: string, reel: string): Promise<ReelTail> {
    let last: { key: string; version: string; segment: number } | null = null;
    // Not simply the last key: keys sort by number only while numbers have eight digits.
    for await (const { key, version } of this.#store.list(`reel/${recorder}/${reel}/`)) {
      const name = parseSegmentKey(key);
      if (name !== null && name.segment > (last?.segment ?? 0))
        last = { key, version, segment: name.segment };
    }
    if (last === null) return emptyTail(recorder, reel);
    const { segment, object } = await this.#read(last.key, last.version);
    await this.#put(segment, object);
    return tailAfter(segment);
  }

  /**
   * Every archived segment's name, in the order of their keys: a reel's segments in their order. Read to its end, it also
   * tells `owners`, which then need not list the archive once more.
   */
  segments(): AsyncIterable<ListedSegment> {
    return this.owners.learn(this.#segments('reel/'));
  }

  /** The last segment of every reel by its name, as listed. */
  async lastNames(): Promise<ListedSegment[]> {
    const last = new Map<string, ListedSegment>();
    for await (const name of this.#segments('reel/')) {
      const before = last.get(name.reel);
      if (before === undefined || before.segment < name.segment) last.set(name.reel, name);
    }
    return [...last.values()];
  }

  /** A segment as archived; null where it cannot be read. */
  async segment({ recorder, reel, segment, version }: ListedSegment): Promise<SegmentSuccess | null> {
    try {
      return (await this.#read(segmentKey(recorder, reel, segment), version)).segment;
    } catch (error) {
      if (error instanceof ArchiveDamaged) return null;
      throw error;
    }
  }

  /** Reel and recorder of every archived segment of one recorder, in the order of their keys. */
  reelsOf(recorder: string): AsyncIterable<OwnedReel> {
    return this.#segments(`reel/${recorder}/`);
  }

  /** Every archived segment of a recorder in the order of its keys; null where one cannot be read. */
  segmentsOf(recorder: string): AsyncIterable<SegmentSuccess | null> {
    return inOrder(this.#segments(`reel/${recorder}/`), readsAtOnce, (name) => this.segment(name));
  }

  async *#segments(prefix: string): AsyncIterable<ListedSegment> {
    for await (const { key, version } of this.#store.list(prefix)) {
      const name = parseSegmentKey(key);
      if (name !== null) yield { ...name, version };
    }
  }

  async #put(segment: SegmentSuccess, object: Uint8Array): Promise<ProtectedPut> {
    const { recorder, reel } = segment.header;
    const key = segmentKey(recorder, reel, segment.seal.segment);
    if (this.#objects !== null) return await this.#objects.put(segment, key, object);
    return { ...(await this.#store.putOnce(key, object)), retainUntil: null };
  }

  async #read(key: string, version?: string): Promise<{ segment: SegmentSuccess; object: Uint8Array }> {
    const object = await this.#get(key, version);
    const segment = checkSegment(decoded(key, object));
    if (!segment.ok) throw new ArchiveDamaged(key, `${segment.reason} (${segment.detail})`);
    const { header, seal } = segment;
    if (segmentKey(header.recorder, header.reel, seal.segment) !== key) {
      throw new ArchiveDamaged(key, 'holds another segment');
    }
    return { segment, object };
  }

  /** Without a version the store has to look for the first one, which over S3 is another request. */
  async #get(key: string, version?: string): Promise<Uint8Array> {
    try {
      return await this.#store.get(key, version);
    } catch (error) {
      const missing = error instanceof StoreError && error.code === 'STORE_NOT_FOUND';
      throw missing ? new ArchiveDamaged(key, 'is missing', error) : error;
    }
  }
}

function decoded(key: string, object: Uint8Array): Uint8Array {
  try {
    return decodeObject(object);
  } catch (error) {
    throw new ArchiveDamaged(key, 'cannot be decompressed', error);
  }
}

/** Whether a text from outside may become part of a key. */
export function isReelName(recorder: string, reel: string): boolean {
  return recorderId.test(recorder) && reelId.test(reel);
}
