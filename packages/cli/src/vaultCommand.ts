/** `pgtape vault`: one collector over one archive, until SIGTERM. */
import { Command } from 'commander';
import { announceReady } from './childProcess.ts';
import { configured, parseEndpoint, readConfigFile } from './configFile.ts';
import { CommandError, exitCode } from './exitCode.ts';
import type { Io } from './io.ts';
import { version } from './version.ts';

const help = `
Examples:
  $ pgtape vault --archive /srv/pgtape/archive
  $ pgtape vault --archive 's3://audit/pgtape?region=eu-central-1' --config /etc/pgtape/vault.yaml
  $ pgtape vault --config /etc/pgtape/vault.yaml --forward http://jaeger:4317
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

async function run(io: Io, flags: Flags): Promise<void> {
  // Loaded only here: the other commands start without it.
  const { configReference, loadConfig, startTelemetry } = await import('@pgtape/process');
  const { startVault, VAULT_ENV_PREFIX, VaultConfig, VaultError } = await import('@pgtape/vault');
  if (flags.configReference === true) {
    io.out.write(configReference(VaultConfig, 'Vault', VAULT_ENV_PREFIX));
    return;
  }
  const file = readConfigFile(io, flags.config);
  const config = await configured(() =>
    loadConfig({
      schema: VaultConfig,
      ...(file === undefined ? {} : { file }),
      env: io.env,
      envPrefix: VAULT_ENV_PREFIX,
      flags: overlay(flags),
    }),
  );
  const telemetry = await startTelemetry('pgtape-vault', io.env);
  const vault = await startVault(config, { version }).catch((cause: unknown) => {
    if (!(cause instanceof VaultError)) throw cause;
    throw new CommandError(cause.code, cause.message, { exit: exitCode.environment, cause });
  });
  const stopped = new Promise<void>((resolve) => {
    if (io.stop.aborted) resolve();
    io.stop.addEventListener('abort', () => resolve(), { once: true });
    announceReady({ otlp: vault.otlp.port, http: vault.http.port }, resolve);
  });
  await stopped;
  await vault.close();
  await telemetry.shutdown();
}

/** Builds the command. */
export function vaultCommand(io: Io): Command {
  return new Command('vault')
    .description('verify what recorders send and keep it in an archive')
    .option('-c, --config <file>', 'YAML configuration file')
    .option('--otlp <host:port>', 'OTLP/gRPC receiver')
    .option('--http <host:port>', 'health, metrics, tail and status')
    .option('--archive <store>', 'where the archive lies: a directory, or s3://bucket/prefix?...')
    .option('--forward <url>', 'OTLP/gRPC endpoint of a tracing backend')
    .option('--config-reference', 'print every configuration key and stop')
    .addHelpText('after', help)
    .action((flags: Flags) => run(io, flags));
}
