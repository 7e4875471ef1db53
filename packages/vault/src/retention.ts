/**
 * Owns until when a segment's object must be kept: the longest among its records' classes, from the vault's
 * clock. Pure; it refuses to know what enforces it.
 */
import type { Kind, ParsedRecord } from '@pgtape/evidence';
import { type SessionFacts, sessionsOf } from './sessionFacts.ts';

/** Sessions that are kept for another time than the archive's. */
export interface RetentionClass {
  readonly name: string;
  /** Fits the sessions of this database and of this user; absent: of every one. */
  readonly database?: string;
  readonly user?: string;
  readonly ms: number;
}

export interface RetentionRules {
  /** For what no class fits, and for records that are of no session. */
  readonly baseMs: number;
  readonly classes: readonly RetentionClass[];
}

export interface RetentionConfig {
  readonly days?: number | undefined;
  readonly seconds?: number | undefined;
  readonly classes: readonly {
    readonly name: string;
    readonly database?: string | undefined;
    readonly user?: string | undefined;
    readonly days: number;
  }[];
}

export const DAY_MS = 86_400_000;

/**
 * How far a seal's time may lie behind the vault's clock and still count. A recorder says its own time, and
 * what is locked too long nobody can undo.
 */
export const SEAL_AHEAD_MS_MAX = DAY_MS;

/** null: nothing is configured, objects are stored without retention. */
export function retentionRules(config: RetentionConfig | undefined): RetentionRules | null {
  if (config === undefined) return null;
  const baseMs = config.days === undefined ? (config.seconds ?? 0) * 1000 : config.days * DAY_MS;
  const classes = config.classes.map(({ name, database, user, days }) => ({
    name,
    ...(database !== undefined && { database }),
    ...(user !== undefined && { user }),
    ms: days * DAY_MS,
  }));
  return { baseMs, classes };
}

export function longestMs({ baseMs, classes }: RetentionRules): number {
  return Math.max(baseMs, ...classes.map(({ ms }) => ms));
}

/**
 * How long a session's records are kept: the longest of the classes that fit it, the base where none does,
 * the longest of all where the session is unknown.
 */
export function sessionMs(rules: RetentionRules, facts: SessionFacts | undefined): number {
  if (facts === undefined) return longestMs(rules);
  const fitting = rules.classes.filter(
    ({ database, user }) =>
      (database === undefined || database === facts.database) && (user === undefined || user === facts.user),
  );
  return fitting.length === 0 ? rules.baseMs : Math.max(...fitting.map(({ ms }) => ms));
}

/** Of a recorder's reel as a whole; every other kind without a session is the vault's own. */
const ofReel: ReadonlySet<Kind> = new Set<Kind>([
  ...(['reel_opened', 'reel_closed', 'heartbeat', 'gap'] as const),
  ...(['bypass', 'configured'] as const),
]);

export interface RetentionCase {
  readonly records: readonly ParsedRecord[];
  /** Of a vault's own reel: also its end, which looks like a recorder's. */
  readonly isVaults?: boolean;
  readonly factsOf: (session: string) => SessionFacts | undefined;
  /** The vault's clock, ms since 1970. */
  readonly receivedAtMs: number;
  /** The seal's time, ns since 1970. */
  readonly sealedAt: string;
}

/**
 * Until when the object is kept, ms since 1970. Counted from the vault's clock at receipt, or from the seal's
 * time where that is later (the vault's clock may have been set back), but at most a day later. What the
 * vault says of itself is kept for the longest of all: it speaks of every session.
 */
export function retainUntil(rules: RetentionRules, facts: RetentionCase): number {
  const sealedAtMs = Number(BigInt(facts.sealedAt) / 1_000_000n);
  const from = Math.max(facts.receivedAtMs, Math.min(sealedAtMs, facts.receivedAtMs + SEAL_AHEAD_MS_MAX));
  const isOwn =
    facts.isVaults === true ||
    facts.records.some(({ kind, session }) => session === undefined && !ofReel.has(kind));
  if (isOwn) return from + longestMs(rules);
  const times = sessionsOf(facts.records).map((session) => sessionMs(rules, facts.factsOf(session)));
  const hasOther = facts.records.some(({ session }) => session === undefined);
  if (hasOther || times.length === 0) times.push(rules.baseMs);
  return from + Math.max(...times);
}
