/**
 * Owns doing what a rollout's plan says: one eviction, or one image in a running pod. It refuses to decide which, and does
 * nothing that status does not already say.
 */
import {
  asError,
  type EventRecorder,
  evict,
  KubeError,
  type KubeObject,
  type KubeObjects,
  type KubeTransport,
  pods as podKind,
} from '@pgtape/kube';
import { problemText } from './applyObjects.ts';
import { RECORDER_CONTAINER } from './injectionPlan.ts';
import type { JsonPatchOperation } from './jsonPatch.ts';
import { PodFacts } from './podFacts.ts';
import { podObject } from './podNotices.ts';
import type { RolloutStep } from './rolloutPlan.ts';

export type RolloutOutcome = 'done' | 'refused' | 'failed';
type Action = NonNullable<RolloutStep['action']>;

export interface RolloutWorkOptions {
  readonly connection: KubeTransport;
  readonly objects: KubeObjects;
  readonly events: Pick<EventRecorder, 'tell'>;
  readonly ended: (action: Action['what'], outcome: RolloutOutcome) => void;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

interface Tried {
  readonly uid: string;
  readonly atMs: number;
  /** '' where it was not refused. */
  readonly refusal: string;
}

/** From one try to the next, of the same pod. */
const tryAgainMs = 10_000;

export class RolloutWork {
  readonly #options: RolloutWorkOptions;
  /** By the database's key. */
  readonly #tried = new Map<string, Tried>();

  constructor(options: RolloutWorkOptions) {
    this.#options = options;
  }

  /** What the API server said to the last try; '' where it was not refused. */
  refusal(database: string): string {
    return this.#tried.get(database)?.refusal ?? '';
  }

  forget(): void {
    this.#tried.clear();
  }

  /**
   * @param live the pod as the API server has it
   * @param image of recorders, for an upgrade
   */
  async act(
    database: { readonly key: string; readonly object: KubeObject },
    action: RolloutStep['action'],
    live: KubeObject | undefined,
    image: string,
    signal: AbortSignal,
  ): Promise<void> {
    const { key } = database;
    if (action === null || live === undefined) {
      this.#tried.delete(key);
      return;
    }
    const { uid } = action.pod;
    const tried = this.#tried.get(key);
    const atMs = this.#options.now();
    if (tried?.uid === uid && atMs - tried.atMs < tryAgainMs) return;
    const refusal = await this.#done(database, action, live, image, signal);
    this.#tried.set(key, { uid, atMs, refusal });
  }

  /** What it was refused with; '' where it was not. */
  async #done(
    { object }: { readonly object: KubeObject },
    { what, pod }: Action,
    live: KubeObject,
    image: string,
    signal: AbortSignal,
  ): Promise<string> {
    const { ended } = this.#options;
    const namespace = live.metadata.namespace ?? '';
    try {
      const refused =
        what === 'Evict'
          ? await this.#evict({ namespace, name: pod.name, uid: pod.uid }, signal)
          : await this.#upgrade(live, image, signal);
      ended(what, refused === '' ? 'done' : 'refused');
      if (refused === '') this.#tell([podObject(pod, namespace), object], what, pod.name, image);
      return refused;
    } catch (error) {
      signal.throwIfAborted();
      ended(what, 'failed');
      return problemText(asError(error));
    }
  }

  async #evict(pod: { namespace: string; name: string; uid: string }, signal: AbortSignal): Promise<string> {
    const eviction = await evict(this.#options.connection, pod, signal);
    return eviction.outcome === 'refused' ? eviction.message : '';
  }

  /** Only that image: restarts the one container, and no other. */
  async #upgrade(live: KubeObject, image: string, signal: AbortSignal): Promise<string> {
    const { initContainers = [] } = PodFacts.parse(live).spec;
    const index = initContainers.findIndex(({ name }) => name === RECORDER_CONTAINER);
    const { name, namespace = '', uid = '' } = live.metadata;
    const path = `/spec/initContainers/${index}`;
    const patch: JsonPatchOperation[] = [
      { op: 'test', path: '/metadata/uid', value: uid },
      { op: 'test', path: `${path}/name`, value: RECORDER_CONTAINER },
      { op: 'replace', path: `${path}/image`, value: image },
    ];
    try {
      await this.#options.objects.patch(podKind, { namespace, name }, patch, { signal });
    } catch (error) {
      if (!(error instanceof KubeError) || error.code !== 'KUBE_NOT_FOUND') throw error;
    }
    return '';
  }

  #tell(regarding: readonly KubeObject[], what: Action['what'], pod: string, image: string): void {
    const [reason, note] =
      what === 'Evict'
        ? ['Evicted', `${pod} is evicted, to be made anew`]
        : ['RecorderUpgraded', `the recorder of ${pod} gets ${image}`];
    for (const one of regarding)
      this.#options.events.tell({ regarding: one, type: 'Normal', reason, action: what, note });
  }
}
