/** `pgtape recorder`: one recorder process in front of one PostgreSQL, until SIGTERM; SIGHUP reads its certificates again. */
import { Command } from 'commander';
import { parseEndpoint } from './configFile.ts';
import type { Io } from './io.ts';
import { runProcess } from './runProcess.ts';
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
  readonly lastConfig?: string;
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
  const {
    podConfigText,
    RECORDER_ENV_PREFIX,
    RecorderConfig,
    RecorderError,
    startRecorder,
    startRecorderInPod,
  } = await import('./recorderParts.ts');
  const { lastConfig } = flags;
  await runProcess(io, {
    schema: RecorderConfig,
    title: 'Recorder',
    envPrefix: RECORDER_ENV_PREFIX,
    configReference: flags.configReference,
    files: [flags.config, flags.fallbackConfig],
    flags: overlay(flags),
    stand: lastConfig === undefined ? undefined : { lastFile: lastConfig, builtIn: podConfigText },
    telemetry: 'pgtape-recorder',
    async start(config, { text, standIn, files, read, readFile }) {
      const start = lastConfig === undefined ? startRecorder : startRecorderInPod;
      const standIns = standIn === null ? [] : [standIn];
      const configFiles = {
        files,
        read: readFile,
        // In a pod this keeps it as the last one that was used.
        taken: () => void read().catch(() => {}),
      };
      const deps = { env: io.env, version, configText: text, standIns };
      const recorder = await start(config, files.length === 0 ? deps : { ...deps, configFiles });
      io.onHangup(() => recorder.reloadCertificates());
      return recorder;
    },
    isTold: (error): error is Error & { readonly code: string } =>
      error instanceof RecorderError && error.code !== 'WORKER',
    ready: ({ listen, reel }) => ({ host: listen.host, port: listen.port, reel }),
  });
}

/** Builds the command. */
export function recorderCommand(io: Io): Command {
  return new Command('recorder')
    .description('relay clients to a PostgreSQL and put every statement on tape')
    .option('-c, --config <file>', 'YAML configuration file')
    .option('--fallback-config <file>', 'used when --config cannot be read or holds no configuration')
    .option(
      '--last-config <file>',
      'in a pod: keeps what was used there, and starts whatever the files hold, with that or with built-in places',
    )
    .option('--listen <host:port>', 'where clients connect')
    .option('--upstream <host:port>', 'the server; a directory for a unix socket')
    .option('--vault <url>', "the vault's OTLP/gRPC endpoint")
    .option('--spool <directory>', 'where sealed segments wait for the vault')
    .option('--trust-upstream', 'accept a server that lets clients in without a challenge')
    .option('--config-reference', 'print every configuration key and stop')
    .addHelpText('after', help)
    .action((flags: Flags) => run(io, flags));
}
