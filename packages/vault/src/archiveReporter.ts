/**
 * Owns writing the status of the RecordingArchive that a vault serves: when it changed, or when somebody else wrote another, and every
 * ten seconds at most. A vault that lost its archive says so once, and leaves the word to the one that has it.
 */
import { KubeError, recordingArchives } from '@pgtape/kube';
import type { Logger } from 'pino';
import { type ArchiveCondition, archiveStatusOf, type ServedArchive } from './archiveStatus.ts';
import type { Cluster } from './cluster.ts';

const EVERY_MS = 10_000;
const fieldManager = 'pgtape-vault';

export interface ReporterOptions {
  readonly cluster: Pick<Cluster, 'objects'>;
  readonly name: string;
  /** null: there is nothing to write to. */
  readonly served: () => ServedArchive | null;
  readonly conditions: () => readonly ArchiveCondition[];
  readonly now: () => Date;
  readonly log: Logger;
}

/** Whether the API server has the same conditions; their times may differ. */
function isSaid(status: Readonly<Record<string, unknown>>, seen: readonly ArchiveCondition[]): boolean {
  const wanted = status.conditions as readonly ArchiveCondition[];
  return wanted.every(({ type, status: is, reason }) =>
    seen.some((one) => one.type === type && one.status === is && one.reason === reason),
  );
}

export class ArchiveReporter {
  readonly #options: ReporterOptions;
  readonly #stop = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | null = null;
  #written = '';
  #isLostTold = false;

  constructor(options: ReporterOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => void this.tell(), EVERY_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#stop.abort();
    await this.#writing;
  }

  /** Writes now what changed. Never rejects. */
  async tell(): Promise<void> {
    this.#writing ??= this.#write().finally(() => {
      this.#writing = null;
    });
    await this.#writing;
  }

  async #write(): Promise<void> {
    const { cluster, name, served, conditions, now, log } = this.#options;
    const state = served();
    if (state === null || this.#stop.signal.aborted) return;
    const status = archiveStatusOf(
      state,
      conditions(),
      now()
        .toISOString()
        .replace(/\.\d+Z$/, 'Z'),
    );
    const text = JSON.stringify(status);
    const isLost = state.vault !== null && (state.vault.log.fenced || !state.vault.holds_lock);
    if (isLost && this.#isLostTold) return;
    if (text === this.#written && isSaid(status, conditions())) return;
    const apiVersion = `${recordingArchives.group}/${recordingArchives.version}`;
    const object = { apiVersion, kind: recordingArchives.kind, metadata: { name }, status };
    try {
      const { signal } = this.#stop;
      await cluster.objects.apply(recordingArchives, object, {
        fieldManager,
        force: true,
        subresource: 'status',
        signal,
      });
      this.#written = text;
      this.#isLostTold = isLost;
    } catch (error) {
      const problem = error instanceof KubeError ? error.message : String(error);
      log.warn({ problem }, 'the status of the RecordingArchive was not written; trying again');
    }
  }
}
