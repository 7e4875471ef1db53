/** `kubectl pgtape coverage`: of each pod, how it is captured and how many of its sessions are on tape. */
import type { RecorderStatus } from '@pgtape/evidence';
import { Command } from 'commander';
import { exitCode } from '../exitCode.ts';
import { type Io, put } from '../io.ts';
import { outputOption, paintOf } from '../readOptions.ts';
import { type Column, fitting, tableText } from '../table.ts';
import { type Cluster, withCluster } from './cluster.ts';
import { type SelectionFlags, withSelectionOptions } from './clusterOptions.ts';
import { type DatabaseView, databasesOf, podsOf, type SelectedPod } from './recordedDatabases.ts';
import { type RecorderWord, recorderWord } from './recorderReading.ts';

const help = `
Examples:
  $ kubectl pgtape coverage -n shop
  $ kubectl pgtape coverage orders -n shop -o json | jq '.pods[] | select(.bypasses > 0)'

What it prints is each recorder's own word, asked through the API server (verb get on pods/proxy).
SEEN and COVERAGE need spec.coverage.credentialsRef; without it coverage is Unknown, never 100%.
Exit code 1 where a pod has no recorder, is not captured, or had a session that went past.
`;

interface Flags extends SelectionFlags {
  readonly output: 'table' | 'json';
}

/** One pod, as -o json prints it; null is not known. */
export interface CoverageLine {
  readonly namespace: string;
  readonly database: string;
  readonly pod: string;
  readonly recorder: boolean;
  readonly mode: string;
  /** Whether clients are led through the recorder. */
  readonly captured: boolean | null;
  readonly sessions: number | null;
  readonly seen: number | null;
  readonly bypasses: number | null;
  /** `99.8%`, `NoSessions` before the first one, or `Unknown`. */
  readonly coverage: string;
  readonly lag_seconds: number | null;
  /** Why something is not known or not well; '' where all is. */
  readonly note: string;
}

/** Never rounded up to 100%, which nothing is, either. */
export function coverageText(recorded: number, seen: number): string {
  if (seen === 0) return 'NoSessions';
  if (recorded >= seen) return '100%';
  const tenths = Math.min(999, Math.floor((recorded / seen) * 1000));
  return `${tenths / 10}%`;
}

/** @param word null: the pod has no recorder */
export function coverageLine(
  { namespace, name }: Pick<DatabaseView, 'namespace' | 'name'>,
  pod: Pick<SelectedPod, 'name' | 'restart'>,
  word: RecorderWord | null,
): CoverageLine {
  const unknown = {
    namespace,
    database: name,
    pod: pod.name,
    recorder: word !== null,
    mode: '',
    captured: null,
    sessions: null,
    seen: null,
    bypasses: null,
    coverage: 'Unknown',
    lag_seconds: null,
  };
  if (word === null) return { ...unknown, captured: false, note: `no recorder; ${pod.restart}` };
  if (word.kind === 'silent') return { ...unknown, note: `${word.why}: ${word.detail}` };
  const { capture, coverage, vault, sessions } = word.status;
  const isMeasured = coverage.state === 'measured';
  const notes = [
    captureNote(capture),
    isMeasured ? '' : [coverage.state, coverage.reason].filter((part) => part !== null).join(': '),
    vault.reason === null ? '' : `vault: ${vault.reason}`,
  ];
  return {
    ...unknown,
    mode: capture.mode,
    captured: capture.achieved,
    sessions: sessions.recorded,
    seen: isMeasured ? coverage.seen : null,
    bypasses: isMeasured ? coverage.bypasses : null,
    coverage: isMeasured ? coverageText(coverage.recorded, coverage.seen) : 'Unknown',
    lag_seconds: Math.round(vault.lagSeconds),
    note: notes.filter((note) => note !== '').join('; '),
  };
}

function captureNote({ achieved, reason, others }: RecorderStatus['capture']): string {
  const where = others.length === 0 ? '' : ` (${others.join(', ')})`;
  if (achieved === false) return `not captured: ${reason ?? 'unknown'}${where}`;
  return reason === null ? '' : `${reason}${where}`;
}

const isWrong = ({ recorder, captured, bypasses }: CoverageLine): boolean =>
  !recorder || captured === false || (bypasses ?? 0) > 0;

const optional = (value: number | null): string => (value === null ? '' : String(value));

const columns: readonly Column<CoverageLine>[] = [
  { title: 'NAMESPACE', spare: 2, cell: ({ namespace }) => namespace },
  { title: 'DATABASE', spare: 1, cell: ({ database }) => database },
  { title: 'POD', cell: ({ pod }) => pod },
  {
    title: 'MODE',
    cell: ({ mode, captured, recorder }) => {
      if (!recorder) return 'none';
      return captured === false ? `${mode} (not achieved)` : mode;
    },
    colour: ({ captured }, text, paint) => (captured === false ? paint.red(text) : text),
  },
  { title: 'SESSIONS', right: true, cell: ({ sessions }) => optional(sessions) },
  { title: 'SEEN', right: true, cell: ({ seen }) => optional(seen) },
  {
    title: 'BYPASS',
    right: true,
    cell: ({ bypasses }) => optional(bypasses),
    colour: ({ bypasses }, text, paint) => ((bypasses ?? 0) > 0 ? paint.red(text) : text),
  },
  { title: 'COVERAGE', right: true, cell: ({ coverage }) => coverage },
  { title: 'LAG', right: true, spare: 3, cell: ({ lag_seconds: lag }) => (lag === null ? '' : `${lag} s`) },
  { title: 'NOTE', spare: 4, cell: ({ note }) => note },
];

async function linesOf(cluster: Cluster, database: DatabaseView): Promise<CoverageLine[]> {
  const selected = await podsOf(cluster, database);
  return await Promise.all(
    selected.map(async (pod) =>
      coverageLine(
        database,
        pod,
        pod.injected ? await recorderWord(cluster, database.namespace, pod.name) : null,
      ),
    ),
  );
}

async function run(io: Io, name: string | undefined, flags: Flags, command: Command): Promise<void> {
  const lines: CoverageLine[] = [];
  await withCluster(io, flags, async (cluster) => {
    for (const database of await databasesOf(cluster, flags, name))
      lines.push(...(await linesOf(cluster, database)));
  });
  if (lines.some(isWrong)) io.exit(exitCode.found);
  if (flags.output === 'json') await put(io.out, `${JSON.stringify({ pods: lines }, null, 2)}\n`);
  else if (lines.length === 0) io.err.write('no pods that a RecordedDatabase selects\n');
  else {
    const { columns: kept } = fitting(lines, columns, io.out);
    await put(io.out, tableText(lines, kept, io.out, paintOf(io, command)));
  }
}

/** Builds the command. */
export function coverageCommand(io: Io): Command {
  return withSelectionOptions(new Command('coverage'))
    .description('of each pod: how it is captured, and how many of its sessions are on tape')
    .argument('[name]', 'only pods of this RecordedDatabase')
    .addOption(outputOption(['table', 'json']))
    .addHelpText('after', help)
    .action((name: string | undefined, flags: Flags, command: Command) => run(io, name, flags, command));
}
