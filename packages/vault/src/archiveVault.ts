/**
 * Owns running a vault over the RecordingArchive of a name: waiting until it is there, starting anew in place when its spec
 * changes, going on with the last good one while the API server is away. What a vault does is vault.ts's.
 */
import { logger, systemClock } from '@pgtape/process';
import type { Logger } from 'pino';
import { ArchiveReporter } from './archiveReporter.ts';
import { ArchiveSource } from './archiveSource.ts';
import { ArchiveSpec, archiveOverlay } from './archiveSpec.ts';
import { type Cluster, openCluster } from './cluster.ts';
import { type NamedVaultConfig, VaultConfig } from './config.ts';
import type { HttpServer } from './http.ts';
import { type ArchiveState, keepLastArchive, readLastArchive } from './lastArchive.ts';
import { publicAuthority } from './publicAuthority.ts';
import { startVault, type Vault } from './vault.ts';
import { VaultError } from './vaultError.ts';
import type { VaultDeps } from './vaultParts.ts';
import { openWaitingRoom } from './waitingRoom.ts';

export interface ArchiveVault {
  /** Where the API listens, and health. */
  readonly http: { readonly host: string; readonly port: number };
  close(): Promise<void>;
}

interface Problem {
  readonly reason: string;
  readonly message: string;
}

/** After a vault that could not be started. */
const RETRY_MS = { first: 1000, max: 30_000 };
const lastGood = 'starting from the RecordingArchive as it was last: the API server is away';

/** @throws VaultError `KUBERNETES`, `ARCHIVE_UNUSABLE`, `TLS_FILES`, `LISTEN_FAILED` */
export async function startArchiveVault(
  config: NamedVaultConfig,
  name: string,
  deps: VaultDeps = {},
): Promise<ArchiveVault> {
  const { stateDir } = config;
  if (stateDir === undefined)
    throw new VaultError('ARCHIVE_UNUSABLE', "--archive NAME needs stateDir, for the vault's own files");
  const cluster = await openCluster(config.kubernetes);
  const last = await readLastArchive(stateDir, name);
  const log = deps.log ?? logger('vault', config.log.level);
  const runner = new Runner({ config, name, stateDir, cluster, last, deps: { ...deps, log }, log });
  try {
    await runner.start();
  } catch (error) {
    await runner.close().catch(() => undefined);
    throw error;
  }
  return runner;
}

interface RunnerOptions {
  readonly config: NamedVaultConfig;
  readonly name: string;
  readonly stateDir: string;
  readonly cluster: Cluster;
  readonly last: ArchiveState | null;
  readonly deps: VaultDeps;
  readonly log: Logger;
}

class Runner implements ArchiveVault {
  readonly #options: RunnerOptions;
  readonly #source: ArchiveSource;
  readonly #reporter: ArchiveReporter;
  #vault: Vault | null = null;
  #room: HttpServer | null = null;
  /** What the vault runs with, or failed with. */
  #tried: ArchiveState | null = null;
  #problem: Problem | null = null;
  #settling: Promise<void> | null = null;
  #isDue = false;
  #isClosing = false;
  #retry: NodeJS.Timeout | undefined;
  #isRetryDue = false;
  #retryMs = RETRY_MS.first;
  http = { host: '', port: 0 };

