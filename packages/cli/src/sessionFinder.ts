/** Finds the session a person means, reading as little of the archive as that takes. Checks nothing. */
import { decodeObject } from '@pgtape/evidence';
import { type Archive, isOfVault, lastSealOf, type ReelKeys, throwIfUnread } from './archive.ts';
import { CommandError, exitCode, throwIfStopped } from './exitCode.ts';
import type { Io } from './io.ts';
import { byStart } from './sessionList.ts';
import { sessionsIn } from './tapeLines.ts';

export interface FoundSession {
  readonly reel: ReelKeys;
  readonly session: string;
}

interface Candidate extends FoundSession {
  /** Wall nanoseconds. */
  readonly start: string;
}

const advice = "'pgtape sessions' lists them; a part of an id is enough, and 'last' is the newest.";

function noSession(wanted: string): CommandError {
  return new CommandError('NO_SESSION', `no session '${wanted}' in this archive`, {
    exit: exitCode.found,
    advice,
  });
}

function ambiguous(wanted: string, sessions: readonly string[]): CommandError {
  const shown = sessions.slice(0, 5).join(', ') + (sessions.length > 5 ? ', ...' : '');
  return new CommandError('AMBIGUOUS_SESSION', `'${wanted}' fits ${sessions.length} sessions: ${shown}`, {
    exit: exitCode.usage,
    advice,
  });
}

/** Sessions of a reel with the time they began; objects that cannot be read are left to `verify`. */
async function sessionsOf(io: Io, archive: Archive, reel: ReelKeys): Promise<Candidate[]> {
  const starts = new Map<string, string>();
  for (const key of reel.keys) {
    throwIfStopped(io);
    let text: Buffer;
    try {
      text = decodeObject(await archive.store.get(key));
    } catch (error) {
      throwIfUnread(error);
      continue;
    }
    if (key === reel.keys[0] && isOfVault(text)) return [];
    sessionsIn(text, starts);
  }
  return [...starts].map(([session, start]) => ({ reel, session, start }));
}

/** The newest reels first, by their last seals, and no more of them than are needed. */
async function newest(io: Io, archive: Archive, back: number): Promise<Candidate | undefined> {
  const sealed: { reel: ReelKeys; until: string }[] = [];
  for (const reel of archive.reels) sealed.push({ reel, until: await lastSealOf(archive, reel) });
  // A reel whose end cannot be read may hold the newest of all.
  sealed.sort((a, b) =>
    a.until === b.until ? 0 : a.until === '' || (b.until !== '' && a.until > b.until) ? -1 : 1,
  );
  const found: Candidate[] = [];
  for (const [index, { reel }] of sealed.entries()) {
    found.push(...(await sessionsOf(io, archive, reel)));
    found.sort(byStart);
    const wanted = found.at(-1 - back);
    const next = sealed[index + 1]?.until;
    if (wanted !== undefined && (next === undefined || wanted.start.padStart(20, '0') >= next)) return wanted;
  }
  return undefined;
}

/** Whether a text is an id and not a part of one. */
export function isWholeId(wanted: string): boolean {
  return /^[0-9a-f]{16}-[1-9]\d*$/.test(wanted);
}

/** Whether a session of the reel can have `part` in its id: `<16 hex digits>-<number>`. */
export function canHold(reel: string, part: string): boolean {
  const prefix = reel.slice(0, 16);
  const match = /^([0-9a-f]*)(?:-(\d*))?$/.exec(part);
  if (match === null) return false;
  if (match[2] !== undefined) return prefix.endsWith(match[1] as string);
  return prefix.includes(part) || /^\d+$/.test(part);
}

/**
 * The session a person means: a whole id, a part of one that fits only one, `last`, or `last-2` for the one two before.
 * A whole id is only looked up: whether the session is there, its reel tells.
 * @throws CommandError `NO_SESSION`, `AMBIGUOUS_SESSION`
 */
export async function findSession(io: Io, archive: Archive, wanted: string): Promise<FoundSession> {
  const last = /^last(?:-(\d+))?$/.exec(wanted);
  if (last !== null) {
    const found = await newest(io, archive, Number(last[1] ?? 0));
    if (found === undefined) throw noSession(wanted);
    return found;
  }
  const reels = archive.reels.filter(({ reel }) => canHold(reel, wanted));
  if (isWholeId(wanted) && reels.length === 1) return { reel: reels[0] as ReelKeys, session: wanted };
  const candidates: Candidate[] = [];
  for (const reel of reels) candidates.push(...(await sessionsOf(io, archive, reel)));
  const exact = candidates.filter(({ session }) => session === wanted);
  const fitting = exact.length > 0 ? exact : candidates.filter(({ session }) => session.includes(wanted));
  const [found] = fitting;
  if (found === undefined) throw noSession(wanted);
  if (fitting.length === 1) return found;
  throw ambiguous(
    wanted,
    exact.length > 0
      ? fitting.map(({ reel, session }) => `${session} of recorder ${reel.recorder}`)
      : fitting.map(({ session }) => session),
  );
}
