/**
 * Says how a reel ended of which a vault says that its pod is gone. Pure, and looks at verdicts only. The vault's word
 * answers for nothing but that no more is to come: the reel's own lines, and what came later, count for more.
 */
import { orphanSentence } from './notProven.ts';
import { segmentKey } from './segmentKey.ts';
import type { OrphanedReel } from './vaultLedger.ts';
import { type Finding, type ReelVerdict, type Verdict, worse } from './verdict.ts';

/**
 * What vaults say of reels without an end, by reel, and only where they may: a vault speaks for a reel that it enrolled
 * itself, by a token of the very pod it says is gone, and only while its own reels are sound. `reels`: all of the archive, judged.
 */
export function orphanWords(reels: readonly ReelVerdict[]): Map<string, OrphanedReel[]> {
  const enrolled = new Set<string>();
  const sound = reels.filter(({ vault, verdict }) => vault !== null && verdict !== 'forged');
  for (const { recorder, vault } of sound) {
    for (const { reel, recorder: of, podUid } of vault?.enrolments ?? [])
      if (podUid !== null) enrolled.add([recorder, reel, of, podUid].join(' '));
  }
  const words = new Map<string, OrphanedReel[]>();
  for (const { recorder, vault } of sound) {
    for (const word of vault?.orphaned ?? []) {
      const { reel, recorder: of, podUid } = word;
      if (enrolled.has([recorder, reel, of, podUid].join(' ')))
        words.set(reel, [...(words.get(reel) ?? []), word]);
    }
  }
  return words;
}

export type OrphanedEnd = Pick<ReelVerdict, 'reel' | 'recorder' | 'tail' | 'ended'>;

/** Those that knew of most segments: the reel had sent again before them, and what was said earlier is over. */
function newest({ recorder: of }: OrphanedEnd, words: readonly OrphanedReel[]): OrphanedReel[] {
  const about = words.filter(({ recorder }) => recorder === of);
  const known = about.reduce((most, { segment }) => Math.max(most, segment), 0);
  return about.filter(({ segment }) => segment === known);
}

/**
 * What the words about a reel come to.
 * - `crashed`, `pod_gone`: it is as it was when the vault said so.
 * - `complete`, `came_back`: it went on, or has an end of its own: names the word that is overtaken, and worsens nothing.
 * - `forged`, `segment_missing`, `seal_mismatch`: the vault had more of it, or something else.
 */
export function orphanFinding(end: OrphanedEnd, words: readonly OrphanedReel[]): Finding | null {
  const last = newest(end, words);
  const [word] = last;
  if (word === undefined) return null;
  const { segment: known, artefact, pod } = word;
  const said = `${artefact} says that pod '${pod}' is gone, and segment ${known} the last that came of it`;
  const found = (verdict: Verdict, segment: number, reason: string, detail: string): Finding => ({
    verdict,
    artefact: segmentKey(end.recorder, end.reel, segment),
    reason,
    detail,
  });
  const { tail } = end;
  if (tail === null || tail.segment < known) return found('forged', known, 'segment_missing', said);
  if (tail.segment > known) return found('complete', known + 1, 'came_back', `more came afterwards; ${said}`);
  if (last.some(({ seal }) => seal !== tail.seal))
    return found('forged', known, 'seal_mismatch', `another seal than the vault had; ${said}`);
  if (end.ended) return found('complete', known, 'came_back', `the reel has an end of its own; ${said}`);
  return found('crashed', known, 'pod_gone', said);
}

/** The reel and its sessions with what the words about it come to. */
export function withOrphanFinding<R extends ReelVerdict>(reel: R, words: readonly OrphanedReel[]): R {
  const finding = orphanFinding(reel, words);
  if (finding === null) return reel;
  const { verdict, artefact } = finding;
  const judged = {
    ...reel,
    verdict: worse(reel.verdict, verdict),
    findings: [...reel.findings, finding],
    sessions: reel.sessions.map((session) => {
      // What closed before the segment in question did so in lines that nobody doubts.
      const isTouched = !session.closed || (verdict === 'forged' && session.lastKey === artefact);
      return isTouched ? { ...session, verdict: worse(session.verdict, verdict) } : session;
    }),
  };
  if (verdict !== 'crashed') return judged;
  return {
    ...judged,
    findings: judged.findings.filter(({ reason }) => reason !== 'not_closed'),
    notProven: [...reel.notProven, ...newest(reel, words).slice(0, 1).map(orphanSentence)],
  };
}
