/** `kubectl pgtape status`: how each RecordedDatabase is, what is not well and who must act. */
import { Command } from 'commander';
import { exitCode } from '../exitCode.ts';
import { type Io, put } from '../io.ts';
import type { Paint } from '../paint.ts';
import { outputOption, paintOf } from '../readOptions.ts';
import { type Column, fitting, tableText, wrapped } from '../table.ts';
import { withCluster } from './cluster.ts';
import { type SelectionFlags, withSelectionOptions } from './clusterOptions.ts';
import { actorText, type Problem, problemsOf } from './conditionAct.ts';
import { type DatabaseView, databasesOf, namespaceOf } from './recordedDatabases.ts';

const help = `
Examples:
  $ kubectl pgtape status                        RecordedDatabases of this namespace
  $ kubectl pgtape status orders -n shop
  $ kubectl pgtape status -A -o json | jq -r '.databases[] | select(.well | not) | .name'

Exit code 1 where one of them is not Ready. docs/reference/recordeddatabase.md says what each condition and
reason means.
`;

interface Flags extends SelectionFlags {
  readonly output: 'table' | 'json';
}

/** One of them, as -o json prints it. */
export interface DatabaseLine {
  readonly namespace: string;
  readonly name: string;
  readonly well: boolean;
  readonly ready: string;
  readonly coverage: string;
  readonly bypasses: number | null;
  readonly lag_seconds: number | null;
  readonly mode: string;
  readonly problems: readonly Problem[];
}

export function databaseLine({ namespace, name, status }: DatabaseView): DatabaseLine {
  const { conditions } = status;
  const ready = conditions.find(({ type }) => type === 'Ready')?.status ?? 'Unknown';
  const unseen: Problem = {
    type: 'Ready',
    status: 'Unknown',
    reason: 'NotReconciled',
    message: 'no operator has looked at it: kubectl pgtape doctor tells whether one runs',
    act: 'pgtape',
  };
  return {
    namespace,
    name,
    well: ready === 'True',
    ready,
    coverage: status.coverage ?? 'Unknown',
    bypasses: status.bypasses ?? null,
    lag_seconds: status.lagSeconds ?? null,
    mode: status.mode ?? '',
    problems: conditions.length === 0 ? [unseen] : problemsOf(conditions),
  };
}

const optional = (value: number | null): string => (value === null ? '' : String(value));

const columns: readonly Column<DatabaseLine>[] = [
  { title: 'NAMESPACE', cell: ({ namespace }) => namespace },
  { title: 'NAME', cell: ({ name }) => name },
  {
    title: 'READY',
    cell: ({ ready }) => ready,
    colour: ({ ready }, text, paint) =>
      ready === 'True' ? paint.green(text) : ready === 'False' ? paint.red(text) : paint.yellow(text),
  },
  { title: 'COVERAGE', cell: ({ coverage }) => coverage },
  {
    title: 'BYPASS',
    right: true,
    cell: ({ bypasses }) => optional(bypasses),
    colour: ({ bypasses }, text, paint) => ((bypasses ?? 0) > 0 ? paint.red(text) : text),
  },
  { title: 'LAG', right: true, cell: ({ lag_seconds: lag }) => (lag === null ? '' : `${lag} s`) },
  { title: 'MODE', cell: ({ mode }) => mode },
];

function problemText({ type, status, reason, message, act }: Problem, width: number, paint: Paint): string {
  const dress = status === 'False' ? paint.red : paint.yellow;
  const who = act === 'nobody' ? '' : ` (${actorText[act]} must act)`;
  const said = message === '' ? '' : `: ${message}`;
  return `  ${dress(`${type}=${status}`)} ${wrapped(`${reason}${said}${who}`, width, 4)}\n`;
}

function problemsText(lines: readonly DatabaseLine[], width: number, paint: Paint): string {
  return lines
    .filter(({ problems }) => problems.length > 0)
    .map(({ namespace, name, problems }) => {
      const all = problems.map((problem) => problemText(problem, width, paint)).join('');
      return `\n${paint.bold(`${namespace}/${name}`)}\n${all}`;
    })
    .join('');
}

async function run(io: Io, name: string | undefined, flags: Flags, command: Command): Promise<void> {
  const { lines, namespace } = await withCluster(io, flags, async (cluster) => ({
    lines: (await databasesOf(cluster, flags, name)).map(databaseLine),
    namespace: namespaceOf(cluster, flags),
  }));
  const isWell = lines.every(({ well }) => well);
  if (!isWell) io.exit(exitCode.found);
  if (flags.output === 'json') {
    await put(io.out, `${JSON.stringify({ well: isWell, databases: lines }, null, 2)}\n`);
    return;
  }
  if (lines.length === 0) {
    const where = namespace === undefined ? 'in any namespace' : `in namespace ${namespace} (-A: in all)`;
    io.err.write(`no RecordedDatabases ${where}\n`);
    return;
  }
  const paint = paintOf(io, command);
  const { columns: kept } = fitting(lines, columns, io.out);
  const width = io.out.isTTY ? Math.max(40, io.out.columns - 24) : Number.POSITIVE_INFINITY;
  await put(io.out, tableText(lines, kept, io.out, paint) + problemsText(lines, width, paint));
}

/** Builds the command. */
export function clusterStatusCommand(io: Io): Command {
  return withSelectionOptions(new Command('status'))
    .description('how each RecordedDatabase is, what is not well and who must act')
    .argument('[name]', 'only this RecordedDatabase')
    .addOption(outputOption(['table', 'json']))
    .addHelpText('after', help)
    .action((name: string | undefined, flags: Flags, command: Command) => run(io, name, flags, command));
}
