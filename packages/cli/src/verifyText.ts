/** How `verify` prints what it found on a terminal. Decides nothing. */
import type { BundleVerdict, BundleVerdictWord, Finding, JudgedReel, LogVerdict } from '@pgtape/evidence';
import { bytesText, plural } from './format.ts';
import { type Paint, printable } from './paint.ts';
import { wrapped } from './table.ts';
import { verdictColour } from './verdictColour.ts';
import type { VerifyReport } from './verifyArchive.ts';
import { holdWords } from './verifyHolds.ts';

interface AnyFinding extends Omit<Finding, 'verdict'> {
  readonly verdict: BundleVerdictWord;
}

function findingText(finding: AnyFinding, columns: number, paint: Paint): string {
  const what = printable(`${finding.reason}: ${finding.detail}`);
  const head = `    ${coloured(finding.verdict, finding.verdict, paint)}  ${printable(finding.artefact)}\n`;
  return `${head}      ${wrapped(what, columns - 6, 6)}\n`;
}

/** What was judged, and under it what was found. */
function judgedText(
  { verdict, findings }: Pick<LogVerdict, 'verdict' | 'findings'>,
  what: string,
  counts: string,
  columns: number,
  paint: Paint,
): string {
  const head = `${verdictColour(verdict, verdict.padEnd(8), paint)}  ${what}  ${paint.dim(counts)}\n`;
  return head + findings.map((finding) => findingText(finding, columns, paint)).join('');
}

/** A bundle has two words more, and both are as good as the reader takes them. */
function coloured(verdict: BundleVerdictWord, text: string, paint: Paint): string {
  return verdict === 'attested' || verdict === 'excerpt'
    ? paint.cyan(text)
    : verdictColour(verdict, text, paint);
}

/** Whose the reel is, as far as the archive says. */
export function ownerText(reel: JudgedReel): string {
  if (reel.by === 'vault') return `of the vault ${reel.vault?.name ?? ''}`.trimEnd();
  if (reel.enrolled === null || reel.enrolled.method === 'none') return 'not enrolled';
  return `enrolled by ${reel.enrolled.name} (${reel.enrolled.method})`;
}

function reelText(reel: JudgedReel, columns: number, paint: Paint): string {
  const counts = [
    plural(reel.segments, 'segment'),
    plural(reel.records, 'record'),
    ...(reel.by === 'vault' ? [] : [plural(reel.sessions.length, 'session')]),
    bytesText(reel.bytes),
    printable(ownerText(reel)),
  ].join(', ');
  return judgedText(reel, `reel ${reel.reel}`, counts, columns, paint);
}

/** What of the log was checked, in words. */
export function logWords({ checked, size, cosigned }: LogVerdict): string {
  const parts = [
    plural(size, 'leaf', 'leaves'),
    plural(checked.checkpoints, 'checkpoint'),
    plural(checked.tiles, 'tile'),
    plural(checked.objects, 'object'),
    ...(checked.versions > 0 ? [plural(checked.versions, 'version')] : []),
    ...(checked.retentions > 0 ? [`${plural(checked.retentions, 'retention')} read back`] : []),
    cosigned.length === 0 ? 'no witness' : `witnessed by ${cosigned.map(({ name }) => name).join(', ')}`,
  ];
  return parts.join(', ');
}

function limitsText(limits: readonly string[], columns: number, paint: Paint): string {
  if (limits.length === 0) return '';
  const sentences = limits.map((text) => paint.dim(`  - ${wrapped(printable(text), columns - 4, 4)}\n`));
  return `\n${paint.dim('Not proven by these bytes alone:')}\n${sentences.join('')}`;
}

/** An archive's report. */
export function reportText(report: VerifyReport, columns: number, paint: Paint): string {
  const { reels, strangers, quarantined, log, holds, session, verdict, lock, notProven } = report;
  const isUnlocked = lock === 'none' ? paint.dim('  tamper-evident only: its store locks nothing') : '';
  return [
    ...reels.map((reel) => reelText(reel, columns, paint)),
    ...strangers.map((key) => `${paint.red('forged')}    ${printable(key)}: no recorder writes such a key\n`),
    ...quarantined.map(
      (key) =>
        `${paint.red('forged')}    ${printable(key)}: the vault got this under a number it had already stored\n`,
    ),
    log === null
      ? ''
      : judgedText(log, `log ${printable(log.origin || 'log')}`, logWords(log), columns, paint),
    holds === null ? '' : judgedText(holds, 'legal holds', holdWords(holds), columns, paint),
    limitsText(notProven, columns, paint),
    session === null
      ? ''
      : `\nSession ${session.session}: ${verdictColour(session.verdict, session.verdict, paint)}, ${plural(session.lastN, 'record')}\n`,
    `\n${paint.bold('Verdict:')} ${verdictColour(verdict, verdict, paint)}${isUnlocked}\n`,
  ].join('');
}

/** A bundle's report. */
export function bundleText(bundle: BundleVerdict, columns: number, paint: Paint): string {
  const { sessions, findings, log, verdict, proven, attested, notProven } = bundle;
  const rows = sessions.map(({ session, verdict: word, lines, attested: redacted }) => {
    const counts = [plural(lines, 'line'), ...(redacted > 0 ? [`${redacted} redacted`] : [])].join(', ');
    return `${coloured(word, word.padEnd(8), paint)}  session ${session}  ${paint.dim(counts)}\n`;
  });
  const witnesses = log?.cosigned.map(({ name }) => name).join(', ') ?? '';
  const seenBy = witnesses === '' ? 'no witness' : `witnessed by ${printable(witnesses)}`;
  const ofLog =
    log === null
      ? ''
      : paint.dim(`log ${printable(log.origin)}, ${plural(log.size, 'leaf', 'leaves')}, ${seenBy}\n`);
  return [
    ...rows,
    ...findings.map((finding) => findingText(finding, columns, paint)),
    ofLog,
    limitsText(notProven, columns, paint),
    `\n${paint.bold('Verdict:')} ${coloured(verdict, verdict, paint)}, ${plural(proven, 'line')} proven, ${attested} attested\n`,
  ].join('');
}
