/** Where `pgtape up` keeps what, and what it tells the vault and the recorder. Pure: paths and texts. */
import { join } from 'node:path';
import { stringify } from 'yaml';

export interface UpOptions {
  /** Absolute directory of everything `up` makes. */
  readonly dir: string;
  readonly port: number;
  readonly vaultOtlpPort: number;
  readonly vaultHttpPort: number;
  readonly healthPort: number;
  /** OTLP/gRPC endpoint of a tracing backend; null: spans go nowhere else. */
  readonly otlp: string | null;
}

export interface UpLayout {
  readonly dir: string;
  readonly lockFile: string;
  readonly passwordFile: string;
  /** Token of whoever may read evidence, for commands run beside it, and its hash, for the vault. */
  readonly tokenFile: string;
  readonly tokenHashFile: string;
  /** What the recorder proves to the vault with that its reels are its own. */
  readonly enrolmentFile: string;
  readonly postgresDir: string;
  readonly archiveDir: string;
  readonly spoolDir: string;
  readonly vault: ChildLayout;
  readonly recorder: ChildLayout;
}

export interface ChildLayout {
  readonly configFile: string;
  readonly logFile: string;
}

/** All paths below `dir`. */
export function upLayout(dir: string): UpLayout {
  return {
    dir,
    lockFile: join(dir, 'up.lock'),
    passwordFile: join(dir, 'postgres.password'),
    tokenFile: join(dir, 'vault.token'),
    tokenHashFile: join(dir, 'vault.token.sha256'),
    enrolmentFile: join(dir, 'enrolment.secret'),
    postgresDir: join(dir, 'postgres'),
    archiveDir: join(dir, 'archive'),
    spoolDir: join(dir, 'spool'),
    vault: { configFile: join(dir, 'vault.yaml'), logFile: join(dir, 'vault.log') },
    recorder: { configFile: join(dir, 'recorder.yaml'), logFile: join(dir, 'recorder.log') },
  };
}

/** As whom the recorder's reels stand in the vault's records. */
const enrolmentName = 'pgtape-up';
const note = '# Written by `pgtape up` at each start; changes made here are overwritten.\n';

/** The vault's configuration file. */
export function vaultYaml(options: UpOptions, layout: UpLayout): string {
  return (
    note +
    stringify({
      otlp: { host: '127.0.0.1', port: options.vaultOtlpPort },
      http: {
        host: '127.0.0.1',
        port: options.vaultHttpPort,
        callers: [
          {
            name: 'local',
            tokenHashFile: layout.tokenHashFile,
            may: ['read', 'export', 'hold', 'status', 'probe'],
          },
        ],
      },
      archive: { store: layout.archiveDir },
      enrolment: { required: true, secrets: [{ name: enrolmentName, file: layout.enrolmentFile }] },
      tlog: { checkpointSeconds: 2 },
      ...(options.otlp === null ? {} : { forward: { url: options.otlp } }),
    })
  );
}

/** The recorder's configuration file; `upstreamPort` is the embedded server's. */
export function recorderYaml(options: UpOptions, layout: UpLayout, upstreamPort: number): string {
  return (
    note +
    stringify({
      name: 'pgtape up',
      listen: { host: '127.0.0.1', port: options.port },
      upstream: { host: '127.0.0.1', port: upstreamPort },
      spool: { dir: layout.spoolDir },
      segment: { maxSeconds: 2 },
      vault: {
        url: `http://127.0.0.1:${options.vaultOtlpPort}`,
        enrolment: { name: enrolmentName, secretFile: layout.enrolmentFile },
      },
      health: { host: '127.0.0.1', port: options.healthPort },
    })
  );
}

/** Where the vault's HTTP API is. */
export function vaultUrl(options: UpOptions): string {
  return `http://127.0.0.1:${options.vaultHttpPort}`;
}

/** What any client connects with. */
export function connectionString(password: string, port: number): string {
  return `postgres://postgres:${encodeURIComponent(password)}@127.0.0.1:${port}/postgres`;
}
