/**
 * Checks the legal holds that a vault's reels tell of: that what they froze is frozen, and that their releases count.
 * Reads the store through a function that is passed in; whether the reels are sound was checked before.
 */
import { Findings } from './findings.ts';
import type { HoldBook, HoldEntry, HoldRelease } from './holdBook.ts';
import { verifyRelease } from './releaseText.ts';
import type { Finding, Verdict } from './verdict.ts';

export interface HeldReads {
  /** Whether the store can hold objects: over files nothing can. */
  readonly isEnforced: boolean;
  /** Whether the version is held now; null: there is no such version, which is the log's matter. */
  holdOf(key: string, version: string): Promise<boolean | null>;
}

export interface HoldVerdict {
  readonly hold: string;
  readonly case: string;
  readonly who: string;
  /** Wall ns. */
  readonly at: string;
  readonly isActive: boolean;
  /** Objects its records name. */
  readonly objects: number;
}

export interface HoldsVerdict {
  readonly verdict: Verdict;
  readonly findings: readonly Finding[];
  readonly holds: readonly HoldVerdict[];
  /** Objects whose hold was read back. */
  readonly checked: number;
  readonly isEnforced: boolean;
}

/** Objects asked about at once. */
const atOnce = 8;

/**
 * `hold_missing`: an object that an active hold froze is not held; `release_unsigned`: a hold that asks for a second
 * person was released without a signature over that release, so it goes on. Whether a signer was one who may is not
 * known here: the keys stand in the vault's configuration.
 */
export async function checkHolds(book: HoldBook, reads: HeldReads): Promise<HoldsVerdict> {
  const findings = new Findings();
  for (const hold of book.refused) {
    findings.add('forged', hold, 'release_unsigned', 'released without the signature of a second person');
  }
  let checked = 0;
  for (const hold of reads.isEnforced ? book.active : []) {
    const objects = [...hold.objects];
    for (let from = 0; from < objects.length; from += atOnce) {
      const some = objects.slice(from, from + atOnce);
      const answers = await Promise.all(some.map(({ key, version }) => reads.holdOf(key, version)));
      for (const [i, isHeld] of answers.entries()) {
        if (isHeld === null) continue;
        checked += 1;
        if (!isHeld)
          findings.add('forged', some[i]!.key, 'hold_missing', `hold ${hold.id} says that it is held`);
      }
    }
  }
  return {
    verdict: findings.worst,
    findings: findings.list('holds'),
    holds: book.all.map(verdictOf),
    checked,
    isEnforced: reads.isEnforced,
  };
}

/** What a verifier can say of a release without the vault's configuration. */
export function isSignedRelease(hold: HoldEntry, { reason, who, asked, second }: HoldRelease): boolean {
  if (!hold.dualControl) return true;
  return (
    second !== null && second.who !== who && verifyRelease({ hold: hold.id, reason, who, at: asked }, second)
  );
}

function verdictOf({ id, case: name, who, at, release, objects }: HoldEntry): HoldVerdict {
  return { hold: id, case: name, who, at, isActive: release === null, objects: objects.size };
}
