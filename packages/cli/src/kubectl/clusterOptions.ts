/** Options of `kubectl pgtape`, named as kubectl names them. */
import type { Command } from 'commander';

export interface ClusterFlags {
  readonly context?: string;
  readonly kubeconfig?: string;
}

/** Which RecordedDatabases are meant. */
export interface SelectionFlags extends ClusterFlags {
  readonly namespace?: string;
  readonly allNamespaces?: boolean;
  readonly selector?: string;
}

/** Where pgtape itself runs. */
export interface ReleaseFlags extends ClusterFlags {
  readonly pgtapeNamespace?: string;
  readonly release?: string;
}

/** Which API server is asked, and as whom. */
export function withClusterOptions(command: Command): Command {
  return command
    .option('--context <name>', "instead of the kubeconfig's current context")
    .option('--kubeconfig <file>', 'instead of KUBECONFIG, ~/.kube/config or the service account of the pod');
}

export function withNamespaceOption(command: Command): Command {
  return withClusterOptions(command).option(
    '-n, --namespace <name>',
    "namespace of the RecordedDatabases (default: the context's)",
  );
}

export function withSelectionOptions(command: Command): Command {
  return withNamespaceOption(command)
    .option('-A, --all-namespaces', 'RecordedDatabases of every namespace')
    .option('-l, --selector <labels>', 'only RecordedDatabases with these labels: team=shop,tier!=test');
}

export function withReleaseOptions(command: Command): Command {
  return command
    .option('--pgtape-namespace <name>', 'namespace that pgtape runs in (default: found by its labels)')
    .option('--release <name>', 'the release, where more than one is installed');
}
