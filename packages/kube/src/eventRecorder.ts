/**
 * Owns telling people through Events (events.k8s.io/v1). Events are views: one that cannot be written is counted and
 * forgotten, and nobody waits for it.
 */
import { asError } from './asError.ts';
import type { KubeTransport } from './connection.ts';
import { EventSeries, type Happening, type SeriesLimits } from './eventSeries.ts';
import { KubeError } from './kubeError.ts';
import type { KubeObject } from './kubeObject.ts';
import { microTime } from './microTime.ts';
import { KubeObjects } from './objects.ts';
import { type Pacing, realPacing } from './pacing.ts';
import { events } from './resource.ts';

export interface EventRecorderOptions {
  readonly connection: KubeTransport;
  /** `pgtape.dev/operator`. */
  readonly controller: string;
  /** Of this process. */
  readonly instance: string;
  /** Where events about objects without namespace go. */
  readonly namespace: string;
  readonly dropped?: (reason: 'series' | 'failed' | 'queue_full', error?: Error) => void;
  readonly limits?: SeriesLimits;
  readonly pacing?: Pacing;
}

export interface Told {
  readonly regarding: KubeObject;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly action: string;
  /** For people; cut at 1 KiB. */
  readonly note: string;
}

/** events.k8s.io/v1's own bound. */
const noteCharsMax = 1024;
const queueMax = 256;

export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #pacing: Pacing;
  readonly #objects: KubeObjects;
  readonly #series: EventSeries;
  #last: Promise<void> = Promise.resolve();
  #queued = 0;
  #made = 0;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#pacing = options.pacing ?? realPacing;
    this.#objects = new KubeObjects(options.connection);
    this.#series = new EventSeries(options.limits);
  }

  /** Returns at once. */
  tell(told: Told): void {
    if (this.#queued >= queueMax) {
      this.#options.dropped?.('queue_full');
      return;
    }
    this.#queued += 1;
    // One after the other, so that an event's series is never sent before it.
    this.#last = this.#last
      .then(() => this.#send(told))
      .finally(() => {
        this.#queued -= 1;
      });
  }

  /** Resolves when everything told was sent or dropped. */
  async idle(): Promise<void> {
    await this.#last;
  }

  async #send(told: Told): Promise<void> {
    const note = told.note.slice(0, noteCharsMax);
    const happening: Happening = {
      regardingUid: told.regarding.metadata.uid ?? '',
      type: told.type,
      reason: told.reason,
      action: told.action,
      note,
    };
    const decision = this.#series.decide(happening, this.#pacing.now());
    try {
      if (decision.decision === 'dropped') this.#options.dropped?.('series');
      else if (decision.decision === 'new') await this.#create(told.regarding, happening);
      else await this.#again(told.regarding, happening, decision.name, decision.count);
    } catch (error) {
      this.#options.dropped?.('failed', asError(error));
    }
  }

  #namespaceOf({ metadata }: KubeObject): string {
    return metadata.namespace ?? this.#options.namespace;
  }

  async #create(regarding: KubeObject, happening: Happening): Promise<void> {
    const { controller, instance } = this.#options;
    const wall = this.#pacing.wall();
    this.#made += 1;
    // As client-go names them: the object's name and a number nobody else uses.
    const unique = `${Math.floor(wall).toString(16)}${this.#made.toString(16)}${Math.floor(this.#pacing.random() * 0xffff).toString(16)}`;
    const name = `${regarding.metadata.name.slice(0, 200)}.${unique}`;
    const { apiVersion, kind, metadata } = regarding;
    const namespace = this.#namespaceOf(regarding);
    await this.#objects.create(events, {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name, namespace },
      eventTime: microTime(wall),
      reportingController: controller,
      reportingInstance: instance,
      action: happening.action,
      reason: happening.reason,
      type: happening.type,
      note: happening.note,
      regarding: {
        apiVersion,
        kind,
        name: metadata.name,
        ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
        ...(metadata.uid === undefined ? {} : { uid: metadata.uid }),
        ...(metadata.resourceVersion === undefined ? {} : { resourceVersion: metadata.resourceVersion }),
      },
    });
    this.#series.made(happening, name, this.#pacing.now());
  }

  async #again(regarding: KubeObject, happening: Happening, name: string, count: number): Promise<void> {
    const series = { count, lastObservedTime: microTime(this.#pacing.wall()) };
    try {
      await this.#objects.patch(events, { namespace: this.#namespaceOf(regarding), name }, { series });
    } catch (error) {
      if (!(error instanceof KubeError) || error.code !== 'KUBE_NOT_FOUND') throw error;
      // The server forgets events after an hour.
      this.#series.gone(happening);
      await this.#create(regarding, happening);
    }
  }
}
