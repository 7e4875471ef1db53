/** Reads an archive as `sessions`, `search`, `play` and `verify` need it: reels in order, their objects one at a time. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { decodeObject, parseSegmentKey } from '@pgtape/evidence';
import { fileStore, type Store } from '@pgtape/store';
import { CommandError, exitCode } from './exitCode.ts';
import type { Io } from './io.ts';

export interface ReelKeys {
  readonly recorder: string;
  readonly reel: string;
  readonly keys: readonly string[];
  /** Compressed bytes of all its objects. */
  readonly bytes: number;
}

export interface Archive {
  readonly root: string;
  readonly store: Store;
  /** Keys under `reel/` that no segment has; each is a finding of `verify`. */
  readonly strangers: readonly string[];
  /** What a vault would not store because it contradicts the archive; each is a finding of `verify`. */
  readonly quarantined: readonly string[];
  readonly reels: readonly ReelKeys[];
}

/** The first record line begins within this: a header is bounded by its names. */
const beginningBytes = 8 * 1024;

const newline = 0x0a;
/** Inside a JSON string every quote has a backslash before it: this is structure, never content. */
const vaultMark = Buffer.from(',"kind":"vault_opened"');

/** Where commands look when --archive is not given: PGTAPE_ARCHIVE, else what `pgtape up` makes. */
export function archiveRoot(io: Io, flag: string | undefined): string {
  return resolve(io.cwd, flag ?? io.env.PGTAPE_ARCHIVE ?? join('.pgtape', 'archive'));
}

/**
 * Lists an archive; reads no object.
 * @throws CommandError `NO_ARCHIVE`
 */
export async function openArchive(io: Io, flag: string | undefined): Promise<Archive> {
  const root = archiveRoot(io, flag);
  if (!existsSync(root)) {
    throw new CommandError('NO_ARCHIVE', `there is no archive at ${root}`, {
      exit: exitCode.environment,
      advice: "Name it with --archive DIRECTORY or PGTAPE_ARCHIVE, or start with './pgtape up'.",
    });
  }
  const store = fileStore(root);
  const reels = new Map<string, { recorder: string; reel: string; keys: string[]; bytes: number }>();
  const strangers: string[] = [];
  for await (const { key, bytes } of store.list('reel/')) {
    const name = parseSegmentKey(key);
    if (name === null) {
      strangers.push(key);
      continue;
    }
    const id = `${name.recorder}/${name.reel}`;
    const entry = reels.get(id) ?? { recorder: name.recorder, reel: name.reel, keys: [], bytes: 0 };
    entry.keys.push(key);
    entry.bytes += bytes;
    reels.set(id, entry);
  }
  const quarantined: string[] = [];
  for await (const { key } of store.list('quarantine/')) quarantined.push(key);
  return { root, store, strangers, quarantined, reels: [...reels.values()] };
}

/** An object's text; empty where it cannot be read, which is for `verify` to tell. */
async function textOf(archive: Archive, key: string | undefined): Promise<Buffer> {
  try {
    const text = decodeObject(await archive.store.get(key ?? ''));
    return Buffer.from(text.buffer, text.byteOffset, text.byteLength);
  } catch {
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
  const found: ReelKeys[] = [];
  for (const reel of archive.reels) {
    if (!without.includes(reel) && isOfVault(await textOf(archive, reel.keys[0]))) found.push(reel);
  }
  return found;
}

/** Reels by the wall clock of their first record, oldest first. For the order of what is shown; proves nothing. */
export async function reelsByTime(archive: Archive): Promise<readonly ReelKeys[]> {
  if (archive.reels.length < 2) return archive.reels;
  const timed: { reel: ReelKeys; at: string }[] = [];
  for (const reel of archive.reels) {
    const text = (await textOf(archive, reel.keys[0])).toString('latin1', 0, beginningBytes);
    timed.push({ reel, at: (/"at":"(\d+)"/.exec(text)?.[1] ?? '').padStart(20, '0') });
  }
  return timed.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0)).map(({ reel }) => reel);
}

/** Wall nanoseconds of a reel's last seal, 20 digits; '' where its last object cannot be read. */
export async function lastSealOf(archive: Archive, reel: ReelKeys): Promise<string> {
  const text = await textOf(archive, reel.keys.at(-1));
  const seal = text.toString('latin1', text.lastIndexOf('\n', text.length - 2) + 1);
  return /"at":"(\d+)"/.exec(seal)?.[1]?.padStart(20, '0') ?? '';
}
