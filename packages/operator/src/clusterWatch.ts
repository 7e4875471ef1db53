/**
 * Owns what this process knows of the cluster: databases and archives, namespaces, Services, the operator's Secrets, and where
 * it writes what it owns, and the pods of each database. It refuses to write and to decide.
 */
import {
  type Change,
  configMaps,
  type KubeError,
  type KubeObject,
  type KubeResource,
  type KubeTransport,
  namespaces,
  pods,
} from '@pgtape/kube';
import { managedBy } from './clusterNames.ts';
import {
  networkServices,
  ownedKinds,
  recordedDatabases,
  recordingArchives,
  secrets,
} from './clusterResources.ts';
import { type DatabaseFacts, databaseFacts } from './databaseFacts.ts';
import { hasLabels } from './labels.ts';
import { WatchedKind, type WatchedPlace } from './watchedKind.ts';

export interface ClusterWatchEvents {
  /** Something that decisions depend on is other than before. */
  changed(plural: string): void;
  trouble(plural: string, error: Error, waitMs: number): void;
  missed(plural: string, count: number): void;
}

export interface ClusterWatchOptions {
  readonly connection: KubeTransport;
  /** Of the operator; its Secrets lie there. */
  readonly namespace: string;
  readonly secrets: readonly string[];
  /** Databases are looked for only there; empty: everywhere. */
  readonly namespaces: readonly string[];
  /** What the operator owns, and the pods of databases: what is written by. */
  readonly writes: boolean;
  readonly events: ClusterWatchEvents;
  readonly now: () => number;
}

function labelSelector(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(',');
}

/** Of Services all are watched: other people's say how clients come. */
const labelledKinds = ownedKinds.filter((kind) => kind !== networkServices);

interface PodWatch {
  readonly selector: string;
  readonly kind: WatchedKind;
}

export class ClusterWatch {
  readonly #options: ClusterWatchOptions;
  readonly #databases = new Map<string, DatabaseFacts>();
  readonly #podWatches = new Map<string, PodWatch>();
  readonly #ending = new Set<Promise<void>>();
  /** By plural. */
  readonly #fixed: ReadonlyMap<string, WatchedKind>;

