/** `pgtape verify`: proves that an archive, or a bundle, is what recorders sealed; trusts keys and bytes, nothing else. */

import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type BundleVerdict, type BundleVerdictWord, checkBundle } from '@pgtape/evidence';
import { Command, Option } from 'commander';
import { readBundle } from './bundleReading.ts';
import { asCalled } from './commandExamples.ts';
import { CommandError, exitCode } from './exitCode.ts';
import { type Io, put } from './io.ts';
import { openReading } from './reading.ts';
import { paintOf, type ReadFlags, withReadOptions } from './readOptions.ts';
import { isBad } from './verdictColour.ts';
import { type VerifyReport, verifyArchive } from './verifyArchive.ts';
import { bundleMarkdown, reportMarkdown } from './verifyMarkdown.ts';
import { VerifyResume } from './verifyResume.ts';
import { bundleText, reportText } from './verifyText.ts';
import { type Trust, type TrustFlags, trustOf } from './verifyTrust.ts';
import { version } from './version.ts';

const help = `
Examples:
  $ pgtape verify
  $ pgtape verify --archive /srv/pgtape/archive --log-key 'vault.example+7d1f...'
  $ pgtape verify --archive 's3://evidence/prod?region=eu-central-1' --policy policy.txt --checkpoint last-month.txt
  $ pgtape verify --session 3f9ac01d77e2b415-12
  $ pgtape verify --bundle case-4711.tar --policy policy.txt
  $ pgtape verify --resume /var/tmp/audit.jsonl --report md --to audit.md
  $ pgtape verify --trust-key 9c0f...e1      only this public key may have begun the reel

It needs no network, no vault and no database. Exit code 0: every reel is complete or open; 1: something is
crashed, a gap or forged, and the artefact is named. Without --log-key or --policy the log's key is the one in the
archive, which proves less. docs/formats/check.py does the same for segments without this program.
`;

interface Flags extends ReadFlags, TrustFlags {
  readonly reel?: string;
  readonly session?: string;
  readonly bundle?: string;
  readonly strict?: boolean;
  readonly resume?: string;
  readonly report?: 'json' | 'md';
  readonly to?: string;
}

/** A report in the three forms it can have. */
interface Printed {
  readonly verdict: BundleVerdictWord;
  readonly json: () => string;
  readonly jsonLines: () => string;
  readonly markdown: () => string;
  readonly text: (columns: number) => string;
}

function onlyOne(flags: Flags): void {
  const given = (['reel', 'session', 'bundle'] as const).filter((name) => flags[name] !== undefined);
  if (given.length > 1) {
    const names = given.map((name) => `--${name}`).join(' and ');
    throw new CommandError('ONE_OF', `either of ${names}, not both`, { exit: exitCode.usage });
  }
  if (flags.to !== undefined && flags.report === undefined)
    throw new CommandError('TO', '--to is where --report goes', { exit: exitCode.usage });
}

async function ofArchive(io: Io, flags: Flags, trust: Trust, command: Command): Promise<Printed> {
  const strict = flags.strict === true;
  const archive = await openReading(io, flags, {
    action: 'verify',
    what: flags.session ?? flags.reel ?? '',
  });
  const { trustedKeys } = trust;
  const resume =
    flags.resume === undefined
      ? null
      : VerifyResume.open(resolve(io.cwd, flags.resume), {
          format: 'pgtape-verify-v1',
          by: version,
          strict,
          trustedKeys,
        });
  const plan = { reel: flags.reel ?? null, session: flags.session ?? null, strict, trust, resume };
  const errPaint = paintOf(io, command, io.err);
  const report: VerifyReport = await verifyArchive(io, archive, plan, errPaint);
  return {
    verdict: report.verdict,
    json: () => `${JSON.stringify(report, null, 2)}\n`,
    jsonLines: () => report.reels.map((reel) => `${JSON.stringify(reel)}\n`).join(''),
    markdown: () => reportMarkdown(report),
    text: (columns) => reportText(report, columns, paintOf(io, command)),
  };
}

function ofBundle(io: Io, path: string, trust: Trust, command: Command): Printed {
  const read = readBundle(io, path);
  const { policy, logKeys } = trust.log;
  const bundle: BundleVerdict =
    'damaged' in read
      ? unreadable(path, read.damaged)
      : checkBundle(read.files, {
          ...(policy !== undefined && { policy }),
          ...(logKeys !== undefined && { logKeys }),
          ...(trust.trustedKeys.length > 0 && { trustedKeys: new Set(trust.trustedKeys) }),
        });
  return {
    verdict: bundle.verdict,
    json: () => `${JSON.stringify(bundle, null, 2)}\n`,
    jsonLines: () => bundle.sessions.map((session) => `${JSON.stringify(session)}\n`).join(''),
    markdown: () => bundleMarkdown(bundle, path, new Date(io.now()).toISOString()),
    text: (columns) => bundleText(bundle, columns, paintOf(io, command)),
  };
}

function unreadable(path: string, detail: string): BundleVerdict {
  return {
    verdict: 'forged',
    findings: [{ verdict: 'forged', artefact: path, reason: 'bundle_tar', detail }],
    sessions: [],
    manifest: null,
    log: null,
    proven: 0,
    attested: 0,
    notProven: [],
  };
}

function isWrong(verdict: BundleVerdictWord): boolean {
  return verdict !== 'attested' && verdict !== 'excerpt' && isBad(verdict);
}

async function run(io: Io, flags: Flags, command: Command): Promise<void> {
  onlyOne(flags);
  const trust = trustOf(io, flags);
  const printed =
    flags.bundle === undefined
      ? await ofArchive(io, flags, trust, command)
      : ofBundle(io, flags.bundle, trust, command);
  if (isWrong(printed.verdict)) io.exit(exitCode.found);
  if (flags.report !== undefined) {
    const text = flags.report === 'md' ? printed.markdown() : printed.json();
    if (flags.to === undefined) {
      await put(io.out, text);
      return;
    }
    writeFileSync(resolve(io.cwd, flags.to), text);
  }
  if (flags.output === 'json') await put(io.out, printed.json());
  else if (flags.output === 'jsonl') await put(io.out, printed.jsonLines());
  else await put(io.out, printed.text(io.out.isTTY ? io.out.columns : 100));
}

/** Builds the command. */
export function verifyCommand(io: Io): Command {
  return withReadOptions(new Command('verify'))
    .description('prove that nothing in an archive or a bundle was changed, and name what was')
    .option('--reel <id>', 'only reels whose id holds this')
    .option('--session <id>', "only this session, in its reel; a part of its id, or 'last'")
    .option('--bundle <path>', "an evidence bundle of 'pgtape export': its tar, or the folder")
    .option('--strict', 'also hold every line against the whole record schema')
    .option('--trust-key <hex...>', 'public keys one of which must have signed a reel from its start')
    .option('--log-key <vkey...>', "the log's verifier keys, or a file with one on each line")
    .option('--policy <file>', 'logs, witnesses and quorum to believe (C2SP tlog-policy)')
    .option('--checkpoint <file>', 'a checkpoint seen earlier: the log must continue it')
    .option('--resume <file>', 'keep results in this file, and go on from those that are there')
    .addOption(new Option('--report <format>', 'a report of what was checked').choices(['json', 'md']))
    .option('--to <file>', 'where the report goes (default: standard output)')
    .addHelpText('after', asCalled(help))
    .action((flags: Flags, command: Command) => run(io, flags, command));
}
