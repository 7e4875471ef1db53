/** `pgtape verify`: proves that an archive is what recorders sealed; trusts keys and bytes, nothing else. */
import { type CheckReelOptions, checkReel, type Finding, type ReelVerdict, worse } from '@pgtape/evidence';
import { Command } from 'commander';
import { type Archive, openArchive, type ReelKeys, segmentsOf } from './archive.ts';
import { CommandError, exitCode } from './exitCode.ts';
import { bytesText } from './format.ts';
import type { Io } from './io.ts';
import { type Paint, paintFor, printable } from './paint.ts';
import { Progress } from './progress.ts';
import { paintOf, type ReadFlags, withReadOptions } from './readOptions.ts';
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
  readonly verdict: ReelVerdict['verdict'];
  readonly reels: readonly ReelVerdict[];
  readonly strangers: readonly string[];
}

function optionsOf(flags: Flags): CheckReelOptions {
  const keys = flags.trustKey ?? [];
  for (const key of keys) {
    if (!/^[0-9a-f]{64}$/.test(key)) {
      throw new CommandError('TRUST_KEY', `'${key}' is no Ed25519 public key in hex (64 digits)`, {
        exit: exitCode.usage,
      });
    }
  }
  return { strict: flags.strict === true, ...(keys.length === 0 ? {} : { trustedKeys: new Set(keys) }) };
}

function chosenReels(archive: Archive, flags: Flags): readonly ReelKeys[] {
  const wanted = flags.reel;
  const reels =
    wanted === undefined ? archive.reels : archive.reels.filter(({ reel }) => reel.includes(wanted));
  if (wanted !== undefined && reels.length === 0) {
    throw new CommandError('NO_REEL', `no reel '${wanted}' in ${archive.root}`, { exit: exitCode.found });
  }
  return reels;
}

async function check(io: Io, archive: Archive, flags: Flags, paint: Paint): Promise<Report> {
  const options = optionsOf(flags);
  const progress = new Progress(io.err, paint, io.now);
  const reels: ReelVerdict[] = [];
  const chosen = chosenReels(archive, flags);
  for (const [index, reel] of chosen.entries()) {
    if (io.err.isTTY) {
      progress.step(
        `reel ${index + 1} of ${chosen.length}: ${reel.keys.length} segments, ${bytesText(reel.bytes)}`,
      );
    }
    reels.push(await checkReel(segmentsOf(archive, reel), options));
  }
  progress.done();
  const strangers = flags.reel === undefined ? archive.strangers : [];
  const worst = reels.reduce<ReelVerdict['verdict']>((sum, reel) => worse(sum, reel.verdict), 'complete');
  return { verdict: strangers.length > 0 ? 'forged' : worst, reels, strangers };
}

function findingText(finding: Finding, paint: Paint): string {
  const what = `${finding.reason}: ${finding.detail}`;
  return `    ${verdictColour(finding.verdict, finding.verdict, paint)}  ${printable(finding.artefact)}\n      ${printable(what)}\n`;
}

function reelText(reel: ReelVerdict, paint: Paint): string {
  const counts = `${reel.segments} segments, ${reel.records} records, ${reel.sessions.length} sessions, ${bytesText(reel.bytes)}`;
  const head = `${verdictColour(reel.verdict, reel.verdict.padEnd(8), paint)}  reel ${reel.reel}  ${paint.dim(counts)}\n`;
  return head + reel.findings.map((finding) => findingText(finding, paint)).join('');
}

function reportText(report: Report, paint: Paint): string {
  const limits = [...new Set(report.reels.flatMap((reel) => reel.notProven))];
  return [
    ...report.reels.map((reel) => reelText(reel, paint)),
    ...report.strangers.map(
      (key) => `${paint.red('forged')}    ${printable(key)}: no recorder writes such a key\n`,
    ),
    limits.length === 0 ? '' : `\n${paint.dim('Not proven by these bytes alone:')}\n`,
    ...limits.map((text) => paint.dim(`  - ${text}\n`)),
    `\n${paint.bold('Verdict:')} ${verdictColour(report.verdict, report.verdict, paint)}\n`,
  ].join('');
}

async function run(io: Io, flags: Flags, command: Command): Promise<void> {
  const archive = await openArchive(io, flags.archive);
  const colour = command.optsWithGlobals().color !== false;
  const report = await check(io, archive, flags, paintFor(io, io.err, colour));
  if (flags.output === 'json') io.out.write(`${JSON.stringify(report, null, 2)}\n`);
  else if (flags.output === 'jsonl')
    io.out.write(report.reels.map((reel) => `${JSON.stringify(reel)}\n`).join(''));
  else io.out.write(reportText(report, paintOf(io, command)));
  if (isBad(report.verdict)) io.exit(exitCode.found);
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
