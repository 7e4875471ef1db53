/** Names of segment objects in an archive: opaque ids only, never a user, a host or a text. */

export interface SegmentName {
  readonly recorder: string;
  readonly reel: string;
  readonly segment: number;
}

const pattern = /^reel\/([0-9a-f]{16})\/([0-9a-f]{32})\/(\d{8,15})\.jsonl\.zst$/;

/** `reel/<recorder>/<reel>/00000001.jsonl.zst`. */
export function segmentKey(recorder: string, reel: string, segment: number): string {
  return `reel/${recorder}/${reel}/${String(segment).padStart(8, '0')}.jsonl.zst`;
}

/** Reads a key back; null for any key that `segmentKey` would not write. */
export function parseSegmentKey(key: string): SegmentName | null {
  const match = pattern.exec(key);
  if (match === null) return null;
  const name = { recorder: match[1]!, reel: match[2]!, segment: Number(match[3]) };
  return name.segment > 0 && segmentKey(name.recorder, name.reel, name.segment) === key ? name : null;
}
