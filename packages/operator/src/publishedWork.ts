/** Owns keeping the ConfigMap of what recorders were given: after each time their configurations were written. */
import type { KubeObject } from '@pgtape/kube';
import type { Written } from './applyObjects.ts';
import type { ClusterWatch } from './clusterWatch.ts';
import { protectedDatabase } from './databaseFacts.ts';
import { problemsOf } from './databaseObserver.ts';
import { type RecordingSettings, recorderConfig } from './desiredObjects.ts';
import { publishedObject } from './publishedObject.ts';
import { wholeSeconds } from './statusConditions.ts';

export interface PublishedWorkOptions {
  readonly watch: Pick<ClusterWatch, 'owned' | 'databases'>;
  readonly place: { readonly namespace: string; readonly name: string };
  /** See PublishedPlan. */
  readonly image: string;
  readonly version: string;
  readonly apply: (
    wanted: readonly KubeObject[],
    live: readonly KubeObject[],
    signal: AbortSignal,
  ) => Promise<Written[]>;
  readonly wall: () => Date;
}

export class PublishedWork {
  readonly #options: PublishedWorkOptions;
  /** As it was written last: the watch may not have told it yet. */
  #last: KubeObject | null = null;

  constructor(options: PublishedWorkOptions) {
    this.#options = options;
  }

  /** Whether an object is this ConfigMap: what else the operator owns is written and removed without it. */
  isIt({ kind, metadata }: KubeObject): boolean {
    const { namespace, name } = this.#options.place;
    return kind === 'ConfigMap' && metadata.namespace === namespace && metadata.name === name;
  }

  /**
   * A configuration that could not be written is not published.
   * @param made what was written just now
   */
  async publish(
    made: readonly Written[],
    settings: RecordingSettings,
    signal: AbortSignal,
  ): Promise<Written[]> {
    const { watch, place, image, version, apply, wall } = this.#options;
    const before = watch.owned.find((object) => this.isIt(object));
    const object = publishedObject({
      place,
      image,
      version,
      databases: watch.databases,
      configOf: (database) =>
        protectedDatabase(database) === null || problemsOf(database, made).configMap !== ''
          ? null
          : recorderConfig(database, settings),
      before: [before, this.#last],
      now: wholeSeconds(wall()),
    });
    const written = await apply([object], before === undefined ? [] : [before], signal);
    if (written.every(({ how }) => how !== 'failed')) this.#last = object;
    return written;
  }
}
