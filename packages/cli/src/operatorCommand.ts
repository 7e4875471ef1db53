/** `pgtape operator`: one replica of the Kubernetes operator, until SIGTERM. */
import { Command } from 'commander';
import type { Io } from './io.ts';
import { runProcess } from './runProcess.ts';

const help = `
Examples:
  $ pgtape operator --config /etc/pgtape/operator.yaml
  $ pgtape operator --config operator.yaml --kubeconfig ~/.kube/config     outside the cluster
  $ PGTAPE_OPERATOR_NAMESPACE=pgtape-system pgtape operator --config operator.yaml
  $ pgtape operator --config-reference            every key, its default and meaning

Run two or more: each answers the webhook that puts recorders into pods, one of them, elected by a Lease,
does everything else. What it may do in the cluster stands in deploy/operator-rbac.yaml.
`;

interface Flags {
  readonly config?: string;
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly configReference?: boolean;
}

function overlay({ kubeconfig, context }: Flags): object {
  return {
    kubernetes: {
      ...(kubeconfig === undefined ? {} : { kubeconfig }),
      ...(context === undefined ? {} : { context }),
    },
  };
}

async function run(io: Io, flags: Flags): Promise<void> {
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
    start: (config) => startOperator(config),
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
    .option('--config-reference', 'print every configuration key and stop')
    .addHelpText('after', help)
    .action((flags: Flags) => run(io, flags));
}
