/** Says what a check of an archive did not prove, once its log was held against it. Decides no verdict. */
import type { JudgedReel } from '../archiveVerdict.ts';
import { deletedReelSentence, firstKeySentence, openEndSentence } from '../notProven.ts';
import type { LogVerdict } from './logVerdict.ts';

/**
 * Sentences for people, each once. A sound log whose key the auditor brought along answers for reels and segments that are
 * not there, and for the key a reel began with; `log` is null where the archive has none.
 */
export function archiveLimits(reels: readonly JudgedReel[], log: LogVerdict | null): string[] {
  const isAnswered = (log?.isSound ?? false) && log?.keyFrom === 'auditor';
  const started = new Set(log?.started);
  const sentences = reels.flatMap((reel) =>
    isAnswered ? answered(reel, started.has(reel.reel)) : reel.notProven,
  );
  return [...new Set([...sentences, ...(log === null ? [] : limitsOfLog(log, isAnswered))])];
}

function answered({ notProven, reel }: JudgedReel, isStarted: boolean): string[] {
  return notProven.flatMap((sentence) => {
    if (sentence.startsWith(openEndSentence) || sentence.startsWith(deletedReelSentence)) return [];
    if (!isStarted || !sentence.startsWith(firstKeySentence)) return [sentence];
    return [
      `${firstKeySentence} in reel ${reel}: nobody vouched for it when the reel began; that it was this one ever since, the log shows.`,
    ];
  });
}

function limitsOfLog(log: LogVerdict, isAnswered: boolean): string[] {
  const { size, remembered, cosigned, unlogged, keyFrom } = log;
  const sentences: string[] = [];
  if (size === 0) return sentences;
  if (keyFrom === 'archive')
    sentences.push(
      "That the log is the vault's own: its key came from the archive, and who can replace all of that can replace the log. Give the " +
        'key with --log-key or --policy.',
    );
  if (isAnswered && remembered !== size) {
    const newest = cosigned.map(({ time }) => time).sort((a, b) => b - a)[0];
    const when =
      newest === undefined ? '' : ` (a witness saw it so at ${new Date(newest * 1000).toISOString()})`;
    sentences.push(
      `That the log did not go on behind its ${size} leaves${when}: cut back as a whole to an earlier state, and all objects after it ` +
        'with it, it looks like this. A later checkpoint, seen elsewhere, shows it: --checkpoint.',
    );
  }
  if (isAnswered && cosigned.length === 0)
    sentences.push('That others were shown the same log: no witness of a policy cosigned its checkpoint.');
  if (unlogged > 0)
    sentences.push(
      `That ${unlogged} objects are in the log: they are not yet, and prove what their seals prove.`,
    );
  return sentences;
}
