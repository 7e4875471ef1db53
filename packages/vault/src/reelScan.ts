/**
 * Owns walking over archived reels and what their segments say, without checking them: for finding what a hold
 * or a retention is about, never for proving anything. It refuses to decide.
 */
import { decodeObject, EvidenceError, type ParsedRecord, parseSegmentKey } from '@pgtape/evidence';
import { type Store, StoreError } from '@pgtape/store';

export interface SegmentObject {
  readonly key: string;
  readonly version: string;
  readonly segment: number;
}

export interface ScannedReel {
  readonly recorder: string;
  readonly reel: string;
  /** By number. */
  readonly objects: readonly SegmentObject[];
}

/** Reel after reel, as listed when the walk comes to it. Rejects with StoreError. */
export async function* reelsUnder(store: Store, prefix = 'reel/'): AsyncIterable<ScannedReel> {
  let reel: { recorder: string; reel: string; objects: SegmentObject[] } | null = null;
  for await (const { key, version } of store.list(prefix)) {
    const name = parseSegmentKey(key);
    if (name === null) continue;
    if (reel !== null && (reel.reel !== name.reel || reel.recorder !== name.recorder)) {
      yield sorted(reel);
      reel = null;
    }
    reel ??= { recorder: name.recorder, reel: name.reel, objects: [] };
    reel.objects.push({ key, version, segment: name.segment });
  }
  if (reel !== null) yield sorted(reel);
}

/** Keys sort by number only while numbers have eight digits. */
function sorted(reel: { recorder: string; reel: string; objects: SegmentObject[] }): ScannedReel {
  reel.objects.sort((a, b) => a.segment - b.segment);
  return reel;
}

export interface ScannedSegment {
  readonly records: readonly ParsedRecord[];
  /** The seal's time, wall ns. */
  readonly sealedAt: bigint;
}

/** null: the object cannot be read as a segment, or is gone. Rejects with any other StoreError. */
export async function segmentIn(
  store: Store,
  { key, version }: SegmentObject,
): Promise<ScannedSegment | null> {
  try {
    return parsed(decodeObject(await store.get(key, version)));
  } catch (error) {
    if (error instanceof EvidenceError || error instanceof SyntaxError) return null;
    if (error instanceof StoreError && error.code === 'STORE_NOT_FOUND') return null;
    throw error;
  }
}

function parsed(text: Uint8Array): ScannedSegment | null {
  const lines = Buffer.from(text.buffer, text.byteOffset, text.length).toString().trimEnd().split('\n');
  const values = lines.map((line) => JSON.parse(line) as ParsedRecord | null);
  const seal = values.pop();
  const isWhole =
    values.shift()?.kind === ('header' as string) &&
    seal?.kind === ('seal' as string) &&
    values.every((value) => typeof value?.kind === 'string' && /^\d{1,20}$/.test(value.at));
  return isWhole ? { records: values as ParsedRecord[], sealedAt: BigInt(seal.at) } : null;
}
