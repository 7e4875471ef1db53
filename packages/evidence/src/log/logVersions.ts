/** Versions, delete markers and retention of an archive's objects, as the store has them. Knows no leaves but what they promise. */
import type { Findings } from '../findings.ts';
import type { StoredFirst } from './logLeaves.ts';
import { type LogReads, logPaths } from './logReads.ts';

/** Objects that are written again and again. */
const mutable: ReadonlySet<string> = new Set([logPaths.checkpoint, logPaths.vkey]);
/** Partial tiles and bundles go when full ones have come. */
const partial = /\.p\/\d+$/;
const readsAtOnce = 16;

export interface VersionCheck {
  /** First versions of everything below `reel/` and `log/`, by key. */
  readonly stored: ReadonlyMap<string, StoredFirst>;
  /** Versions and delete markers seen. */
  readonly versions: number;
}

/** Names whatever came after the first version of an object, and every key that was deleted. */
export async function checkVersions(reads: LogReads, findings: Findings): Promise<VersionCheck> {
  const stored = new Map<string, StoredFirst>();
  let versions = 0;
  for (const prefix of ['reel/', logPaths.prefix]) {
    for await (const { key, version, at, kind } of reads.listVersions(prefix)) {
      versions += 1;
      const first = stored.get(key);
      const when = new Date(at).toISOString();
      if (kind === 'delete_marker') {
        if (!partial.test(key))
          findings.add('forged', key, 'delete_marker', `somebody deleted it at ${when} (${version})`);
      } else if (first === undefined) stored.set(key, { version, at });
      else if (!mutable.has(key))
        findings.add('forged', key, 'version_shadowed', `a later version came at ${when} (${version})`);
    }
  }
  return { stored, versions: reads.capabilities.versions ? versions : 0 };
}

/** What the log promises of an object. */
export interface Promised {
  readonly key: string;
  readonly version: string;
  /** Nanoseconds since 1970; null: nothing. */
  readonly retainUntil: string | null;
}

/** Reads retention back; the objects it was read of. */
export async function checkRetention(
  reads: LogReads,
  promised: readonly Promised[],
  now: number,
  findings: Findings,
): Promise<number> {
  if (!reads.capabilities.retention) return 0;
  const open = promised.filter(({ retainUntil }) => retainUntil !== null && msOf(retainUntil) > now);
  for (let at = 0; at < open.length; at += readsAtOnce) {
    const some = open.slice(at, at + readsAtOnce);
    const found = await Promise.all(some.map(({ key, version }) => reads.protectionOf(key, version)));
    for (const [i, { key, retainUntil }] of some.entries()) {
      const until = found[i]!.retainUntil;
      const wanted = msOf(retainUntil!);
      // Stores count in seconds, and round up.
      if (until !== null && until + 1000 > wanted) continue;
      const has = until === null ? 'none' : `until ${new Date(until).toISOString()}`;
      const detail = `the log promises retention until ${new Date(wanted).toISOString()}, the store has ${has}`;
      findings.add('forged', key, 'retention_short', detail);
    }
  }
  return open.length;
}

function msOf(nanoseconds: string): number {
  return Number(BigInt(nanoseconds) / 1_000_000n);
}
