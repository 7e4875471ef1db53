/** The colour of a verdict. */
import type { Verdict } from '@pgtape/evidence';
import type { Paint } from './paint.ts';

/** Colours `text` by the verdict it is about. */
export function verdictColour(verdict: Verdict, text: string, paint: Paint): string {
  if (verdict === 'complete') return paint.green(text);
  if (verdict === 'open') return paint.cyan(text);
  return verdict === 'forged' ? paint.red(paint.bold(text)) : paint.yellow(text);
}

/** True for verdicts that make `verify` exit with 1. */
export function isBad(verdict: Verdict): boolean {
  return verdict === 'forged' || verdict === 'crashed' || verdict === 'gap';
}
