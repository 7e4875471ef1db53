/**
 * Owns what this process knows of the cluster: databases and archives, namespaces, Services, what the operator owns, its
 * Secret, and the pods of each database. It refuses to write and to decide.
 */
import {
  type Change,
  KubeError,
  type KubeObject,
  type KubeResource,
  type KubeTransport,
  namespaces,
  pods,
  Reflector,
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

export interface ClusterWatchEvents {
  /** Something that decisions depend on is other than before. */
  changed(plural: string): void;
  trouble(plural: string, error: Error, waitMs: number): void;
  missed(plural: string, count: number): void;
}

export interface ClusterWatchOptions {
  readonly connection: KubeTransport;
  readonly secret: { readonly namespace: string; readonly name: string };
  readonly events: ClusterWatchEvents;
  readonly now: () => number;
}

/** A kind that is not installed has no objects; but an API server that starts says so for a while of those it has. */
const absentMs = 30_000;

function labelSelector(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(',');
}

/** Of Services all are watched: other people's say how clients come. */
const labelledKinds = ownedKinds.filter((kind) => kind !== networkServices);

interface PodWatch {
  readonly selector: string;
  readonly reflector: Reflector;
}

export class ClusterWatch {
  readonly #options: ClusterWatchOptions;
  readonly #databases = new Map<string, DatabaseFacts>();
  readonly #podWatches = new Map<string, PodWatch>();
  /** Since when the API server says that there is no such kind, monotonic. */
  readonly #absentSince = new Map<string, number>();
  readonly #ending = new Set<Promise<void>>();
  readonly #fixed: ReadonlyMap<string, Reflector>;
  readonly #secret: Reflector;

  constructor(options: ClusterWatchOptions) {
    this.#options = options;
    const label = { labelSelector: labelSelector(managedBy) };
    this.#secret = this.#reflector(secrets, {
      namespace: options.secret.namespace,
      fieldSelector: `metadata.name=${options.secret.name}`,
    });
    this.#fixed = new Map([
      ['recordeddatabases', this.#reflector(recordedDatabases, {}, (change) => this.#database(change))],
      ['recordingarchives', this.#reflector(recordingArchives, {})],
      ['namespaces', this.#reflector(namespaces, {})],
      ['services', this.#reflector(networkServices, {})],
      ...labelledKinds.map((kind) => [kind.plural, this.#reflector(kind, label)] as const),
      ['secrets', this.#secret],
    ]);
  }

  start(): void {
    for (const reflector of this.#fixed.values()) reflector.start();
  }

  async stop(): Promise<void> {
    const all = [
      ...this.#fixed.values(),
      ...[...this.#podWatches.values()].map(({ reflector }) => reflector),
    ];
    await Promise.all([...all.map((reflector) => reflector.stop()), ...this.#ending]);
  }

  /** Plurals that are not completely known yet; pods are known by database. */
  get unknown(): string[] {
    const now = this.#options.now();
    return [...this.#fixed]
      .filter(([plural, { isSynced }]) => {
        const since = this.#absentSince.get(plural);
        return !isSynced && (since === undefined || now - since < absentMs);
      })
      .map(([plural]) => plural);
  }

  get databases(): DatabaseFacts[] {
    return [...this.#databases.values()];
  }

  database(key: string): DatabaseFacts | undefined {
    return this.#databases.get(key);
  }

  hasArchive(name: string): boolean {
    return this.#of('recordingarchives').get(name) !== undefined;
  }

  namespace(name: string): KubeObject | undefined {
    return this.#of('namespaces').get(name);
  }

  get networkServices(): Iterable<KubeObject> {
    return this.#of('services').objects;
  }

  networkService(key: string): KubeObject | undefined {
    return this.#of('services').get(key);
  }

  /** Of all kinds of which the operator owns objects. */
  get owned(): KubeObject[] {
    const labelled = labelledKinds.flatMap(({ plural }) => [...this.#of(plural).objects]);
    return [
      ...labelled,
      ...[...this.networkServices].filter(({ metadata }) => hasLabels(metadata.labels ?? {}, managedBy)),
    ];
  }

  get secret(): KubeObject | undefined {
    const { namespace, name } = this.#options.secret;
    return this.#secret.get(`${namespace}/${name}`);
  }

  /** null: not completely known yet. */
  podsOf(key: string): KubeObject[] | null {
    const watch = this.#podWatches.get(key);
    if (watch === undefined) return [];
    return watch.reflector.isSynced ? [...watch.reflector.objects] : null;
  }

  /** Seconds since each watch last heard of the API server, by plural; of pods the longest. */
  get ages(): [string, number][] {
    const fixed = [...this.#fixed].map(([plural, { silentMs }]): [string, number] => [
      plural,
      silentMs / 1000,
    ]);
    const podAges = [...this.#podWatches.values()].map(({ reflector }) => reflector.silentMs / 1000);
    return podAges.length === 0 ? fixed : [...fixed, ['pods', Math.max(...podAges)]];
  }

  #of(plural: string): Reflector {
    return this.#fixed.get(plural) as Reflector;
  }

  #reflector(
    resource: KubeResource,
    selected: { namespace?: string; labelSelector?: string; fieldSelector?: string },
    take: (change: Change) => void = () => undefined,
  ): Reflector {
    const { connection, events, now } = this.#options;
    const { plural } = resource;
    return new Reflector({
      resource,
      connection,
      ...selected,
      events: {
        change: (change) => {
          take(change);
          events.changed(plural);
        },
        synced: () => {
          this.#absentSince.delete(plural);
          events.changed(plural);
        },
        trouble: (error, waitMs) => {
          const isAbsent = error instanceof KubeError && error.code === 'KUBE_NOT_FOUND';
          if (!isAbsent) this.#absentSince.delete(plural);
          else if (!this.#absentSince.has(plural)) this.#absentSince.set(plural, now());
          events.trouble(plural, error, waitMs);
        },
        missed: (count) => events.missed(plural, count),
      },
    });
  }

  #database(change: Change): void {
    if (change.type === 'deleted') this.#databases.delete(change.key);
    else this.#databases.set(change.key, databaseFacts(change.object));
    this.#watchPods(change.key);
  }

  #watchPods(key: string): void {
    const database = this.#databases.get(key);
    const selector = database?.spec == null ? null : labelSelector(database.spec.selector.matchLabels);
    const watch = this.#podWatches.get(key);
    if (watch?.selector === selector) return;
    if (watch !== undefined) {
      this.#podWatches.delete(key);
      const ended = watch.reflector.stop().finally(() => this.#ending.delete(ended));
      this.#ending.add(ended);
    }
    if (database === undefined || selector === null) return;
    const reflector = this.#reflector(pods, { namespace: database.namespace, labelSelector: selector });
    this.#podWatches.set(key, { selector, reflector });
    reflector.start();
  }
}
