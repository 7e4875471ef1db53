/** `kubectl pgtape bypasses`: sessions that the server had and no recorder opened, as the recorders saw them. */
import type { SeenBypass } from '@pgtape/evidence';
import { Command } from 'commander';
import { exitCode } from '../exitCode.ts';
import { type Io, put, reaching } from '../io.ts';
import { printable } from '../paint.ts';
import { openReading } from '../reading.ts';
import { outputOption, paintOf } from '../readOptions.ts';
import { type Column, fitting, tableText } from '../table.ts';
import { type Cluster, withCluster } from './cluster.ts';
import {
  type ReleaseFlags,
  type SelectionFlags,
  withReleaseOptions,
  withSelectionOptions,
} from './clusterOptions.ts';
import { type RecordedBypass, recordedBypasses } from './recordedBypasses.ts';
import { type DatabaseView, databasesOf, namespaceOf, podsOf } from './recordedDatabases.ts';
import { type RecorderWord, recorderWord, silenceText } from './recorderReading.ts';
import { reachVault } from './vaultReach.ts';

const help = `
Examples:
  $ kubectl pgtape bypasses -n shop
  $ kubectl pgtape bypasses orders -n shop --recorded --why 'ticket 7'
  $ kubectl pgtape bypasses -A -o json | jq -r '.bypasses[] | [.pod, .user, .application] | @tsv'

Each recorder names the last 32 it saw; a session shorter than a poll is counted, and not named. All of them are
records in the archive too, those of pods that are gone among them: --recorded reads them there, as the release's
reader account, and that reading is on record.
An empty ADDRESS is a unix socket: somebody inside the pod (kubectl exec).
Exit code 1 where there was one.
`;

interface Flags extends SelectionFlags, ReleaseFlags {
  readonly output: 'table' | 'json';
  readonly recorded?: boolean;
  readonly why?: string;
}

/** One, as -o json prints it. */
interface BypassLine extends SeenBypass {
  readonly namespace: string;
  readonly recorded_database: string;
  readonly pod: string;
}

/** A pod whose bypasses are not known, and why. */
interface Unknown {
  readonly namespace: string;
  readonly recorded_database: string;
  readonly pod: string;
  readonly why: string;
}

interface Found {
  readonly bypasses: readonly BypassLine[];
  /** Counted by the recorders, those that `bypasses` does not name among them. */
  readonly counted: number;
  readonly unknown: readonly Unknown[];
}

/** What one pod tells. @param word null: it has no recorder */
export function bypassesOf(
  place: Pick<BypassLine, 'namespace' | 'recorded_database' | 'pod'>,
  word: RecorderWord | null,
): Found {
  const unknown = (why: string): Found => ({ bypasses: [], counted: 0, unknown: [{ ...place, why }] });
  if (word === null) return unknown('no recorder');
  if (word.kind === 'silent') return unknown(silenceText[word.why]);
  const { state, reason, bypasses, recent } = word.status.coverage;
  const found = recent.map((bypass) => ({ ...place, ...bypass }));
  if (state === 'measured') return { bypasses: found, counted: bypasses, unknown: [] };
  const why =
    state === 'no_credentials'
      ? 'not measured: spec.coverage.credentialsRef names no role to look with'
      : `not measured: ${reason ?? state}`;
  return { bypasses: found, counted: bypasses, unknown: [{ ...place, why }] };
}

export function together(parts: readonly Found[]): Found {
  return {
    bypasses: parts.flatMap(({ bypasses }) => bypasses).sort((a, b) => (a.at < b.at ? 1 : -1)),
    counted: parts.reduce((sum, { counted }) => sum + counted, 0),
    unknown: parts.flatMap(({ unknown }) => unknown),
  };
}

const columns: readonly Column<BypassLine>[] = [
  { title: 'SEEN', cell: ({ at }) => at },
  { title: 'NAMESPACE', spare: 3, cell: ({ namespace }) => namespace },
  { title: 'POD', cell: ({ pod }) => pod },
  { title: 'PID', right: true, spare: 2, cell: ({ pid }) => String(pid) },
  { title: 'USER', cell: ({ user }) => user },
  { title: 'DATABASE', cell: ({ database }) => database },
  {
    title: 'ADDRESS',
    cell: ({ pid, address }) => (pid === 0 ? 'too short to see' : address || 'unix socket'),
  },
  { title: 'APPLICATION', spare: 1, cell: ({ application }) => application },
];

async function foundIn(cluster: Cluster, { namespace, name, ...database }: DatabaseView): Promise<Found> {
  const selected = await podsOf(cluster, { namespace, name, ...database });
  const parts = selected.map(async (pod) => {
    const place = { namespace, recorded_database: name, pod: pod.name };
    return bypassesOf(place, pod.injected ? await recorderWord(cluster, namespace, pod.name) : null);
  });
  return together(await Promise.all(parts));
}

