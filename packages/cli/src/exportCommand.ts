/** `pgtape export`: an evidence bundle that proves itself to someone who has neither the archive nor pgtape. */

import { createPrivateKey, sign } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Signer, tarOf } from '@pgtape/evidence';
import { rawPublicKey } from '@pgtape/tlog';
import { Command } from 'commander';
import { asCalled } from './commandExamples.ts';
import { CommandError, exitCode } from './exitCode.ts';
import { exportBundle } from './exportBundle.ts';
import { type ExportFlags, exportSelection } from './exportSelection.ts';
import { bytesText, plural } from './format.ts';
import type { Io } from './io.ts';
import { openReading } from './reading.ts';
import { paintOf, type ReadFlags, spoken, withReadOptions } from './readOptions.ts';
import { type TrustFlags, trustOf } from './verifyTrust.ts';

const help = `
Examples:
  $ pgtape export 3f9ac01d77e2b415-12 --to session.tar --why 'case 4711'
  $ pgtape export last --to session.tar --policy policy.txt
  $ pgtape export --search 'salaries' --to salaries.tar
  $ pgtape export --case 4711 --to case-4711.tar --signing-key exporter.pem
  $ pgtape export last --to session.tar --redact 3,7-9 --signing-key exporter.pem

The bundle holds the lines, proofs that they are under their seals and in the log, keys, a README and check.py, which needs
none of our software. Nothing of other sessions is in it. --search takes the statements that fit and who made them, not
whole sessions. A redacted line keeps its place and its hash; what it says is then the exporter's word, signed.
`;

interface Flags extends ReadFlags, TrustFlags, ExportFlags {
  readonly to: string;
  readonly redact?: string;
  readonly signingKey?: string;
}

const ranges = /^\d{1,9}(-\d{1,9})?(,\d{1,9}(-\d{1,9})?)*$/;
/** More than a session has. */
const redactedMax = 1_000_000;

function usage(code: string, message: string): CommandError {
  return new CommandError(code, message, { exit: exitCode.usage });
}

/** `3,7-9`. @throws CommandError `REDACT` */
function ordinalsOf(text: string | undefined): Set<number> {
  const ordinals = new Set<number>();
  if (text === undefined) return ordinals;
  if (!ranges.test(text)) throw usage('REDACT', `'${text}' names no lines, as 3,7-9 does`);
  for (const part of text.split(',')) {
    const [from, to = from] = part.split('-').map(Number) as [number, number?];
    if (to < from || to - from > redactedMax) throw usage('REDACT', `'${part}' is no range`);
    for (let n = from; n <= to; n += 1) ordinals.add(n);
  }
  return ordinals;
}

/** An Ed25519 private key as PEM. @throws CommandError `SIGNING_KEY` */
function signerOf(io: Io, path: string | undefined): Signer | null {
  if (path === undefined) return null;
  try {
    const key = createPrivateKey(readFileSync(resolve(io.cwd, path)));
    if (key.asymmetricKeyType !== 'ed25519') throw new Error(`a key of type ${key.asymmetricKeyType}`);
    const publicKey = Buffer.from(rawPublicKey(key)).toString('hex');
    return { publicKey, sign: (bytes) => sign(null, bytes, key) };
  } catch (cause) {
    throw new CommandError('SIGNING_KEY', `${path} is no Ed25519 private key (${(cause as Error).message})`, {
      exit: exitCode.usage,
      advice: 'openssl genpkey -algorithm ed25519 -out exporter.pem makes one.',
      cause,
    });
  }
}

const checkerFile = fileURLToPath(new URL('../assets/bundleCheck.py', import.meta.url));

async function run(io: Io, wanted: readonly string[], flags: Flags, command: Command): Promise<void> {
  const trust = trustOf(io, flags);
  const redacted = ordinalsOf(flags.redact);
  const exporter = signerOf(io, flags.signingKey);
  if (redacted.size > 0 && exporter === null)
    throw usage('SIGNING_KEY', '--redact needs --signing-key: somebody must vouch for what is hidden');
  if (redacted.size > 0 && wanted.length !== 1)
    throw usage('REDACT', '--redact names lines of one session: export that one alone');
  const what = spoken(wanted.join(' ') || undefined, flags, [
    'to',
    'output',
    'policy',
    'logKey',
    'signingKey',
  ]);
  const archive = await openReading(io, flags, { action: 'export', what });
  const exported = await exportSelection(io, archive, wanted, flags);
  const paint = paintOf(io, command, io.err);
  const files = await exportBundle(
    io,
    archive,
    {
      exported,
      trust,
      redacted,
      exporter,
      checker: readFileSync(checkerFile),
    },
    paint,
  );
  const tar = tarOf(files, Math.floor(io.now() / 1000));
  try {
    writeFileSync(resolve(io.cwd, flags.to), tar, { flag: 'wx', mode: 0o600 });
  } catch (cause) {
    const errno = (cause as NodeJS.ErrnoException).code;
    const why = errno === 'EEXIST' ? 'it is there already' : errno;
    throw new CommandError('EXPORT_FILE', `cannot write ${flags.to}: ${why}`, {
      exit: exitCode.environment,
      cause,
    });
  }
  const { size } = exported.sessions;
  io.err.write(
    `${plural(size, 'session')} in ${flags.to}, ${bytesText(tar.length)}; 'pgtape verify --bundle ${flags.to}' checks it\n`,
  );
}

/** Builds the command. */
export function exportCommand(io: Io): Command {
  return withReadOptions(new Command('export'))
    .description('an evidence bundle of sessions, a search or a case, which proves itself')
    .argument('[session...]', "ids of sessions or parts of them; 'last', 'last-1' ...")
    .requiredOption('--to <file>', 'the bundle, a tar file that is not there yet')
    .option('--search <text>', 'the statements whose text holds this, or fits /a regular expression/')
    .option('-i, --ignore-case', 'of --search')
    .option('--case <id>', 'the sessions that are held for a case')
    .option('--redact <n>', 'lines of the session to hide, by their n: 3,7-9')
    .option('--signing-key <file>', "the exporter's Ed25519 key (PEM): signs the bundle and what is hidden")
    .option('--log-key <vkey...>', "the log's verifier keys, or a file with one on each line")
    .option('--policy <file>', 'logs, witnesses and quorum (C2SP tlog-policy); goes into the bundle')
    .option('--trust-key <hex...>', 'public keys one of which must have signed a reel from its start')
    .addHelpText('after', asCalled(help))
    .action((wanted: string[], flags: Flags, command: Command) => run(io, wanted, flags, command));
}
