/** Reads an archive as `sessions`, `search`, `play` and `verify` need it: reels in order, their objects one at a time. */
import { decodeObject, type LogHead, parseSegmentKey, readLogHead } from '@pgtape/evidence';
import { type ReadStore, readingListed } from '@pgtape/store';
import { ahead } from './ahead.ts';
import { CommandError, Stopped } from './exitCode.ts';
import type { Io } from './io.ts';
import { openSource, type StoreSource } from './storeSource.ts';

export interface ReelKeys {
  readonly recorder: string;
  readonly reel: string;
  readonly keys: readonly string[];
  /** The store's name of each object's version, in the order of the keys. */
  readonly versions: readonly string[];
  /** Compressed bytes of all its objects. */
  readonly bytes: number;
}

/** An object as listed: named with its version, it is read without another look at what there is. */
export interface ListedObject {
  readonly key: string;
  readonly version: string;
}

export function objectsOf({ keys, versions }: ReelKeys): ListedObject[] {
  return keys.map((key, at) => ({ key, version: versions[at] ?? '' }));
}

export interface Archive {
  /** A directory or a vault's URL, for people. */
  readonly name: string;
  /** For worker threads to open it, too. */
  readonly source: StoreSource;
  readonly store: ReadStore;
  /** Keys under `reel/` that no segment has; each is a finding of `verify`. */
  readonly strangers: readonly string[];
  /** What a vault would not store because it contradicts the archive; each is a finding of `verify`. */
  readonly quarantined: readonly string[];
  readonly reels: readonly ReelKeys[];
  /** The log as it stood before the objects were listed; null where nobody asked. */
  readonly logHead: LogHead | null;
}

/** The first record line begins within this: a header is bounded by its names. */
const beginningBytes = 8 * 1024;

const newline = 0x0a;
/** Inside a JSON string every quote has a backslash before it: this is structure, never content. */
const vaultMark = Buffer.from(',"kind":"vault_opened"');

/** Lists an archive; reads no object but, `withLog`, the log's head. `name` is only shown. Rejects as its store does. */
export async function listedArchive(
  io: Io,
  name: string,
  source: StoreSource,
  withLog = false,
): Promise<Archive> {
  const store = readingListed(await openSource(source, io.stop));
  // Before the objects: what is logged by now must be among them.
  const logHead = withLog ? await readLogHead(store) : null;
  const { reels, strangers } = await reelsBelow(store, 'reel/');
  const quarantined: string[] = [];
  if (source.kind === 'direct' || source.purpose.action === 'verify') {
    for await (const { key } of store.list('quarantine/')) quarantined.push(key);
  }
  return { name, source, store, strangers, quarantined, reels, logHead };
}

/** Segments below a prefix by their reels, and the keys that no segment has. */
export async function reelsBelow(
  store: ReadStore,
  prefix: string,
): Promise<Pick<Archive, 'reels' | 'strangers'>> {
  const reels = new Map<string, ReelKeys & { keys: string[]; versions: string[]; bytes: number }>();
  const strangers: string[] = [];
  for await (const { key, bytes, version } of store.list(prefix)) {
    const segment = parseSegmentKey(key);
    if (segment === null) {
      strangers.push(key);
      continue;
    }
    const id = `${segment.recorder}/${segment.reel}`;
    const { recorder, reel } = segment;
    const entry = reels.get(id) ?? { recorder, reel, keys: [], versions: [], bytes: 0 };
    entry.keys.push(key);
    entry.versions.push(version);
    entry.bytes += bytes;
    reels.set(id, entry);
  }
  return { reels: [...reels.values()], strangers };
}

/** Objects that are asked for before the one before has been looked at. */
export const objectsAhead = 4;

/** That the vault did not answer is no finding about an object. */
export function throwIfUnread(error: unknown): void {
  if (error instanceof CommandError || error instanceof Stopped) throw error;
}

/** An object's text; empty where it cannot be read, which is for `verify` to tell. */
async function textOf(archive: Archive, key: string | undefined): Promise<Buffer> {
  try {
    return decodeObject(await archive.store.get(key ?? ''));
  } catch (error) {
    throwIfUnread(error);
    return Buffer.alloc(0);
  }
}

/** Whether a segment's text is the first of a vault's own reel, which has no sessions. */
export function isOfVault(text: Buffer): boolean {
  const first = text.indexOf(newline) + 1;
  const second = text.indexOf(newline, first);
  return text.subarray(first, second).includes(vaultMark);
}

/** The vaults' own reels, but for those in `without`. */
export async function vaultReels(archive: Archive, without: readonly ReelKeys[]): Promise<ReelKeys[]> {
  const asked = archive.reels.filter((reel) => !without.includes(reel));
  const texts = ahead(asked, objectsAhead, (reel) => textOf(archive, reel.keys[0]));
  const found: ReelKeys[] = [];
  let at = 0;
  for await (const text of texts) {
    if (isOfVault(text)) found.push(asked[at] as ReelKeys);
    at += 1;
  }
  return found;
}

/** Reels by the wall clock of their first record, oldest first. For the order of what is shown; proves nothing. */
export async function reelsByTime(
  archive: Archive,
  reels: readonly ReelKeys[],
): Promise<readonly ReelKeys[]> {
  if (reels.length < 2) return reels;
  const timed: { reel: ReelKeys; at: string }[] = [];
  const starts = ahead(reels, objectsAhead, async (reel) => {
    const text = (await textOf(archive, reel.keys[0])).toString('latin1', 0, beginningBytes);
    return { reel, at: (/"at":"(\d+)"/.exec(text)?.[1] ?? '').padStart(20, '0') };
  });
  for await (const start of starts) timed.push(start);
  return timed.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0)).map(({ reel }) => reel);
}

/** Wall nanoseconds of a reel's last seal, 20 digits; '' where its last object cannot be read. */
export async function lastSealOf(archive: Archive, reel: ReelKeys): Promise<string> {
  const text = await textOf(archive, reel.keys.at(-1));
  const seal = text.toString('latin1', text.lastIndexOf('\n', text.length - 2) + 1);
  return /"at":"(\d+)"/.exec(seal)?.[1]?.padStart(20, '0') ?? '';
}