const recordedColumns: readonly Column<RecordedBypass>[] = [
  { title: 'SEEN', cell: ({ at }) => at },
  { title: 'RECORDER', cell: ({ recorder }) => recorder },
  { title: 'SESSIONS', right: true, cell: ({ sessions }) => String(sessions) },
  { title: 'PID', right: true, spare: 2, cell: ({ how, pid }) => (how === 'counted' ? '' : String(pid)) },
  { title: 'USER', cell: ({ user }) => user },
  { title: 'DATABASE', cell: ({ database }) => database },
  {
    title: 'ADDRESS',
    cell: ({ how, address }) => (how === 'counted' ? 'too short to see' : address || 'unix socket'),
  },
  { title: 'APPLICATION', spare: 1, cell: ({ application }) => application },
];

/** Which recorders are meant, by the names they have: `namespace/name`. A label is no part of a name. */
async function recorderTest(
  io: Io,
  name: string | undefined,
  flags: Flags,
): Promise<(recorder: string) => boolean> {
  return await withCluster(io, flags, async (cluster) => {
    const namespace = namespaceOf(cluster, flags);
    if (name !== undefined) return (recorder) => recorder === `${namespace ?? ''}/${name}`;
    if (flags.selector !== undefined) {
      const all = await databasesOf(cluster, flags, undefined);
      const names = new Set(all.map((database) => `${database.namespace}/${database.name}`));
      return (recorder) => names.has(recorder);
    }
    return (recorder) => namespace === undefined || recorder.startsWith(`${namespace}/`);
  });
}

async function runRecorded(io: Io, name: string | undefined, flags: Flags, command: Command): Promise<void> {
  const isWanted = await recorderTest(io, name, flags);
  const reached = await reachVault(io, flags, { token: null, ca: null, tokenSeconds: 3600 });
  try {
    const what = `bypasses ${name ?? flags.namespace ?? ''}`.trim();
    const archive = await openReading(
      reaching(io, () => reached.access),
      flags.why === undefined ? {} : { why: flags.why },
      { action: 'search', what },
    );
    const found = await recordedBypasses(io, archive, isWanted);
    if (found.length > 0) io.exit(exitCode.found);
    if (flags.output === 'json') await put(io.out, `${JSON.stringify({ bypasses: found }, null, 2)}\n`);
    else if (found.length === 0) io.err.write('no bypasses on record\n');
    else {
      const { columns: kept } = fitting(found, recordedColumns, io.out);
      await put(io.out, tableText(found, kept, io.out, paintOf(io, command)));
    }
  } finally {
    await reached.close();
  }
}

async function run(io: Io, name: string | undefined, flags: Flags, command: Command): Promise<void> {
  if (flags.recorded === true) {
    await runRecorded(io, name, flags, command);
    return;
  }
  const found = await withCluster(io, flags, async (cluster) => {
    const parts: Found[] = [];
    for (const database of await databasesOf(cluster, flags, name))
      parts.push(await foundIn(cluster, database));
    return together(parts);
  });
  if (found.counted > 0) io.exit(exitCode.found);
  if (flags.output === 'json') {
    await put(io.out, `${JSON.stringify(found, null, 2)}\n`);
    return;
  }
  const { bypasses, counted, unknown } = found;
  if (bypasses.length > 0) {
    const { columns: kept } = fitting(bypasses, columns, io.out);
    await put(io.out, tableText(bypasses, kept, io.out, paintOf(io, command)));
  }
  const unnamed = counted - bypasses.length;
  if (unnamed > 0) io.err.write(`${unnamed} more were counted and are not named here\n`);
  if (counted === 0 && bypasses.length === 0 && unknown.length === 0) io.err.write('no bypasses\n');
  for (const one of unknown)
    io.err.write(`${printable(`${one.namespace}/${one.pod}: not known whether any: ${one.why}`)}\n`);
}

/** Builds the command. */
export function bypassesCommand(io: Io): Command {
  return withReleaseOptions(withSelectionOptions(new Command('bypasses')))
    .description('sessions that went past the recorder, as far as they were seen')
    .argument('[name]', 'only pods of this RecordedDatabase')
    .option('--recorded', "those on record in the archive, from the cluster's vault")
    .option('--why <text>', 'of --recorded: the reason, for the record of this reading')
    .addOption(outputOption(['table', 'json']))
    .addHelpText('after', help)
    .action((name: string | undefined, flags: Flags, command: Command) => run(io, name, flags, command));
}
