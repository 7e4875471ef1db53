/** Owns the count of recorder processes that ran in this pod: a small file beside the journal, whose volume lives as long as the pod. */
import { readFileSync, writeFileSync } from 'node:fs';

/** Counts this one. @returns how many there were, this one included; 1 where it cannot be kept */
export function countStart(file: string): number {
  let before = 0;
  try {
    before = Number.parseInt(readFileSync(file, 'utf8'), 10) || 0;
  } catch {
    // The first one.
  }
  try {
    writeFileSync(file, `${before + 1}\n`, { mode: 0o600 });
  } catch {
    // A full volume: it is only a count.
  }
  return before + 1;
}
