/** `pgtape recorder`: one recorder process in front of one PostgreSQL, until SIGTERM; SIGHUP reads its certificates again. */
import { Command } from 'commander';
import { announceReady } from './childProcess.ts';
import { firstConfigured, parseEndpoint } from './configFile.ts';
import { CommandError, exitCode } from './exitCode.ts';
import type { Io } from './io.ts';
import { version } from './version.ts';

const help = `
Examples:
  $ pgtape recorder --config /etc/pgtape/recorder.yaml
  $ pgtape recorder --listen 0.0.0.0:5432 --upstream 127.0.0.2:5432 --vault http://vault:4317 --spool /var/spool/pgtape
  $ PGTAPE_RECORDER_UPSTREAM_HOST=/var/run/postgresql pgtape recorder --config recorder.yaml
  $ pgtape recorder --config-reference            every key, its default and meaning

The journal holds statements before their secrets are redacted, so it lies in memory-backed storage
(XDG_RUNTIME_DIR or /dev/shm) unless the configuration asks for a disk.
SIGHUP has it read its certificates again at once; it does not end it.
An upstream that lets clients in without a password is refused; --trust-upstream says that you know.
`;

interface Flags {
  readonly config?: string;
  readonly fallbackConfig?: string;
  readonly listen?: string;
  readonly upstream?: string;
  readonly vault?: string;
  readonly spool?: string;
  readonly trustUpstream?: boolean;
  readonly configReference?: boolean;
}

function overlay(flags: Flags): object {
  return {
    ...(flags.listen === undefined ? {} : { listen: parseEndpoint(flags.listen) }),
    ...(flags.upstream === undefined ? {} : { upstream: parseEndpoint(flags.upstream) }),
    ...(flags.vault === undefined ? {} : { vault: { url: flags.vault } }),
    ...(flags.spool === undefined ? {} : { spool: { dir: flags.spool } }),
    ...(flags.trustUpstream === undefined ? {} : { trustUpstream: flags.trustUpstream }),
  };
}

async function run(io: Io, flags: Flags): Promise<void> {
  // Loaded only here: the other commands start without it.
  const { configReference, loadConfig, startTelemetry } = await import('@pgtape/process');
  const { RECORDER_ENV_PREFIX, RecorderConfig, RecorderError, startRecorder } = await import(
    '@pgtape/recorder'
  );
  if (flags.configReference === true) {
    io.out.write(configReference(RecorderConfig, 'Recorder', RECORDER_ENV_PREFIX));
    return;
  }
  const config = await firstConfigured(io, [flags.config, flags.fallbackConfig], (file) =>
    loadConfig({
      schema: RecorderConfig,
      ...(file === undefined ? {} : { file }),
      env: io.env,
      envPrefix: RECORDER_ENV_PREFIX,
      flags: overlay(flags),
    }),
  );
  const telemetry = await startTelemetry('pgtape-recorder', io.env);
  const recorder = await startRecorder(config, { env: io.env, version }).catch((cause: unknown) => {
    if (!(cause instanceof RecorderError) || cause.code === 'WORKER') throw cause;
    throw new CommandError(cause.code, cause.message, { exit: exitCode.environment, cause });
  });
  io.onHangup(() => recorder.reloadCertificates());
  const stopped = new Promise<void>((resolve) => {
    if (io.stop.aborted) resolve();
    io.stop.addEventListener('abort', () => resolve(), { once: true });
    announceReady({ host: recorder.listen.host, port: recorder.listen.port, reel: recorder.reel }, resolve);
  });
  await stopped;
  await recorder.close();
  await telemetry.shutdown();
}

/** Builds the command. */
export function recorderCommand(io: Io): Command {
  return new Command('recorder')
    .description('relay clients to a PostgreSQL and put every statement on tape')
    .option('-c, --config <file>', 'YAML configuration file')
    .option('--fallback-config <file>', 'used when --config cannot be read or holds no configuration')
    .option('--listen <host:port>', 'where clients connect')
    .option('--upstream <host:port>', 'the server; a directory for a unix socket')
    .option('--vault <url>', "the vault's OTLP/gRPC endpoint")
    .option('--spool <directory>', 'where sealed segments wait for the vault')
    .option('--trust-upstream', 'accept a server that lets clients in without a challenge')
    .option('--config-reference', 'print every configuration key and stop')
    .addHelpText('after', help)
    .action((flags: Flags) => run(io, flags));
}
