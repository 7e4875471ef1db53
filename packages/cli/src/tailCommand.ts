/** `pgtape tail`: what is being recorded now, from a vault's live view. */

import { Command } from 'commander';
import { asCalled } from './commandExamples.ts';
import { CommandError, exitCode } from './exitCode.ts';
import { type Io, put } from './io.ts';
import type { Paint } from './paint.ts';
import { outputOption, paintOf, withVaultOptions } from './readOptions.ts';
import { isWholeId } from './sessionFinder.ts';
import { type TailRecord, tailRow } from './tailRow.ts';
import { type VaultClient, VaultRefusal } from './vaultClient.ts';
import { grantFor } from './vaultStore.ts';
import { namedVault, type WayFlags } from './vaultWay.ts';

const help = `
Examples:
  $ pgtape tail
  $ pgtape tail --session 3f9ac01d77e2b415-12
  $ pgtape tail -o jsonl | jq 'select(.kind == "statement" and .error) | .error.message'

Records appear once their segment is stored, so they lag by at most segment.maxSeconds of the recorder
(2 in pgtape up). A statement that runs over a second is announced before it ends.
`;

interface Flags extends WayFlags {
  readonly session?: string;
  readonly kinds?: string;
  readonly output: 'text' | 'jsonl';
}

async function* lines(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = parts.pop() as string;
    yield* parts.filter((part) => part !== '');
  }
}

function gone(origin: string, cause: unknown): CommandError {
  return new CommandError('VAULT_GONE', `the vault at ${origin} ended the view`, {
    exit: exitCode.environment,
    advice: 'What it had recorded is in the archive: pgtape sessions',
    cause,
  });
}

/** The view, on record before it opens; the purpose names a session only where it is a whole id. */
async function opened(client: VaultClient, flags: Flags): Promise<AsyncIterable<Uint8Array>> {
  const { session, kinds, why = '' } = flags;
  const narrowed = session !== undefined && isWholeId(session) ? { session } : {};
  const what = ['session' in narrowed ? undefined : session, kinds]
    .filter((part) => part !== undefined)
    .join(' ');
  const { grant } = await grantFor(client, { action: 'tail', what, why, ...narrowed });
  const query = new URLSearchParams();
  if (session !== undefined) query.set('session', session);
  if (kinds !== undefined) query.set('kinds', kinds);
  return await client.stream({ path: `/v1/tail?${query.toString()}`, grant, isPatient: true });
}

async function run(io: Io, flags: Flags, command: Command): Promise<void> {
  const client = namedVault(io, flags);
  const paint = paintOf(io, command);
  try {
    const body = await opened(client, flags);
    await show(io, body, flags, paint).catch((cause: unknown) => {
      throw cause instanceof VaultRefusal ? cause : gone(client.origin, cause);
    });
  } catch (error) {
    if (io.stop.aborted) return;
    throw error;
  }
  // A tail has no end of its own: this one ended because the vault did.
  if (!io.stop.aborted) throw gone(client.origin, null);
}

/** No record line begins so. */
const endedMark = '{"ended":';

/** The vault says that it would not let the watcher in any more. */
function barred(line: string): VaultRefusal {
  const reason = /"ended":"([a-z_]{1,40})"/.exec(line)?.[1] ?? 'not_allowed';
  return new VaultRefusal(reason, 'it ended the view: it would not let you in any more', 'caller', null);
}

async function show(io: Io, body: AsyncIterable<Uint8Array>, flags: Flags, paint: Paint): Promise<void> {
  for await (const line of lines(body)) {
    if (line.startsWith(endedMark)) throw barred(line);
    const columns = io.out.isTTY ? io.out.columns : null;
    const text =
      flags.output === 'jsonl' ? `${line}\n` : tailRow(JSON.parse(line) as TailRecord, columns, paint);
    if (text !== null) await put(io.out, text);
  }
}

/** Builds the command. */
export function tailCommand(io: Io): Command {
  return withVaultOptions(new Command('tail'))
    .description('what is being recorded now, from the vault')
    .option('--session <id>', 'only this session')
    .option('--kinds <list>', 'only these kinds of record: statement,closed')
    .addOption(outputOption(['text', 'jsonl']))
    .addHelpText('after', asCalled(help))
    .action((flags: Flags, command: Command) => run(io, flags, command));
}
