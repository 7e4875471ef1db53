/** `pgtape tail`: what is being recorded now, from a vault's live view. */
import { Command, Option } from 'commander';
import { CommandError, exitCode } from './exitCode.ts';
import { type Io, put } from './io.ts';
import { paintFor, printable } from './paint.ts';
import { type TailRecord, tailRow } from './tailRow.ts';

const help = `
Examples:
  $ pgtape tail
  $ pgtape tail --session 3f9ac01d77e2b415-12
  $ pgtape tail -o jsonl | jq 'select(.kind == "statement" and .error) | .error.message'

Records appear once their segment is stored, so they lag by at most segment.maxSeconds of the recorder
(2 in pgtape up). A statement that runs over a second is announced before it ends.
`;

interface Flags {
  readonly vault: string;
  readonly session?: string;
  readonly kinds?: string;
  readonly output: 'text' | 'jsonl';
}

async function* lines(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = parts.pop() as string;
    yield* parts.filter((part) => part !== '');
  }
}

function gone(url: URL, cause: unknown): CommandError {
  return new CommandError('VAULT_GONE', `the vault at ${url.origin} ended the view`, {
    exit: exitCode.environment,
    advice: 'What it had recorded is in the archive: pgtape sessions',
    cause,
  });
}

function vaultUrl(flags: Flags): URL {
  try {
    return new URL('/v1/tail', flags.vault);
  } catch (cause) {
    throw new CommandError('VAULT_URL', `'${flags.vault}' is no URL`, {
      exit: exitCode.usage,
      advice: 'For example http://127.0.0.1:7417',
      cause,
    });
  }
}

async function run(io: Io, flags: Flags, command: Command): Promise<void> {
  const url = vaultUrl(flags);
  if (flags.session !== undefined) url.searchParams.set('session', flags.session);
  if (flags.kinds !== undefined) url.searchParams.set('kinds', flags.kinds);
  const paint = paintFor(io, io.out, command.optsWithGlobals().color !== false);
  let response: Response;
  try {
    response = await fetch(url, { signal: io.stop });
  } catch (cause) {
    if (io.stop.aborted) return;
    throw new CommandError('VAULT_UNREACHABLE', `no vault answers at ${url.origin}`, {
      exit: exitCode.environment,
      advice: "Start one ('./pgtape up'), or name it: pgtape tail --vault http://HOST:PORT",
      cause,
    });
  }
  if (!response.ok || response.body === null) {
    throw new CommandError(
      'VAULT_REFUSED',
      `the vault answered ${response.status}: ${printable(await response.text())}`,
      {
        exit: exitCode.environment,
      },
    );
  }
  try {
    for await (const line of lines(response.body)) {
      const columns = io.out.isTTY ? io.out.columns : null;
      const text =
        flags.output === 'jsonl' ? `${line}\n` : tailRow(JSON.parse(line) as TailRecord, columns, paint);
      if (text !== null) await put(io.out, text);
    }
  } catch (cause) {
    if (io.stop.aborted) return;
    throw gone(url, cause);
  }
  // A tail has no end of its own: this one ended because the vault did.
  throw gone(url, null);
}

/** Builds the command. */
export function tailCommand(io: Io): Command {
  return new Command('tail')
    .description('what is being recorded now, from the vault')
    .option('--vault <url>', "the vault's HTTP API", io.env.PGTAPE_VAULT ?? 'http://127.0.0.1:7417')
    .option('--session <id>', 'only this session')
    .option('--kinds <list>', 'only these kinds of record: statement,closed')
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['text', 'jsonl']).default('text'))
    .addHelpText('after', help)
    .action((flags: Flags, command: Command) => run(io, flags, command));
}
