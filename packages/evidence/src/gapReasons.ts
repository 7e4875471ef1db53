/** Every way of not recording, by name: the same word in record, metric, status and docs. Knows no record. */

export const gapReasons = [
  'decode_lost',
  'bad_framing',
  'tls_no_certificate',
  'raw_lane',
  'journal_full',
  'spool_full',
  'recorder_crashed',
  'journal_damaged',
] as const;

export type GapReason = (typeof gapReasons)[number];

/** Whether a word that was read is one of them. */
export function isGapReason(word: string): word is GapReason {
  return (gapReasons as readonly string[]).includes(word);
}
