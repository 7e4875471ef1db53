/** Bypasses as they stand in the archive: every one, those that a recorder has forgotten and those of pods that are gone. */
import { decodeObject } from '@pgtape/evidence';
import { z } from 'zod';
import { type Archive, objectsOf, type ReelKeys } from '../archive.ts';
import { throwIfStopped } from '../exitCode.ts';
import { wallMs } from '../format.ts';
import type { Io } from '../io.ts';

const BypassLine = z.looseObject({
  kind: z.literal('bypass'),
  at: z.string(),
  how: z.string(),
  sessions: z.int(),
  pid: z.int(),
  user: z.string(),
  database: z.string(),
  address: z.string(),
  application: z.string(),
});
const OpenedLine = z.looseObject({ kind: z.literal('reel_opened'), name: z.string() });

/** One record, as -o json prints it. */
export interface RecordedBypass {
  /** Name of its recorder: `namespace/name` of the RecordedDatabase. */
  readonly recorder: string;
  readonly reel: string;
  /** RFC 3339. */
  readonly at: string;
  /** `counted`: it was too short to be seen, and nothing but its number is known. */
  readonly how: string;
  readonly sessions: number;
  readonly pid: number;
  readonly user: string;
  readonly database: string;
  readonly address: string;
  readonly application: string;
}

export interface SegmentSight {
  /** Of its recorder, where the segment begins a reel; null elsewhere. */
  readonly name: string | null;
  readonly bypasses: readonly Omit<RecordedBypass, 'recorder' | 'reel'>[];
}

/** Inside a JSON string every quote has a backslash before it: these are structure, never content. */
const marks = ['"kind":"bypass"', '"kind":"reel_opened"'] as const;

/** Pure: what one segment says. A line that is not understood is passed over: `verify` is who judges. */
export function segmentSight(text: string): SegmentSight {
  let name: string | null = null;
  const bypasses: Omit<RecordedBypass, 'recorder' | 'reel'>[] = [];
  for (const line of text.split('\n')) {
    if (!marks.some((mark) => line.includes(mark))) continue;
    const record: unknown = JSON.parse(line);
    const opened = OpenedLine.safeParse(record);
    if (opened.success) name = opened.data.name;
    const bypass = BypassLine.safeParse(record);
    if (!bypass.success) continue;
    const { at, how, sessions, pid, user, database, address, application } = bypass.data;
    const when = new Date(wallMs(at)).toISOString();
    bypasses.push({ at: when, how, sessions, pid, user, database, address, application });
  }
  return { name, bypasses };
}

async function ofReel(
  io: Io,
  archive: Archive,
  reel: ReelKeys,
  isWanted: (recorder: string) => boolean,
): Promise<RecordedBypass[]> {
  const found: RecordedBypass[] = [];
  let recorder: string | null = null;
  for (const { key } of objectsOf(reel)) {
    throwIfStopped(io);
    const bytes = decodeObject(await archive.store.get(key));
    const sight = segmentSight(Buffer.from(bytes).toString('utf8'));
    recorder ??= sight.name;
    // A vault's own reel, or another recorder's.
    if (recorder === null || !isWanted(recorder)) return [];
    for (const bypass of sight.bypasses) found.push({ recorder, reel: reel.reel, ...bypass });
  }
  return found;
}

/** Newest first. Reads every segment of the reels that are wanted, one after the other. Rejects as the archive's store does. */
export async function recordedBypasses(
  io: Io,
  archive: Archive,
  isWanted: (recorder: string) => boolean,
): Promise<RecordedBypass[]> {
  const found: RecordedBypass[] = [];
  for (const reel of archive.reels) found.push(...(await ofReel(io, archive, reel, isWanted)));
  return found.sort((a, b) => (a.at < b.at ? 1 : -1));
}
