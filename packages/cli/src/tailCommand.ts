/** `pgtape tail`: what is being recorded now, from a vault's live view. */
import { Command } from 'commander';
import { CommandError, exitCode } from './exitCode.ts';
import { durationText, wallText } from './format.ts';
import type { Io } from './io.ts';
import { type Paint, paintFor, printable } from './paint.ts';
import { fit } from './table.ts';

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

interface TailRecord {
  readonly kind: string;
  readonly at: string;
  readonly session?: string;
  readonly n?: number;
  readonly sql?: string | null;
  readonly tag?: string;
  readonly outcome?: string;
  readonly user?: string;
  readonly database?: string;
  readonly why?: string;
  readonly reason?: string;
  readonly duration_ns?: number;
  readonly error?: { readonly sqlstate: string; readonly message: string };
  readonly lagged?: number;
}

const shownKinds = new Set(['opened', 'statement', 'running', 'closed', 'gap', 'transaction']);

function tailText(io: Io, record: TailRecord, paint: Paint): string | null {
  if (record.lagged !== undefined)
    return `${paint.yellow(`-- ${record.lagged} records left out: this view is too slow`)}\n`;
  if (!shownKinds.has(record.kind)) return null;
  const head = `${wallText(record.at)}  ${record.session ?? ''}#${record.n ?? ''}  `;
  const took = record.duration_ns === undefined ? '' : `${durationText(record.duration_ns)}  `;
  let what: string;
  if (record.kind === 'statement') what = record.error?.sqlstate ?? record.tag ?? record.outcome ?? '';
  else if (record.kind === 'opened') what = `opened by ${record.user} in ${record.database}`;
  else what = `${record.kind} ${record.why ?? record.reason ?? record.outcome ?? ''}`.trim();
  const sql = printable((record.sql ?? '').replaceAll(/\s+/g, ' '));
  const middle = `${printable(what)}  ${took}`;
  const room = io.out.isTTY ? Math.max(20, io.out.columns - head.length - middle.length) : 10_000;
  const colour = record.error === undefined ? paint.green : paint.red;
  return `${paint.dim(head)}${record.kind === 'statement' ? colour(middle) : paint.cyan(middle)}${fit(sql, room)}\n`;
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

async function run(io: Io, flags: Flags, command: Command): Promise<void> {
  const url = new URL('/v1/tail', flags.vault);
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
      `the vault answered ${response.status}: ${await response.text()}`,
      {
        exit: exitCode.environment,
      },
    );
  }
  try {
    for await (const line of lines(response.body)) {
      const text =
        flags.output === 'jsonl' ? `${line}\n` : tailText(io, JSON.parse(line) as TailRecord, paint);
      if (text !== null) io.out.write(text);
    }
  } catch (error) {
    if (!io.stop.aborted) throw error;
  }
}

/** Builds the command. */
export function tailCommand(io: Io): Command {
  return new Command('tail')
    .description('what is being recorded now, from the vault')
    .option('--vault <url>', "the vault's HTTP API", io.env.PGTAPE_VAULT ?? 'http://127.0.0.1:7417')
    .option('--session <id>', 'only this session')
    .option('--kinds <list>', 'only these kinds of record: statement,closed')
    .option('-o, --output <format>', 'text or jsonl', 'text')
    .addHelpText('after', help)
    .action((flags: Flags, command: Command) => run(io, flags, command));
}
