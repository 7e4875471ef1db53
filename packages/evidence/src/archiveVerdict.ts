/**
 * Judges reels by what other reels of the same archive say about them: a vault's reel that the next one found
 * without an end, who vouched for a recorder's keys, and whose pod is gone. Looks at verdicts only, never at lines.
 */
import { firstKeySentence, openEndSentence } from './notProven.ts';
import { orphanWords, withOrphanFinding } from './orphanVerdict.ts';
import { segmentKey } from './segmentKey.ts';
import type { EnrolledReel, PreviousReel, VaultWords } from './vaultLedger.ts';
import { type Finding, type ReelVerdict, worse } from './verdict.ts';

export interface JudgedReel extends ReelVerdict {
  /** What the vault's reels say of its keys; null where they say nothing, and of a vault's reel. */
  readonly enrolled: Pick<EnrolledReel, 'method' | 'name' | 'artefact'> | null;
}

/** Anybody can put a reel under an id that is taken; under one recorder's it is the same reel. */
function placeOf({ recorder, reel }: Pick<ReelVerdict, 'recorder' | 'reel'>): string {
  return `${recorder}/${reel}`;
}

/**
 * The same reels in the same order. Give all reels of the archive: one whose vault's reel is left out counts
 * as not enrolled, one whose successor is left out as open.
 */
export function judgeTogether(reels: readonly ReelVerdict[]): JudgedReel[] {
  const judged = new Map<string, JudgedReel>();
  for (const reel of reels) judged.set(placeOf(reel), { ...reel, enrolled: null });
  const places = Map.groupBy(judged.keys(), (place) => judged.get(place)!.reel);
  for (const { recorder, reel, vault } of reels) {
    if (vault === null) continue;
    if (vault.previous !== null) succeed(judged, { recorder, reel, vault, previous: vault.previous });
    for (const enrolment of vault.enrolments) {
      // The first segment may never have come: enrolment is recorded before it is stored.
      for (const place of places.get(enrolment.reel) ?? []) enrol(judged, place, enrolment);
    }
  }
  const together = reels.map((reel) => judged.get(placeOf(reel))!);
  // Last: what a vault says counts only once its own reels were judged.
  const words = orphanWords(together);
  return together.map((reel) =>
    reel.by === 'vault' ? reel : withOrphanFinding(reel, words.get(reel.reel) ?? []),
  );
}

interface Succession {
  readonly recorder: string;
  readonly reel: string;
  readonly vault: VaultWords;
  readonly previous: PreviousReel;
}

/** The later reel swears how far the earlier one reached: what is missing of it, or more, is forged. */
function succeed(reels: Map<string, JudgedReel>, { recorder, reel, vault, previous }: Succession): void {
  const place = placeOf({ recorder, reel: previous.reel });
  const before = reels.get(place);
  const keyOf = (segment: number) => segmentKey(recorder, previous.reel, segment);
  const forged = (about: string, artefact: string, reason: string, detail: string) =>
    add(reels, about, { verdict: 'forged', artefact, reason, detail });
  const said = `${vault.artefact} says that it ended with segment ${previous.segment}`;
  if (before === undefined) {
    forged(
      placeOf({ recorder, reel }),
      keyOf(1),
      'reel_missing',
      `the vault's reel before this one is not here; ${said}`,
    );
  } else if (before.closed) {
    forged(place, keyOf(previous.segment), 'closed_afterwards', `the reel has an end; ${said}`);
  } else if (before.tail === null || before.tail.segment < previous.segment) {
    forged(place, keyOf(previous.segment), 'segment_missing', said);
  } else if (before.tail.segment > previous.segment) {
    forged(place, keyOf(previous.segment + 1), 'continued_afterwards', said);
  } else if (before.tail.seal !== previous.seal) {
    forged(place, keyOf(previous.segment), 'seal_mismatch', `another seal than the next reel names`);
  } else {
    crashed(reels, before, keyOf(previous.segment), vault);
  }
}

/** Nothing of it is lost: a vault's records are stored before what they tell of is done. */
function crashed(reels: Map<string, JudgedReel>, before: JudgedReel, key: string, vault: VaultWords): void {
  const detail = `the vault did not end in order; ${vault.artefact} names this as its last segment`;
  reels.set(placeOf(before), {
    ...before,
    verdict: worse(before.verdict, 'crashed'),
    findings: [
      ...before.findings.filter(({ reason }) => reason !== 'not_closed'),
      { verdict: 'crashed', artefact: key, reason: 'vault_crashed', detail },
    ],
    notProven: before.notProven.filter((sentence) => !sentence.startsWith(openEndSentence)),
  });
}

function enrol(reels: Map<string, JudgedReel>, place: string, enrolment: EnrolledReel): void {
  const reel = reels.get(place)!;
  if (reel.by === 'vault') return;
  const { method, name, artefact } = enrolment;
  reels.set(place, {
    ...reel,
    enrolled: { method, name, artefact },
    notProven: method === 'none' ? reel.notProven : vouchedFor(reel.notProven, enrolment),
  });
  const isSame =
    reel.recorder === enrolment.recorder &&
    (reel.key === '' || reel.key === enrolment.key) &&
    (reel.recoveryKey === '' || reel.recoveryKey === enrolment.recoveryKey);
  if (isSame) return;
  const detail = `${artefact} vouches for other keys than the reel begins with`;
  // It is another reel than the one that was vouched for: so is everything in it.
  const sessions = reel.sessions.map((session) => ({ ...session, verdict: 'forged' as const }));
  reels.set(place, { ...reels.get(place)!, sessions });
  add(reels, place, {
    verdict: 'forged',
    artefact: segmentKey(reel.recorder, reel.reel, 1),
    reason: 'enrolment_mismatch',
    detail,
  });
}

const shownBy: Readonly<Record<EnrolledReel['method'], string>> = {
  secret: 'an enrolment secret',
  mtls: 'a client certificate',
  kubernetes: "a pod's token with the API server",
  jwks: "the signature of a pod's token",
  none: 'nothing',
};

/** Whose the first key is, is then the vault's word. */
function vouchedFor(sentences: readonly string[], { method, name }: EnrolledReel): string[] {
  const said = `That the reel is of '${name}': the vault says so, which checked ${shownBy[method]}`;
  return [
    ...sentences.filter((sentence) => !sentence.startsWith(firstKeySentence)),
    `${said}; who has that, or the vault, could begin one in its name.`,
  ];
}

function add(reels: Map<string, JudgedReel>, about: string, finding: Finding): void {
  const reel = reels.get(about)!;
  reels.set(about, {
    ...reel,
    verdict: worse(reel.verdict, finding.verdict),
    findings: [...reel.findings, finding],
  });
}
