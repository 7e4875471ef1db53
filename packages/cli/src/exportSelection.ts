/** Decides what goes into a bundle: which sessions, which of their lines. Reads the archive for it; makes no bundle. */
import { decodeObject, type ParsedRecord, parsePattern, type Selection } from '@pgtape/evidence';
import { type Archive, isOfVault, type ReelKeys } from './archive.ts';
import { CommandError, exitCode, throwIfStopped } from './exitCode.ts';
import type { Io } from './io.ts';
import { searcher } from './searchScan.ts';
import { findSession } from './sessionFinder.ts';
import { sessionsIn } from './tapeLines.ts';

export interface Exported {
  readonly selection: Selection;
  /** By session: its reel, and the ordinals wanted; null: all of it. */
  readonly sessions: ReadonlyMap<string, ExportedSession>;
}

export interface ExportedSession {
  readonly reel: ReelKeys;
  readonly ordinals: ReadonlySet<number> | null;
}

export interface ExportFlags {
  readonly search?: string;
  readonly case?: string;
  readonly ignoreCase?: boolean;
}

function nothing(what: string): CommandError {
  return new CommandError('NOTHING_TO_EXPORT', `${what} in this archive`, { exit: exitCode.found });
}

/** @throws CommandError `ONE_OF`, `NOTHING_TO_EXPORT`, and of `findSession` */
export async function exportSelection(
  io: Io,
  archive: Archive,
  wanted: readonly string[],
  flags: ExportFlags,
): Promise<Exported> {
  const ways = [wanted.length > 0, flags.search !== undefined, flags.case !== undefined];
  if (ways.filter(Boolean).length !== 1) {
    throw new CommandError('ONE_OF', 'either sessions, --search TEXT or --case ID', { exit: exitCode.usage });
  }
  if (flags.search !== undefined) return await bySearch(io, archive, flags.search, flags.ignoreCase === true);
  if (flags.case !== undefined) return await byCase(io, archive, flags.case);
  const sessions = new Map<string, ExportedSession>();
  for (const part of wanted) {
    const { session, reel } = await findSession(io, archive, part);
    sessions.set(session, { reel, ordinals: null });
  }
  return { selection: { kind: 'sessions', what: [...sessions.keys()].join(', ') }, sessions };
}

/** A segment's text; null where it cannot be read, which is for `verify` to tell. */
async function textOf(archive: Archive, key: string): Promise<Buffer | null> {
  const object = await archive.store.get(key);
  try {
    return decodeObject(object);
  } catch {
    return null;
  }
}

/** Statements whose text fits, and the line that says whose session it was. */
async function bySearch(io: Io, archive: Archive, text: string, ignoreCase: boolean): Promise<Exported> {
  const pattern = parsePattern(text, ignoreCase);
  const none = { tag: null, error: null, sinceMs: null, untilMs: null, slowerThanNs: null, rowsOver: null };
  const filter = { ...pattern, ...none, user: null, database: null, client: null };
  const search = searcher({ filter, form: 'lines', limit: null });
  const sessions = new Map<string, { reel: ReelKeys; ordinals: Set<number> }>();
  for (const reel of archive.reels) {
    for (const key of reel.keys) {
      throwIfStopped(io);
      const segment = await textOf(archive, key);
      if (segment === null) continue;
      const hits = search(segment);
      const lines = Buffer.from(hits.text).toString('utf8').split('\n').slice(0, -1);
      for (const line of lines) {
        const { session, n } = JSON.parse(line) as { session: string; n: number };
        const entry = sessions.get(session) ?? { reel, ordinals: new Set([1]) };
        sessions.set(session, entry);
        entry.ordinals.add(n);
      }
    }
  }
  if (sessions.size === 0) throw nothing(`no statement fits '${text}'`);
  return { selection: { kind: 'search', what: text }, sessions };
}

/** The sessions that holds of the case are about: what they froze, less what lay in the same objects by chance. */
async function byCase(io: Io, archive: Archive, name: string): Promise<Exported> {
  const holds = new Set<string>();
  const others = new Map<string, Set<string>>();
  for (const reel of archive.reels) {
    const first = reel.keys[0] === undefined ? null : await textOf(archive, reel.keys[0]);
    if (first === null || !isOfVault(first)) continue;
    for (const key of reel.keys) {
      throwIfStopped(io);
      for (const record of holdRecords(await textOf(archive, key))) {
        if (record.kind === 'hold' && record.case === name) holds.add(String(record.hold));
        if (record.kind === 'held' && holds.has(String(record.hold))) addHeld(others, record);
      }
    }
  }
  if (holds.size === 0) throw nothing(`no hold of the case '${name}'`);
  const sessions = new Map<string, ExportedSession>();
  for (const reel of archive.reels) {
    for (const key of reel.keys) {
      const spared = others.get(key);
      const text = spared === undefined ? null : await textOf(archive, key);
      if (text === null) continue;
      const starts = new Map<string, string>();
      sessionsIn(text, starts);
      for (const session of starts.keys())
        if (spared?.has(session) === false) sessions.set(session, { reel, ordinals: null });
    }
  }
  if (sessions.size === 0) throw nothing(`no session is held for the case '${name}'`);
  return { selection: { kind: 'case', what: name }, sessions };
}

function addHeld(others: Map<string, Set<string>>, record: ParsedRecord): void {
  for (const { key, sessions } of record.objects as { key: string; sessions: string[] }[]) {
    const before = others.get(key);
    // Where two holds froze an object, a session is left out only if neither is about it.
    const spared = before === undefined ? sessions : sessions.filter((session) => before.has(session));
    others.set(key, new Set(spared));
  }
}

function holdRecords(text: Buffer | null): ParsedRecord[] {
  const lines = text?.toString('utf8').split('\n') ?? [];
  return lines
    .filter((line) => line.includes(',"kind":"hold"') || line.includes(',"kind":"held"'))
    .map((line) => JSON.parse(line) as ParsedRecord);
}