  constructor(options: RunnerOptions) {
    this.#options = options;
    const { cluster, name, last, log, config } = options;
    const authority = publicAuthority(config.otlp.publicCaFile, log);
    this.#source = new ArchiveSource({ cluster, name, last, log, changed: () => this.#settle() });
    this.#reporter = new ArchiveReporter({
      cluster,
      name,
      log,
      conditions: () => this.#source.conditions(),
      now: () => new Date(systemClock().wallUs() / 1000),
      served: () => {
        const state = this.#source.state();
        if (state === null || state === 'unknown') return null;
        const endpoint = config.otlp.publicUrl ?? null;
        const vault = this.#vault?.status() ?? null;
        return {
          generation: state.generation,
          endpoint,
          authority: authority(),
          vault,
          problem: this.#problem,
        };
      },
    });
  }

  async start(): Promise<void> {
    await this.#openRoom();
    this.#source.start();
    this.#reporter.start();
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    clearTimeout(this.#retry);
    await this.#settling;
    await this.#reporter.stop();
    await this.#source.stop();
    await this.#vault?.close();
    await this.#room?.close();
    this.#options.cluster.close();
  }

  /** Makes what runs what the archive says, one change after the other. */
  #settle(): void {
    this.#isDue = true;
    this.#settling ??= this.#settleAll().finally(() => {
      this.#settling = null;
      if (this.#isDue && !this.#isClosing) this.#settle();
    });
  }

  async #settleAll(): Promise<void> {
    while (this.#isDue && !this.#isClosing) {
      this.#isDue = false;
      const state = this.#source.state();
      if (state === 'unknown') continue;
      // A vault goes on when its archive's description goes: evidence that comes still belongs there.
      if (state === null) {
        if (this.#vault === null) this.#wait({ reason: 'archive_not_found', message: 'there is none' });
        this.#tried = null;
        continue;
      }
      // Our own status is a change, too.
      if (isSameSpec(this.#tried, state) && !this.#isRetryDue) continue;
      await this.#take(state);
      await this.#reporter.tell();
    }
  }

  async #take(state: ArchiveState): Promise<void> {
    const { stateDir, deps, log } = this.#options;
    clearTimeout(this.#retry);
    this.#isRetryDue = false;
    const config = this.#configOf(state);
    this.#tried = state;
    if ('reason' in config) {
      log.error({ reason: config.reason, problem: config.message }, 'the RecordingArchive cannot be served');
      this.#problem = config;
      return;
    }
    await this.#stopRunning();
    try {
      if (state === this.#options.last) log.warn(lastGood);
      const vault = await startVault(config, deps);
      this.#vault = vault;
      this.http = { host: vault.http.host, port: vault.http.port };
      this.#problem = null;
      this.#retryMs = RETRY_MS.first;
      await keepLastArchive(stateDir, state).catch((error: Error) =>
        log.error({ err: error }, 'the RecordingArchive was not kept for a start without API server'),
      );
    } catch (error) {
      await this.#failed(error);
    }
  }

  #configOf({ spec }: ArchiveState): VaultConfig | Problem {
    const { config } = this.#options;
    const read = ArchiveSpec.safeParse(spec);
    if (!read.success) return invalid(read.error.issues[0]?.message);
    const overlay = archiveOverlay(read.data, config.kubernetes.volumesDir);
    if (overlay === null) return invalid('neither s3 nor volume is set');
    const merged: Record<string, unknown> = { ...config };
    for (const [group, keys] of Object.entries(overlay))
      merged[group] = { ...(merged[group] as object | undefined), ...keys };
    const whole = VaultConfig.safeParse(merged);
    if (whole.success) return whole.data;
    const [issue] = whole.error.issues;
    return invalid(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
  }

  async #stopRunning(): Promise<void> {
    const running = this.#vault;
    this.#vault = null;
    await running?.close().catch((error: Error) => {
      this.#options.log.error({ err: error }, 'the vault before did not end well');
    });
    await this.#room?.close();
    this.#room = null;
  }

  async #failed(error: unknown): Promise<void> {
    const { log } = this.#options;
    const reason = error instanceof VaultError ? error.code.toLowerCase() : 'internal';
    const message = error instanceof Error ? error.message : String(error);
    log.error({ err: error, reason, again_ms: this.#retryMs }, 'the vault did not start; trying again');
    this.#wait({ reason, message });
    await this.#openRoom().catch((cause: unknown) => {
      log.error({ err: cause }, 'nothing answers for health while the vault waits');
    });
    this.#retry = setTimeout(() => {
      this.#isRetryDue = true;
      this.#settle();
    }, this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MS.max);
  }

  #wait(problem: Problem): void {
    if (this.#problem?.reason !== problem.reason)
      this.#options.log.warn({ reason: problem.reason, archive: this.#options.name }, 'the vault waits');
    this.#problem = problem;
  }

  async #openRoom(): Promise<void> {
    const { config } = this.#options;
    // The port of the first listener is kept where any would do.
    const port = config.http.port === 0 ? this.http.port : config.http.port;
    const room = await openWaitingRoom(
      { http: { ...config.http, port } },
      () => this.#problem?.reason ?? 'starting',
    );
    this.#room = room;
    this.http = { host: room.host, port: room.port };
  }
}

const invalid = (detail: string | undefined): Problem => ({
  reason: 'archive_invalid',
  message: `the spec cannot be used: ${detail ?? 'it is none'}`,
});

function isSameSpec(a: ArchiveState | null, b: ArchiveState): boolean {
  return a !== null && JSON.stringify(a.spec) === JSON.stringify(b.spec);
}
