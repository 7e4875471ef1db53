/** `pgtape verify`: proves that an archive is what recorders sealed; trusts keys and bytes, nothing else. */
import { type Finding, type JudgedReel, judgeTogether, worse } from '@pgtape/evidence';
import { Command } from 'commander';
import { type Archive, type ReelKeys, reelsByTime, vaultReels } from './archive.ts';
import { CommandError, exitCode } from './exitCode.ts';
import { bytesText, plural } from './format.ts';
import { type Io, put } from './io.ts';
import { type Paint, paintFor, printable } from './paint.ts';
import { openReading } from './reading.ts';
import { paintOf, type ReadFlags, withReadOptions } from './readOptions.ts';
import { type ReelOptions, readReels } from './reelPool.ts';
import { wrapped } from './table.ts';
import { isBad, verdictColour } from './verdictColour.ts';

const help = `
Examples:
  $ pgtape verify
  $ pgtape verify --archive /srv/pgtape/archive --strict
  $ pgtape verify --reel 3f9ac01d77e2b415 -o json
  $ pgtape verify --trust-key 9c0f...e1      only this public key may have begun the reel

It needs no network, no vault and no database. Exit code 0: every reel is complete or open; 1: something is
crashed, a gap or forged, and the artefact is named. docs/formats/check.py does the same without this program.
`;

interface Flags extends ReadFlags {
  readonly reel?: string;
  readonly strict?: boolean;
  readonly trustKey?: readonly string[];
}

interface Report {
  readonly verdict: JudgedReel['verdict'];
  readonly reels: readonly JudgedReel[];
  readonly strangers: readonly string[];
  readonly quarantined: readonly string[];
}

function optionsOf(flags: Flags): ReelOptions {
  const trustedKeys = flags.trustKey ?? [];
  for (const key of trustedKeys) {
    if (!/^[0-9a-f]{64}$/.test(key)) {
      throw new CommandError('TRUST_KEY', `'${key}' is no Ed25519 public key in hex (64 digits)`, {
        exit: exitCode.usage,
      });
    }
  }
  return { strict: flags.strict === true, trustedKeys };
}

async function chosenReels(archive: Archive, flags: Flags): Promise<readonly ReelKeys[]> {
  const wanted = flags.reel;
  const all = await reelsByTime(archive);
  const reels = wanted === undefined ? all : all.filter(({ reel }) => reel.includes(wanted));
  if (wanted !== undefined && reels.length === 0) {
    throw new CommandError('NO_REEL', `no reel '${wanted}' in ${archive.name}`, { exit: exitCode.found });
  }
  return reels;
}

async function check(io: Io, archive: Archive, flags: Flags, paint: Paint): Promise<Report> {
  const wantedReels = await chosenReels(archive, flags);
  // What the vault's reels say of a reel is part of its verdict.
  const others = flags.reel === undefined ? [] : await vaultReels(archive, wantedReels);
  const readings = await readReels(io, archive, [...wantedReels, ...others], optionsOf(flags), paint);
  const judged = judgeTogether(readings.map(({ verdict }) => verdict));
  const reels = judged.slice(0, wantedReels.length);
  const strangers = flags.reel === undefined ? archive.strangers : [];
  const wanted = flags.reel ?? '';
  const quarantined = archive.quarantined.filter((key) => key.includes(wanted));
  const isForged = strangers.length > 0 || quarantined.length > 0;
  const worst = reels.reduce<JudgedReel['verdict']>((sum, reel) => worse(sum, reel.verdict), 'complete');
  return { verdict: isForged ? 'forged' : worst, reels, strangers, quarantined };
}

function findingText(finding: Finding, columns: number, paint: Paint): string {
  const what = printable(`${finding.reason}: ${finding.detail}`);
  const head = `    ${verdictColour(finding.verdict, finding.verdict, paint)}  ${printable(finding.artefact)}\n`;
  return `${head}      ${wrapped(what, columns - 6, 6)}\n`;
}

/** Whose the reel is, as far as the archive says. */
function ownerText(reel: JudgedReel): string {
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
  const head = `${verdictColour(reel.verdict, reel.verdict.padEnd(8), paint)}  reel ${reel.reel}  ${paint.dim(counts)}\n`;
  return head + reel.findings.map((finding) => findingText(finding, columns, paint)).join('');
}

function reportText(report: Report, columns: number, paint: Paint): string {
  const limits = [...new Set(report.reels.flatMap((reel) => reel.notProven))];
  return [
    ...report.reels.map((reel) => reelText(reel, columns, paint)),
    ...report.strangers.map(
      (key) => `${paint.red('forged')}    ${printable(key)}: no recorder writes such a key\n`,
    ),
    ...report.quarantined.map(
      (key) =>
        `${paint.red('forged')}    ${printable(key)}: the vault got this under a number it had already stored\n`,
    ),
    limits.length === 0 ? '' : `\n${paint.dim('Not proven by these bytes alone:')}\n`,
    ...limits.map((text) => paint.dim(`  - ${wrapped(text, columns - 4, 4)}\n`)),
    `\n${paint.bold('Verdict:')} ${verdictColour(report.verdict, report.verdict, paint)}\n`,
  ].join('');
}

async function run(io: Io, flags: Flags, command: Command): Promise<void> {
  const archive = await openReading(io, flags, { action: 'verify', what: flags.reel ?? '' });
  const colour = command.optsWithGlobals().color !== false;
  const report = await check(io, archive, flags, paintFor(io, io.err, colour));
  if (isBad(report.verdict)) io.exit(exitCode.found);
  if (flags.output === 'json') await put(io.out, `${JSON.stringify(report, null, 2)}\n`);
  else if (flags.output === 'jsonl')
    await put(io.out, report.reels.map((reel) => `${JSON.stringify(reel)}\n`).join(''));
  else await put(io.out, reportText(report, io.out.isTTY ? io.out.columns : 100, paintOf(io, command)));
}

/** Builds the command. */
export function verifyCommand(io: Io): Command {
  return withReadOptions(new Command('verify'))
    .description('prove that nothing in an archive was changed, and name what was')
    .option('--reel <id>', 'only reels whose id holds this')
    .option('--strict', 'also hold every line against the whole record schema')
    .option('--trust-key <hex...>', 'public keys one of which must have signed a reel from its start')
    .addHelpText('after', help)
    .action((flags: Flags, command: Command) => run(io, flags, command));
}
