/** `pgtape operator`: one replica of the Kubernetes operator, until SIGTERM. */
import { Command } from 'commander';
import { announceReady } from './childProcess.ts';
import { configured, readConfigFile } from './configFile.ts';
import { CommandError, exitCode } from './exitCode.ts';
import type { Io } from './io.ts';

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
  const { configReference, loadConfig } = await import('@pgtape/process');
  const { OPERATOR_ENV_PREFIX, OperatorConfig, OperatorError, startOperator } = await import(
    '@pgtape/operator'
  );
  if (flags.configReference === true) {
    io.out.write(configReference(OperatorConfig, 'Operator', OPERATOR_ENV_PREFIX));
    return;
  }
  const file = readConfigFile(io, flags.config);
  const config = await configured(() =>
    loadConfig({
      schema: OperatorConfig,
      ...(file === undefined ? {} : { file }),
      env: io.env,
      envPrefix: OPERATOR_ENV_PREFIX,
      flags: overlay(flags),
    }),
  );
  const operator = await startOperator(config).catch((cause: unknown) => {
    if (!(cause instanceof OperatorError)) throw cause;
    throw new CommandError(cause.code, cause.message, { exit: exitCode.environment, cause });
  });
  const stopped = new Promise<void>((resolve) => {
    if (io.stop.aborted) resolve();
    io.stop.addEventListener('abort', () => resolve(), { once: true });
    announceReady({ health: operator.health.port }, resolve);
  });
  await stopped;
  await operator.close();
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
