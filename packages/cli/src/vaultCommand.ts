/** `pgtape vault`: one collector over one archive, until SIGTERM. */
import { Command } from 'commander';
import { parseEndpoint } from './configFile.ts';
import type { Io } from './io.ts';
import { runProcess } from './runProcess.ts';
import { version } from './version.ts';

const help = `
Examples:
  $ pgtape vault --archive /srv/pgtape/archive
  $ pgtape vault --archive 's3://audit/pgtape?region=eu-central-1' --config /etc/pgtape/vault.yaml
  $ pgtape vault --config /etc/pgtape/vault.yaml --forward http://jaeger:4317
  $ pgtape vault --config /etc/pgtape/vault.yaml --archive audit      the RecordingArchive of that name
  $ pgtape vault --config-reference               every key, its default and meaning

Recorders send sealed segments to its OTLP/gRPC receiver. A segment is acknowledged only when its object
is durable. Spans of other senders are accepted as views: forwarded, never evidence.
`;

interface Flags {
  readonly config?: string;
  readonly otlp?: string;
  readonly http?: string;
  readonly archive?: string;
  readonly forward?: string;
  readonly configReference?: boolean;
}

function overlay(flags: Flags): object {
  return {
    ...(flags.otlp === undefined ? {} : { otlp: parseEndpoint(flags.otlp) }),
    ...(flags.http === undefined ? {} : { http: parseEndpoint(flags.http) }),
    ...(flags.archive === undefined ? {} : { archive: { store: flags.archive } }),
    ...(flags.forward === undefined ? {} : { forward: { url: flags.forward } }),
  };
}

/** A directory is written with a slash, a bucket as s3://; a plain name is a RecordingArchive's. */
const archiveName = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/;

async function run(io: Io, flags: Flags): Promise<void> {
  // Loaded only here: the other commands start without it.
  const { NamedVaultConfig, startArchiveVault, startVault, VAULT_ENV_PREFIX, VaultConfig, VaultError } =
    await import('@pgtape/vault');
  const { archive, ...others } = flags;
  const common = {
    title: 'Vault',
    envPrefix: VAULT_ENV_PREFIX,
    configReference: flags.configReference,
    files: [flags.config],
    telemetry: 'pgtape-vault',
    isTold: (error: unknown): error is InstanceType<typeof VaultError> => error instanceof VaultError,
  };
  if (archive !== undefined && archiveName.test(archive)) {
    await runProcess(io, {
      ...common,
      schema: NamedVaultConfig,
      flags: overlay(others),
      start: (config) => startArchiveVault(config, archive, { version }),
      ready: ({ http }) => ({ http: http.port }),
    });
    return;
  }
  await runProcess(io, {
    ...common,
    schema: VaultConfig,
    flags: overlay(flags),
    start: (config) => startVault(config, { version }),
    ready: ({ otlp, http }) => ({ otlp: otlp.port, http: http.port }),
  });
}

/** Builds the command. */
export function vaultCommand(io: Io): Command {
  return new Command('vault')
    .description('verify what recorders send and keep it in an archive')
    .option('-c, --config <file>', 'YAML configuration file')
    .option('--otlp <host:port>', 'OTLP/gRPC receiver')
    .option('--http <host:port>', 'health, metrics, tail and status')
    .option(
      '--archive <archive>',
      'where the archive lies: ./directory, s3://bucket/prefix?..., or the name of a RecordingArchive in Kubernetes',
    )
    .option('--forward <url>', 'OTLP/gRPC endpoint of a tracing backend')
    .option('--config-reference', 'print every configuration key and stop')
    .addHelpText('after', help)
    .action((flags: Flags) => run(io, flags));
}
