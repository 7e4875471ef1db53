/** Says what a sound reel does not prove as long as no transparency log stands beside the archive. */
import type { ReelEnd } from './sessionLedger.ts';

export interface Proven {
  readonly end: ReelEnd;
  /** The last line is one that a reel may end with. */
  readonly ended: boolean;
  readonly lastKey: string;
  readonly trusted: boolean;
}

/** How the sentences begin that what other reels say, or the log, may answer. */
export const openEndSentence = 'That nothing followed';
export const firstKeySentence = "That the first key is the recorder's own";
export const deletedReelSentence = 'That no whole reel was deleted';

/** What stays the vault's word about a reel that it calls orphaned, whatever the log shows. */
export function orphanSentence({
  pod,
  artefact,
}: {
  readonly pod: string;
  readonly artefact: string;
}): string {
  return (
    `That pod '${pod}' is gone and no more comes: ${artefact} says so, the word of the vault, which asked the API server; no line of the ` +
    'recorder does. What the pod had not sent is lost, and nothing says how much that was.'
  );
}

/** Sentences for people, most important first; docs/THREATS.md says the same at length. */
export function notProven({ end, ended, lastKey, trusted }: Proven): string[] {
  const sentences: string[] = [];
  if (!ended) {
    sentences.push(
      `${openEndSentence} ${lastKey || 'this'}: the reel has not ended there, and segments deleted from its end leave no trace.`,
    );
  }
  if (end === 'crashed') {
    sentences.push(
      "What the recovered segments say: their key is derived from the seed in the reel's journal, so they prove no more than that " +
        'journal; whoever could read its volume could have written them anew.',
    );
  }
  if (!trusted) {
    sentences.push(
      `${firstKeySentence}: whoever holds any key could have written the whole reel anew from its first ` +
        'segment; only a trusted key given to the check rules that out.',
    );
  }
  sentences.push(`${deletedReelSentence}: nothing inside an archive lists the reels it should have.`);
  return sentences;
}
