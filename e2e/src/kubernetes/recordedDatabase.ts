/** A PostgreSQL of the tests that is recorded, and what the tests ask of it, its recorder and its status. */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { type ArchivedRecord, ArchiveReader } from '../stack.ts';
import { testImages } from './images.ts';
import { namespaceObject, type PostgresShape, password, postgresObjects } from './postgresObjects.ts';
import { bucketDir } from './release.ts';
import type { TestCluster } from './testCluster.ts';

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

export interface DatabaseObject {
  readonly status?: {
    readonly mode?: string;
    readonly coverage?: string;
    readonly bypasses?: number;
    readonly lagSeconds?: number;
    readonly conditions?: readonly Condition[];
    readonly pods?: readonly {
      readonly name: string;
      readonly injected: boolean;
      readonly need?: string;
      readonly bypasses?: number;
    }[];
  };
}

export interface PodObject {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly spec: {
    readonly initContainers?: readonly { readonly name: string; readonly image: string }[];
    readonly containers: readonly { readonly name: string }[];
  };
  readonly status: {
    readonly phase: string;
    readonly podIP: string;
    readonly initContainerStatuses?: readonly ContainerStatus[];
    readonly containerStatuses?: readonly ContainerStatus[];
  };
}

interface ContainerStatus {
  readonly name: string;
  readonly restartCount: number;
  readonly ready: boolean;
  readonly state: Readonly<Record<string, unknown>>;
  readonly lastState: { readonly terminated?: { readonly reason: string; readonly exitCode: number } };
}

/** How often each container was started anew, by its name. */
export function restartsOf({ status }: PodObject): Record<string, number> {
  const all = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  return Object.fromEntries(all.map(({ name, restartCount }) => [name, restartCount]));
}

export interface RecordedShape extends Omit<PostgresShape, 'image'> {
  /** Of the RecordedDatabase, over archive and selector. */
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly namespaceLabels?: Readonly<Record<string, string>>;
}

/** SQL of the role that counts coverage; its password is everybody's here. */
const coverageRole = `CREATE ROLE pgtape_coverage LOGIN PASSWORD '${password}' IN ROLE pg_read_all_stats;\n`;

export class RecordedDatabase {
  readonly cluster: TestCluster;
  readonly namespace: string;
  readonly name: string;

  constructor(cluster: TestCluster, { namespace, name }: { namespace: string; name: string }) {
    this.cluster = cluster;
    this.namespace = namespace;
    this.name = name;
  }

  get pod(): string {
    return `${this.name}-0`;
  }

  async object(): Promise<DatabaseObject> {
    return (await this.cluster.get<DatabaseObject>('recordeddatabase', this.name, this.namespace)) ?? {};
  }

  async condition(type: string): Promise<Condition | undefined> {
    return (await this.object()).status?.conditions?.find((one) => one.type === type);
  }

  /** @param name of another replica than the first */
  async podObject(name = this.pod): Promise<PodObject> {
    const pod = await this.cluster.get<PodObject>('pod', name, this.namespace);
    if (pod === null) throw new Error(`there is no pod ${name}`);
    return pod;
  }

  /** Of the Service, reached directly from here. */
  async address(): Promise<string> {
    const service = await this.cluster.get<{ spec: { clusterIP: string } }>(
      'service',
      this.name,
      this.namespace,
    );
    return service?.spec.clusterIP ?? '';
  }

  /** The first value of the answer, or the error's SQLSTATE or code. */
  async ask(
    host: string,
    sql: string,
    { port = 5432, given = password, application = '' } = {},
  ): Promise<string> {
    return await askAt(host, port, given, sql, application);
  }

  /** Waits until a statement that holds `text` stands on tape. */
  async taped(text: string, ms = 90_000): Promise<ArchivedRecord> {
    const isIt = (record: ArchivedRecord): boolean =>
      record.kind === 'statement' && String(record.sql).includes(text);
    return await this.record(`a statement with ${text}`, ms, isIt);
  }

  async record(what: string, ms: number, isIt: (record: ArchivedRecord) => boolean): Promise<ArchivedRecord> {
    const archive = new ArchiveReader(bucketDir(this.cluster));
    for (const end = performance.now() + ms; ; await sleep(500)) {
      for (const record of archive.fresh()) if (isIt(record)) return record;
      if (performance.now() > end) throw new Error(`${what} is not on tape after ${ms} ms`);
    }
  }

  async conditionIs(type: string, status: string, ms = 120_000): Promise<void> {
    await this.cluster.eventually(`${this.name}: ${type}=${status}`, ms, async () => {
      const condition = await this.condition(type);
      if (condition?.status === status) return true;
      throw new Error(JSON.stringify(condition ?? (await this.object()).status ?? 'no status'));
    });
  }
}

export async function askAt(
  host: string,
  port: number,
  given: string,
  sql: string,
  application = '',
): Promise<string> {
  const client = new pg.Client({
    application_name: application,
    host,
    port,
    user: 'postgres',
    password: given,
    database: 'postgres',
    connectionTimeoutMillis: 5000,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query({ text: sql, rowMode: 'array' });
    return String((rows[0] as unknown[] | undefined)?.[0] ?? '');
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  } finally {
    await client.end();
  }
}

/** Applied, injectable, and its pods ready when this resolves. */
export async function recordDatabase(
  cluster: TestCluster,
  { spec = {}, namespaceLabels = {}, sql = '', ...shape }: RecordedShape,
): Promise<RecordedDatabase> {
  const { namespace, name } = shape;
  await cluster.apply(namespaceObject(namespace, namespaceLabels));
  await cluster.apply(coverageSecret(namespace), {
    apiVersion: 'pgtape.dev/v1alpha1',
    kind: 'RecordedDatabase',
    metadata: { name, namespace },
    spec: {
      selector: { matchLabels: { app: name } },
      archiveRef: 'default',
      coverage: { credentialsRef: 'coverage', periodSeconds: 2 },
      ...spec,
    },
  });
  const image = testImages().postgres.name;
  const objects = postgresObjects({ ...shape, image, sql: `${coverageRole}${sql}` });
  // The injector reads the Service: it is there before the pod.
  await cluster.apply(...objects.filter(({ kind }) => kind !== 'StatefulSet'));
  const recdb = `recordeddatabase/${name}`;
  await cluster.done(['-n', namespace, 'wait', recdb, '--for=condition=InjectorAvailable', '--timeout=180s']);
  await cluster.apply(...objects);
  await cluster.done(['-n', namespace, 'rollout', 'status', `statefulset/${name}`, '--timeout=180s']);
  return new RecordedDatabase(cluster, shape);
}

function coverageSecret(namespace: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'coverage', namespace },
    stringData: { username: 'pgtape_coverage', password },
  };
}
