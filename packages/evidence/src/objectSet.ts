/** Owns a set of segment objects with their versions, small enough to have many. It refuses to know why. */
import { parseSegmentKey, segmentKey } from './segmentKey.ts';

export interface ObjectVersion {
  readonly key: string;
  readonly version: string;
}

/** By reel, then by segment: one string a version, none a key. Keys that are of no segment are not kept. */
export class ObjectSet {
  readonly #reels = new Map<string, Map<number, string>>();
  #size = 0;

  add(key: string, version: string): void {
    const name = parseSegmentKey(key);
    if (name === null) return;
    const reel = `${name.recorder}/${name.reel}`;
    const segments = this.#reels.get(reel) ?? new Map<number, string>();
    this.#reels.set(reel, segments);
    if (!segments.has(name.segment)) this.#size += 1;
    segments.set(name.segment, version);
  }

  has(key: string): boolean {
    const name = parseSegmentKey(key);
    if (name === null) return false;
    return this.#reels.get(`${name.recorder}/${name.reel}`)?.has(name.segment) ?? false;
  }

  get size(): number {
    return this.#size;
  }

  *[Symbol.iterator](): Iterator<ObjectVersion> {
    for (const [reel, segments] of this.#reels) {
      const [recorder = '', id = ''] = reel.split('/');
      for (const [segment, version] of segments) yield { key: segmentKey(recorder, id, segment), version };
    }
  }
}
