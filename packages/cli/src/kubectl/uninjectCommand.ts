/** `kubectl pgtape uninject`: gets one database out from behind its recorder, and says what is left to do. */
import { recordedDatabases } from '@pgtape/operator';
import { Command } from 'commander';
import { type Io, put } from '../io.ts';
import { type Paint, printable } from '../paint.ts';
import { outputOption, paintOf } from '../readOptions.ts';
import { withCluster } from './cluster.ts';
import { type ClusterFlags, withNamespaceOption } from './clusterOptions.ts';
import { databaseNamed, podsOf } from './recordedDatabases.ts';

const help = `
Examples:
  $ kubectl pgtape uninject orders -n shop            what would be done
  $ kubectl pgtape uninject orders -n shop --yes      managementState: Unmanaged; webhook and guard let go
  $ kubectl pgtape uninject orders -n shop --delete --yes

Pods that run keep their recorder until their owner makes them anew: pgtape never restarts them. Everything that
was recorded stays in the archive. Back again: managementState: Managed, and a restart.
`;

interface Flags extends ClusterFlags {
  readonly namespace?: string;
  readonly delete?: boolean;
  readonly yes?: boolean;
  readonly output: 'text' | 'json';
}

/** As -o json prints it. */
export interface Uninjection {
  readonly namespace: string;
  readonly name: string;
  readonly action: 'delete' | 'unmanage' | 'none';
  readonly done: boolean;
  /** Pods that still have a recorder. */
  readonly pods: readonly string[];
  /** What their owner does; each once. */
  readonly commands: readonly string[];
}

export function uninjectionText(left: Uninjection, paint: Paint): string {
  const { namespace, name, action, done, pods, commands } = left;
  const what = {
    delete: `RecordedDatabase ${namespace}/${name} ${done ? 'is deleted' : 'would be deleted'}`,
    unmanage: `RecordedDatabase ${namespace}/${name} ${done ? 'is' : 'would be'} managementState: Unmanaged`,
    none: `RecordedDatabase ${namespace}/${name} is managementState: Unmanaged already`,
  }[action];
  const rest =
    pods.length === 0
      ? ['No pod has a recorder.']
      : [
          `Still with a recorder, until made anew: ${pods.join(', ')}`,
          ...commands.map((command) => `  $ ${command}`),
        ];
  const hint = done || action === 'none' ? [] : [paint.yellow('Nothing was changed: --yes does it.')];
  return `${[`${what}.`, ...rest, ...hint].map((line) => printable(line)).join('\n')}\n`;
}

async function run(io: Io, name: string, flags: Flags, command: Command): Promise<void> {
  const left = await withCluster(io, flags, async (cluster): Promise<Uninjection> => {
    const namespace = flags.namespace ?? cluster.namespace;
    const database = await databaseNamed(cluster, namespace, name);
    const carriers = (await podsOf(cluster, database)).filter(({ injected }) => injected);
    const isUnmanaged = database.spec?.managementState === 'Unmanaged';
    const action = flags.delete === true ? 'delete' : isUnmanaged ? 'none' : 'unmanage';
    const done = flags.yes === true && action !== 'none';
    if (done && action === 'delete')
      await cluster.objects.delete(
        recordedDatabases,
        { namespace, name },
        database.object.metadata.uid,
        io.stop,
      );
    if (done && action === 'unmanage') {
      const patch = { spec: { managementState: 'Unmanaged' } };
      await cluster.objects.patch(recordedDatabases, { namespace, name }, patch, { signal: io.stop });
    }
    const commands = [...new Set(carriers.map(({ restart }) => restart))];
    return { namespace, name, action, done, pods: carriers.map((pod) => pod.name), commands };
  });
  if (flags.output === 'json') await put(io.out, `${JSON.stringify(left, null, 2)}\n`);
  else await put(io.out, uninjectionText(left, paintOf(io, command)));
}

/** Builds the command. */
export function uninjectCommand(io: Io): Command {
  return withNamespaceOption(new Command('uninject'))
    .description('get a database out from behind its recorder')
    .argument('<name>', 'the RecordedDatabase')
    .option('--delete', 'delete the RecordedDatabase instead of setting managementState: Unmanaged')
    .option('--yes', 'do it; without, only what would be done is said')
    .addOption(outputOption(['text', 'json']))
    .addHelpText('after', help)
    .action((name: string, flags: Flags, command: Command) => run(io, name, flags, command));
}
