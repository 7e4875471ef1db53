/** `pgtape operator`: one replica of the Kubernetes operator, until SIGTERM. */
import { Command, Option } from 'commander';
import { firstConfigured } from './configFile.ts';
import { CommandError, exitCode } from './exitCode.ts';
import type { Io } from './io.ts';
import { runProcess } from './runProcess.ts';
import { version } from './version.ts';

const help = `
Examples:
  $ pgtape operator --config /etc/pgtape/operator.yaml
  $ pgtape operator --config operator.yaml --kubeconfig ~/.kube/config     outside the cluster
  $ PGTAPE_OPERATOR_NAMESPACE=pgtape-system pgtape operator --config operator.yaml
  $ pgtape operator --config operator.yaml --role webhook                  answers the webhook, writes nothing
  $ pgtape operator --config operator.yaml --canary     tries a pod as a dry run: exit code 1 where it comes back without a recorder
  $ pgtape operator --config-reference            every key, its default and meaning

Run two or more: each answers the webhook that puts recorders into pods, one of them, elected by a Lease,
does everything else. With --role these are processes of their own. What it may do in the cluster stands in deploy/pgtape.yaml.
`;

interface Flags {
  readonly config?: string;
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly role?: string;
  readonly canary?: boolean | string;
  readonly configReference?: boolean;
}

function overlay({ kubeconfig, context, role }: Flags): object {
  return {
    ...(role === undefined ? {} : { role }),
    kubernetes: {
      ...(kubeconfig === undefined ? {} : { kubeconfig }),
      ...(context === undefined ? {} : { context }),
    },
  };
}

const ordinaryPatience = 60;

function patienceOf(text: boolean | string): number {
  if (typeof text !== 'string') return ordinaryPatience;
  if (/^\d{1,4}$/.test(text)) return Number(text);
  throw new CommandError('BAD_CANARY', `--canary ${text}: seconds are wanted`, { exit: exitCode.usage });
}

async function runCanary(io: Io, flags: Flags, seconds: number): Promise<void> {
  const { canaryRun, OPERATOR_ENV_PREFIX, OperatorConfig, OperatorError } = await import('@pgtape/operator');
  const { loadConfig } = await import('@pgtape/process');
  const config = await firstConfigured(io, [flags.config], (file) =>
    loadConfig({
      schema: OperatorConfig,
      ...(file === undefined ? {} : { file }),
      env: io.env,
      envPrefix: OPERATOR_ENV_PREFIX,
      flags: overlay(flags),
    }),
  );
  const problem = await canaryRun(config, io.stop, seconds * 1000).catch((cause: unknown) => {
    if (!(cause instanceof OperatorError)) throw cause;
    throw new CommandError(cause.code, cause.message, { exit: exitCode.environment, cause });
  });
  if (problem !== '') throw new CommandError('CANARY_NOT_INJECTED', problem, { exit: exitCode.found });
  io.out.write('a pod made as a dry run came back with a recorder\n');
}

async function run(io: Io, flags: Flags): Promise<void> {
  if (flags.canary !== undefined) return await runCanary(io, flags, patienceOf(flags.canary));
  // Loaded only here: no other command needs a Kubernetes client.
  const { OPERATOR_ENV_PREFIX, OperatorConfig, OperatorError, startOperator } = await import(
    '@pgtape/operator'
  );
  await runProcess(io, {
    schema: OperatorConfig,
    title: 'Operator',
    envPrefix: OPERATOR_ENV_PREFIX,
    configReference: flags.configReference,
    files: [flags.config],
    flags: overlay(flags),
    telemetry: null,
    start: (config) => startOperator(config, version),
    isTold: (error) => error instanceof OperatorError,
    ready: ({ health }) => ({ health: health.port }),
  });
}

/** Builds the command. */
export function operatorCommand(io: Io): Command {
  return new Command('operator')
    .description('put recorders into the pods that RecordedDatabases select (Kubernetes)')
    .option('-c, --config <file>', 'YAML configuration file')
    .option('--kubeconfig <file>', 'instead of KUBECONFIG, ~/.kube/config or the service account of the pod')
    .option('--context <name>', "instead of the kubeconfig's current context")
    .addOption(
      new Option('--role <role>', 'what this process does').choices(['all', 'webhook', 'controller']),
    )
    .option('--canary [seconds]', 'only try whether pods get recorders, for so long (60)')
    .option('--config-reference', 'print every configuration key and stop')
    .addHelpText('after', help)
    .action((flags: Flags) => run(io, flags));
}