  constructor(options: ClusterWatchOptions) {
    this.#options = options;
    const owned = { labelSelector: labelSelector(managedBy) };
    const kinds: [KubeResource, WatchedKind][] = [
      [recordedDatabases, this.#kind(recordedDatabases, {}, (change) => this.#database(change))],
      [recordingArchives, this.#kind(recordingArchives)],
      [namespaces, this.#kind(namespaces)],
      [networkServices, this.#kind(networkServices)],
      ...(options.writes ? labelledKinds : []).map((kind): [KubeResource, WatchedKind] => [
        kind,
        this.#kind(kind, owned),
      ]),
      [secrets, this.#secrets()],
    ];
    this.#fixed = new Map(kinds.map(([{ plural }, kind]) => [plural, kind]));
  }

  start(): void {
    for (const kind of this.#fixed.values()) kind.start();
  }

  async stop(): Promise<void> {
    const all = [...this.#fixed.values(), ...[...this.#podWatches.values()].map(({ kind }) => kind)];
    await Promise.all([...all.map((kind) => kind.stop()), ...this.#ending]);
  }

  /** Plurals that are not completely known yet; pods are known by database. */
  get unknown(): string[] {
    return [...this.#fixed].filter(([, { isKnown }]) => !isKnown).map(([plural]) => plural);
  }

  /** Of what the operator may not read, the API server's words by plural. */
  get refused(): ReadonlyMap<string, KubeError> {
    const found = [...this.#fixed].map(([plural, { refusal }]) => [plural, refusal] as const);
    return new Map(found.filter((one): one is [string, KubeError] => one[1] !== null));
  }

  get databases(): DatabaseFacts[] {
    return [...this.#databases.values()];
  }

  database(key: string): DatabaseFacts | undefined {
    return this.#databases.get(key);
  }

  archive(name: string): KubeObject | undefined {
    return this.#fixed.get('recordingarchives')?.get(name);
  }

  namespace(name: string): KubeObject | undefined {
    return this.#fixed.get('namespaces')?.get(name);
  }

  get networkServices(): readonly KubeObject[] {
    return this.#fixed.get('services')?.objects ?? [];
  }

  /** @param key `namespace/name` */
  networkService(key: string): KubeObject | undefined {
    return this.#fixed.get('services')?.get(key);
  }

  /** Of all kinds of which the operator owns objects. */
  get owned(): KubeObject[] {
    const labelled = labelledKinds.flatMap(({ plural }) => this.#fixed.get(plural)?.objects ?? []);
    return [
      ...labelled,
      ...this.networkServices.filter(({ metadata }) => hasLabels(metadata.labels ?? {}, managedBy)),
    ];
  }

  /** In the operator's namespace; only those it was told to follow. */
  secret(name: string): KubeObject | undefined {
    return this.#fixed.get('secrets')?.get(`${this.#options.namespace}/${name}`);
  }

  /** null: not completely known yet. */
  podsOf(key: string): KubeObject[] | null {
    const watch = this.#podWatches.get(key);
    if (watch === undefined) return [];
    return watch.kind.isSynced ? watch.kind.objects : null;
  }

  /** Seconds since each watch last heard of the API server, by plural; of pods the longest. */
  get ages(): [string, number][] {
    const fixed = [...this.#fixed].map(([plural, { silentMs }]): [string, number] => [
      plural,
      silentMs / 1000,
    ]);
    const podAges = [...this.#podWatches.values()].map(({ kind }) => kind.silentMs / 1000);
    return podAges.length === 0 ? fixed : [...fixed, ['pods', Math.max(...podAges)]];
  }

  #kind(
    resource: KubeResource,
    selected: WatchedPlace = {},
    take: (change: Change) => void = () => undefined,
  ): WatchedKind {
    const { namespaces: only, namespace: own } = this.#options;
    // What recorders were given is published in the operator's own.
    const inOwn = resource === configMaps ? [own] : [];
    const places =
      only.length === 0 || !resource.namespaced
        ? [selected]
        : [...new Set([...only, ...inOwn])].map((namespace) => ({ ...selected, namespace }));
    return this.#watched(resource, places, take);
  }

  /** One by one: a role names those that may be read, and a list of all would be refused. */
  #secrets(): WatchedKind {
    const { secrets: names, namespace } = this.#options;
    return this.#watched(
      secrets,
      [...new Set(names)].map((name) => ({ namespace, fieldSelector: `metadata.name=${name}` })),
    );
  }

  #watched(
    resource: KubeResource,
    places: readonly WatchedPlace[],
    take: (change: Change) => void = () => undefined,
  ): WatchedKind {
    const { connection, events, now, namespaces: only } = this.#options;
    const { plural } = resource;
    return new WatchedKind({
      connection,
      resource,
      places,
      isOptional: only.length > 0 && !resource.namespaced,
      change: (change) => {
        take(change);
        events.changed(plural);
      },
      synced: () => events.changed(plural),
      trouble: (error, waitMs) => events.trouble(plural, error, waitMs),
      missed: (count) => events.missed(plural, count),
      now,
    });
  }

  #database(change: Change): void {
    if (change.type === 'deleted') this.#databases.delete(change.key);
    else this.#databases.set(change.key, databaseFacts(change.object));
    if (this.#options.writes) this.#watchPods(change.key);
  }

  #watchPods(key: string): void {
    const database = this.#databases.get(key);
    const selector = database?.spec == null ? null : labelSelector(database.spec.selector.matchLabels);
    const watch = this.#podWatches.get(key);
    if (watch?.selector === selector) return;
    if (watch !== undefined) {
      this.#podWatches.delete(key);
      const ended = watch.kind.stop().finally(() => this.#ending.delete(ended));
      this.#ending.add(ended);
    }
    if (database === undefined || selector === null) return;
    const kind = this.#watched(pods, [{ namespace: database.namespace, labelSelector: selector }]);
    this.#podWatches.set(key, { selector, kind });
    kind.start();
  }
}
