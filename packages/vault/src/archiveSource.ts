/**
 * Owns what is known of one RecordingArchive: watched at the API server, and, while that is away from the start on, as it was
 * last. It refuses to act on it.
 */
import { type KubeObject, Reflector, recordingArchives } from '@pgtape/kube';
import type { Logger } from 'pino';
import { z } from 'zod';
import { ArchiveCondition } from './archiveStatus.ts';
import type { Cluster } from './cluster.ts';
import type { ArchiveState } from './lastArchive.ts';

/** An API server that has not listed anything for so long is away. */
const AWAY_MS = 5000;

const Served = z.looseObject({
  metadata: z.looseObject({ uid: z.string(), generation: z.int().default(0) }),
  spec: z.unknown(),
  status: z.looseObject({ conditions: z.array(ArchiveCondition).catch([]).default([]) }).optional(),
});

export interface ArchiveSourceOptions {
  readonly cluster: Cluster;
  readonly name: string;
  /** What was kept of an earlier run. */
  readonly last: ArchiveState | null;
  readonly changed: () => void;
  readonly log: Logger;
}

export class ArchiveSource {
  readonly #options: ArchiveSourceOptions;
  readonly #reflector: Reflector;
  #isAway = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ArchiveSourceOptions) {
    this.#options = options;
    const { cluster, name, changed, log } = options;
    this.#reflector = new Reflector({
      resource: recordingArchives,
      connection: cluster.connection,
      fieldSelector: `metadata.name=${name}`,
      events: {
        change: changed,
        synced: changed,
        trouble: (error, waitMs) => log.debug({ problem: error.message, waitMs }, 'watch ended'),
      },
    });
  }

  start(): void {
    this.#reflector.start();
    this.#timer = setTimeout(() => {
      this.#isAway = true;
      this.#options.changed();
    }, AWAY_MS);
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#reflector.stop();
  }

  /** null: there is none. `unknown`: the API server has not said yet. */
  state(): ArchiveState | null | 'unknown' {
    const { name, last } = this.#options;
    if (!this.#reflector.isSynced) return this.#isAway && last !== null ? last : 'unknown';
    const served = this.#served();
    if (served === null) return null;
    const { uid, generation } = served.metadata;
    return { name, uid, generation, spec: served.spec };
  }

  /** As the API server has them now. */
  conditions(): readonly ArchiveCondition[] {
    return this.#served()?.status?.conditions ?? [];
  }

  #served(): z.infer<typeof Served> | null {
    const found: KubeObject | undefined = this.#reflector.get(this.#options.name);
    return found === undefined ? null : (Served.safeParse(found).data ?? null);
  }
}
