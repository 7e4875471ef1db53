/** `pgtape hold sign` and `key`: what the second person of a release does, without any vault. */
import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseReleaseText, ReleaseSignature, releaseText, signedReleaseText } from '@pgtape/evidence';
import { rawPublicKey } from '@pgtape/tlog';
import { Command } from 'commander';
import { CommandError, exitCode } from './exitCode.ts';
import { wallText } from './format.ts';
import { type Io, put } from './io.ts';
import { printable } from './paint.ts';

const signHelp = `
Examples:
  $ pgtape hold sign release.txt --key bob.pem --as bob --out release.signed
  $ pgtape hold sign release.txt --key bob.pem --as bob --yes > release.signed

Shows what would be signed and asks; Enter signs, anything else does not. --yes signs what you have read
already. Needs no vault: sign where your key is, and give the signed file back to who asked.
Exit codes: 0 signed; 1 not signed; 2 the text, the name or the key is none.
`;

const keyHelp = `
Examples:
  $ pgtape hold key --new bob.pem           a new key; prints its public half
  $ pgtape hold key --key bob.pem           the public half of a key that is there

The public half goes into the configuration of the vault: holds.signers: [{name: bob, publicKey: ...}].
openssl genpkey -algorithm ed25519 makes such keys, too.
`;

interface SignFlags {
  readonly key: string;
  readonly as: string;
  readonly out?: string;
  readonly yes?: boolean;
}

interface KeyFlags {
  readonly key?: string;
  readonly new?: string;
}

/** @throws CommandError `FILE` */
export function readText(io: Io, path: string): string {
  const file = resolve(io.cwd, path);
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const errno = (cause as NodeJS.ErrnoException).code;
    throw new CommandError('FILE', `cannot read ${file} (${errno})`, { exit: exitCode.usage, cause });
  }
}

function writeNew(io: Io, path: string, text: string, mode: number): void {
  const file = resolve(io.cwd, path);
  try {
    writeFileSync(file, text, { mode, flag: 'wx' });
  } catch (cause) {
    const errno = (cause as NodeJS.ErrnoException).code;
    const message = errno === 'EEXIST' ? `${file} is there already` : `cannot write ${file} (${errno})`;
    throw new CommandError('FILE', message, { exit: exitCode.usage, cause });
  }
}

function privateKeyIn(io: Io, path: string): KeyObject {
  const advice = "'pgtape hold key --new FILE' makes one.";
  try {
    const key = createPrivateKey(readText(io, path));
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch (cause) {
    if (cause instanceof CommandError) throw cause;
  }
  throw new CommandError('KEY', `${path} holds no Ed25519 private key in PEM`, {
    exit: exitCode.usage,
    advice,
  });
}

/** 64 hex digits. */
function publicHex(key: KeyObject): string {
  return Buffer.from(rawPublicKey(key)).toString('hex');
}

async function signRelease(io: Io, path: string, flags: SignFlags): Promise<void> {
  const text = readText(io, path);
  const request = parseReleaseText(text);
  if (request === null) {
    throw new CommandError('NO_RELEASE', `${path} is no release text`, {
      exit: exitCode.usage,
      advice:
        "'pgtape hold release HOLD --reason TEXT --request FILE' writes one, and no line may be changed.",
    });
  }
  const key = privateKeyIn(io, flags.key);
  const sig = sign(null, Buffer.from(releaseText(request)), key).toString('hex');
  const second = ReleaseSignature.safeParse({ who: flags.as, key: publicHex(key), sig });
  if (!second.success) throw new CommandError('NAME', `'${flags.as}' is no name`, { exit: exitCode.usage });
  io.err.write(
    `release of hold ${request.hold}\n  asked for by  ${printable(request.who)}\n  at            ${wallText(request.at)}\n` +
      `  because       ${printable(request.reason)}\nsigned as ${printable(flags.as)} with key ${second.data.key}\n`,
  );
  if (flags.yes !== true) {
    io.err.write('Enter signs, q does not. ');
    const press = await io.press();
    io.err.write('\n');
    if (press === 'end') {
      io.err.write('not signed\n');
      io.exit(exitCode.found);
      return;
    }
  }
  const signed = signedReleaseText({ request, second: second.data });
  if (flags.out === undefined) await put(io.out, signed);
  else writeNew(io, flags.out, signed, 0o644);
}

async function showKey(io: Io, flags: KeyFlags): Promise<void> {
  if ((flags.key === undefined) === (flags.new === undefined)) {
    throw new CommandError('KEY', 'either --key FILE or --new FILE', { exit: exitCode.usage });
  }
  if (flags.new === undefined)
    return await put(io.out, `${publicHex(privateKeyIn(io, flags.key as string))}\n`);
  const { privateKey } = generateKeyPairSync('ed25519');
  writeNew(io, flags.new, privateKey.export({ type: 'pkcs8', format: 'pem' }) as string, 0o600);
  await put(io.out, `${publicHex(privateKey)}\n`);
}

/** Builds the command. */
export function signCommand(io: Io): Command {
  return new Command('sign')
    .description('as the second person, sign the release of a hold')
    .argument('<file>', 'what is to be signed, from pgtape hold release')
    .requiredOption('--key <file>', 'PEM file of your Ed25519 private key')
    .requiredOption('--as <name>', 'your name in holds.signers of the vault')
    .option('--out <file>', 'where to write the signed release (default: standard output)')
    .option('--yes', 'sign without asking')
    .addHelpText('after', signHelp)
    .action((path: string, flags: SignFlags) => signRelease(io, path, flags));
}

/** Builds the command. */
export function keyCommand(io: Io): Command {
  return new Command('key')
    .description("a second person's key: make one, or print its public half")
    .option('--key <file>', 'PEM file of an Ed25519 private key')
    .option('--new <file>', 'make a key and write it there, readable by you alone')
    .addHelpText('after', keyHelp)
    .action((flags: KeyFlags) => showKey(io, flags));
}
