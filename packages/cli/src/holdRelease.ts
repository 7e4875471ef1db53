/** `pgtape hold release`: at once, or with what a second person signed. */
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseSignedRelease, type SignedRelease } from '@pgtape/evidence';
import { Command } from 'commander';
import { z } from 'zod';
import { CommandError, exitCode } from './exitCode.ts';
import { HoldClient, ShownHold } from './holdClient.ts';
import { printHolds } from './holdPrinting.ts';
import { readText } from './holdSigning.ts';
import { type Io, put } from './io.ts';
import { outputOption, paintOf, withCallerOptions } from './readOptions.ts';
import type { OutputFormat } from './table.ts';
import type { WayFlags } from './vaultWay.ts';

const help = `
Examples:
  $ pgtape hold release 3f9ac01d --reason 'case closed'
Where the hold asks for a second person:
  $ pgtape hold release 3f9ac01d --reason 'case closed' --request release.txt
  $ pgtape hold sign release.txt --key bob.pem --as bob --out release.signed       (the second person)
  $ pgtape hold release 3f9ac01d --signed release.signed

An object stays frozen while another hold covers it.
Exit codes: 0 released; 1 nothing was released yet, a second person has to sign; 2 refused, and why.
`;

interface Flags extends WayFlags {
  readonly reason?: string;
  readonly signed?: string;
  readonly request?: string;
  readonly wait: boolean;
  readonly output: OutputFormat;
}

/** What the vault would want signed. */
const ReleaseDraft = z.looseObject({ text: z.string(), second_needed: z.boolean() });
type ReleaseDraft = z.infer<typeof ReleaseDraft>;

function usage(code: string, message: string, advice: string): CommandError {
  return new CommandError(code, message, { exit: exitCode.usage, advice });
}

function signedIn(io: Io, path: string, { hold }: ShownHold): SignedRelease {
  const signed = parseSignedRelease(readText(io, path));
  if (signed === null) {
    throw usage(
      'NOT_SIGNED',
      `${path} is no signed release`,
      "'pgtape hold sign' makes one, and no line may be changed.",
    );
  }
  if (signed.request.hold !== hold) {
    throw usage(
      'RELEASE_OTHER',
      `${path} releases hold ${signed.request.hold}`,
      'Name that hold, or have this one signed.',
    );
  }
  return signed;
}

/** Hands out what the second person is to sign; nothing is released. */
async function handOut(io: Io, { text }: ReleaseDraft, { request }: Flags): Promise<void> {
  if (request === undefined) await put(io.out, text);
  else writeFileSync(resolve(io.cwd, request), text);
  const file = request ?? 'FILE';
  io.err.write(
    'nothing is released yet: this hold asks for a second person. He signs the text\n' +
      `  pgtape hold sign ${file} --key HIS_KEY.pem --as HIS_NAME --out ${file}.signed\n` +
      `and you release with\n  pgtape hold release HOLD --signed ${file}.signed\n`,
  );
  io.exit(exitCode.found);
}

async function run(io: Io, wanted: string, flags: Flags, command: Command): Promise<void> {
  const client = new HoldClient(io, flags);
  const hold = await client.find(wanted);
  const path = `/v1/holds/${hold.hold}/release`;
  const { reason, signed } = flags;
  let body: object;
  if (signed !== undefined) {
    const { request, second } = signedIn(io, signed, hold);
    body = { reason: request.reason, asked: request.at, second };
  } else {
    if (reason === undefined) throw usage('REASON', 'why is it released?', "Say so: --reason 'case closed'.");
    const draft = await client.post(`${path}-text`, { reason }, ReleaseDraft);
    if (draft.second_needed) return await handOut(io, draft, flags);
    body = { reason };
  }
  const released = await client.post(path, body, ShownHold);
  const errPaint = paintOf(io, command, io.err);
  const shown = flags.wait ? await client.settled(io, released, errPaint) : released;
  await printHolds(io, [shown], { output: flags.output, isList: false }, paintOf(io, command));
}

/** Builds the command. */
export function releaseCommand(io: Io): Command {
  return withCallerOptions(new Command('release'))
    .description('let go what only this hold froze')
    .argument('<hold>', 'its id, or the start of it')
    .option('--reason <text>', 'why, in one line')
    .option('--request <file>', 'where to write what the second person is to sign (default: standard output)')
    .option('--signed <file>', 'what the second person signed')
    .option('--no-wait', 'do not wait until everything is let go')
    .addOption(outputOption())
    .addHelpText('after', help)
    .action((wanted: string, flags: Flags, command: Command) => run(io, wanted, flags, command));
}
