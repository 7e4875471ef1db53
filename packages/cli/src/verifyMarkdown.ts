/** The report of `verify` as a document for the files of an audit. Decides nothing. */
import { type BundleVerdict, type Verdict, verdicts } from '@pgtape/evidence';
import { bytesText } from './format.ts';
import { printable } from './paint.ts';
import { findingsOf, type VerifyReport } from './verifyArchive.ts';
import { holdWords } from './verifyHolds.ts';
import { logWords, ownerText } from './verifyText.ts';

type Row = readonly (string | number)[];

/** Nothing that an archive holds may become markup. */
function cell(value: string | number): string {
  return printable(String(value)).replace(/[\\|`*_<>[\]]/g, '\\$&');
}

function table(head: readonly string[], rows: readonly Row[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`;
  return [line(head), line(head.map(() => '---')), ...rows.map((row) => line(row.map(cell)))].join('');
}

function list(items: readonly string[]): string {
  return items.map((item) => `- ${cell(item)}\n`).join('');
}

const lockTexts = {
  strict: 'nobody can delete or shorten what is stored',
  bypassable: 'who has a special permission can delete or shorten what is stored',
  none: 'tamper-evident only: its store locks nothing',
} as const;

function section(title: string, text: string): string {
  return text === '' ? '' : `\n## ${title}\n\n${text}`;
}

function countsByVerdict(report: VerifyReport): Row[] {
  const sessions = report.reels.flatMap((reel) => reel.sessions);
  const count = (all: readonly { readonly verdict: Verdict }[], verdict: Verdict): number =>
    all.filter((one) => one.verdict === verdict).length;
  return [...verdicts]
    .reverse()
    .map((verdict) => [verdict, count(report.reels, verdict), count(sessions, verdict)]);
}

/** An archive's report. */
export function reportMarkdown(report: VerifyReport): string {
  const { reels, log, session } = report;
  const sum = (of: (reel: VerifyReport['reels'][number]) => number): number =>
    reels.reduce((total, reel) => total + of(reel), 0);
  const facts: Row[] = [
    ['archive', report.archive],
    ['checked at', report.at],
    ['by', `${report.by}${report.strict ? ', strict' : ''}`],
    ['protection', lockTexts[report.lock]],
    ['reels', reels.length],
    ['segments', sum(({ segments }) => segments)],
    ['records', sum(({ records }) => records)],
    ['bytes of lines', bytesText(sum(({ bytes }) => bytes))],
    ...(log === null
      ? [['log', 'none']]
      : [
          ['log', log.origin],
          ['log, checked', logWords(log)],
        ]),
    ...(report.holds === null ? [] : [['legal holds', holdWords(report.holds)]]),
    ...(session === null ? [] : [['session', `${session.session}: ${session.verdict}`]]),
  ];
  const findings = [
    ...findingsOf(report).map(({ verdict, artefact, reason, detail }) => [verdict, artefact, reason, detail]),
    ...report.strangers.map((key) => ['forged', key, 'key_invalid', 'no recorder writes such a key']),
    ...report.quarantined.map((key) => ['forged', key, 'quarantined', 'contradicts what was stored']),
  ];
  const ofReels = reels.map((reel) => [
    reel.verdict,
    reel.reel,
    ownerText(reel),
    reel.segments,
    reel.records,
    reel.sessions.length,
  ]);
  const notWhole = reels
    .flatMap((reel) => reel.sessions)
    .filter(({ verdict }) => verdict !== 'complete')
    .map(({ session: id, verdict, lastN, gaps }) => [verdict, id, lastN, gaps.join(', ')]);
  return [
    `# Verification: ${report.verdict}\n\n`,
    table(['what', 'value'], facts),
    section('Verdicts', table(['verdict', 'reels', 'sessions'], countsByVerdict(report))),
    section(
      'Findings',
      findings.length === 0 ? 'None.\n' : table(['verdict', 'artefact', 'reason', 'detail'], findings),
    ),
    section('Not proven', list(report.notProven)),
    section('Reels', table(['verdict', 'reel', 'owner', 'segments', 'records', 'sessions'], ofReels)),
    section(
      'Sessions that are not complete',
      notWhole.length === 0 ? 'None.\n' : table(['verdict', 'session', 'records', 'gaps'], notWhole),
    ),
  ].join('');
}

/** A bundle's report. */
export function bundleMarkdown(bundle: BundleVerdict, name: string, at: string): string {
  const { log, manifest } = bundle;
  const witnesses = log?.cosigned.map((one) => one.name).join(', ') ?? '';
  const facts: Row[] = [
    ['bundle', name],
    ['checked at', at],
    ['exported by', manifest?.by ?? 'unknown'],
    ['lines proven', bundle.proven],
    ['lines attested', bundle.attested],
    ['log', log === null ? 'none' : `${log.origin}, ${log.size} leaves`],
    ['witnesses', witnesses === '' ? 'none' : witnesses],
  ];
  const findings = bundle.findings.map(({ verdict, artefact, reason, detail }) => [
    verdict,
    artefact,
    reason,
    detail,
  ]);
  const sessions = bundle.sessions.map(({ session, verdict, lines, attested }) => [
    verdict,
    session,
    lines,
    attested,
  ]);
  return [
    `# Verification of a bundle: ${bundle.verdict}\n\n`,
    table(['what', 'value'], facts),
    section('Sessions', table(['verdict', 'session', 'lines', 'redacted'], sessions)),
    section(
      'Findings',
      findings.length === 0 ? 'None.\n' : table(['verdict', 'artefact', 'reason', 'detail'], findings),
    ),
    section('Not proven', list(bundle.notProven)),
  ].join('');
}
