/** `kubectl pgtape doctor`: every preflight of a cluster and its RecordedDatabases, and who must act. */
import { Command } from 'commander';
import { exitCode } from '../exitCode.ts';
import { type Io, put } from '../io.ts';
import { type Paint, printable } from '../paint.ts';
import { outputOption, paintOf } from '../readOptions.ts';
import { widthOf, wrapped } from '../table.ts';
import { withCluster } from './cluster.ts';
import {
  type ReleaseFlags,
  type SelectionFlags,
  withReleaseOptions,
  withSelectionOptions,
} from './clusterOptions.ts';
import { actorText } from './conditionAct.ts';
import { clusterFindings } from './doctor/clusterChecks.ts';
import { clusterSight } from './doctor/clusterReading.ts';
import { databaseFindings } from './doctor/databaseReading.ts';
import type { Finding, FindingState } from './doctor/finding.ts';
import { pullFindings } from './doctor/pullPod.ts';
import { type DatabaseView, databasesOf } from './recordedDatabases.ts';

const help = `
Examples:
  $ kubectl pgtape doctor                          the cluster, and RecordedDatabases of this namespace
  $ kubectl pgtape doctor orders -n shop --all     what is well, too
  $ kubectl pgtape doctor -A -o json | jq -r '.findings[] | select(.state == "fail") | .check'
  $ kubectl pgtape doctor orders -n shop --pull    also make a pod that pulls the recorder's image

States: ok; warn (works, but weaker than it could); fail (something is not recorded, or will not be); unknown
(it could not be looked at: the message says what is missing). Exit code 1 where something fails.
docs/kubectl-plugin.md says what each check looks at. It changes nothing; --pull makes one pod and deletes it.
`;

interface Flags extends SelectionFlags, ReleaseFlags {
  readonly output: 'text' | 'json';
  readonly all?: boolean;
  readonly pull?: boolean;
}

const states: readonly FindingState[] = ['ok', 'warn', 'fail', 'unknown'];

export function countsOf(findings: readonly Finding[]): Record<FindingState, number> {
  const count = (state: FindingState): number => findings.filter((one) => one.state === state).length;
  return { ok: count('ok'), warn: count('warn'), fail: count('fail'), unknown: count('unknown') };
}

const dress: Readonly<Record<FindingState, (paint: Paint) => (text: string) => string>> = {
  ok: (paint) => paint.green,
  warn: (paint) => paint.yellow,
  fail: (paint) => paint.red,
  unknown: (paint) => paint.dim,
};

function findingText(finding: Finding, checkWidth: number, columns: number, paint: Paint): string {
  const { state, check, about, message, act } = finding;
  const indent = 9 + checkWidth + 2;
  const who = act === 'nobody' ? '' : ` (${actorText[act]} must act)`;
  const text = wrapped(printable(`${about}: ${message}${who}`), Math.max(40, columns - indent), indent);
  const blanks = ' '.repeat(checkWidth - widthOf(check) + 2);
  return `${dress[state](paint)(state.padEnd(9))}${check}${blanks}${text}\n`;
}

/** What is well is only counted, unless `isAll`. */
function findingsText(findings: readonly Finding[], isAll: boolean, columns: number, paint: Paint): string {
  const shown = findings.filter(({ state }) => isAll || state !== 'ok');
  const checkWidth = Math.max(0, ...shown.map(({ check }) => check.length));
  const counts = countsOf(findings);
  const summary = states.map((state) => `${counts[state]} ${state}`).join(', ');
  const lines = shown.map((finding) => findingText(finding, checkWidth, columns, paint));
  return `${lines.join('')}${lines.length === 0 ? '' : '\n'}${summary}\n`;
}

async function findingsOf(io: Io, name: string | undefined, flags: Flags): Promise<Finding[]> {
  return await withCluster(io, flags, async (cluster) => {
    const sight = await clusterSight(cluster, flags, () => io.now());
    const found = clusterFindings(sight);
    const databases: DatabaseView[] = await databasesOf(cluster, flags, name);
    for (const database of databases) {
      found.push(...(await databaseFindings(cluster, database, sight, io.now())));
      if (flags.pull === true) found.push(...(await pullFindings(cluster, database)));
    }
    return found;
  });
}

async function run(io: Io, name: string | undefined, flags: Flags, command: Command): Promise<void> {
  const findings = await findingsOf(io, name, flags);
  const counts = countsOf(findings);
  if (counts.fail > 0) io.exit(exitCode.found);
  if (flags.output === 'json') {
    await put(io.out, `${JSON.stringify({ counts, findings }, null, 2)}\n`);
    return;
  }
  const columns = io.out.isTTY ? io.out.columns : Number.POSITIVE_INFINITY;
  await put(io.out, findingsText(findings, flags.all === true, columns, paintOf(io, command)));
}

/** Builds the command. */
export function clusterDoctorCommand(io: Io): Command {
  return withReleaseOptions(withSelectionOptions(new Command('doctor')))
    .description('every preflight of the cluster and its RecordedDatabases, and who must act')
    .argument('[name]', 'only this RecordedDatabase')
    .option('--all', 'print what is well, too')
    .option(
      '--pull',
      "make a pod that pulls the recorder's image, in the database's namespace, and delete it",
    )
    .addOption(outputOption(['text', 'json']))
    .addHelpText('after', help)
    .action((name: string | undefined, flags: Flags, command: Command) => run(io, name, flags, command));
}
