/** CloudNativePG on the test node: its operator as it is released, and what a Cluster of the tests is. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cloudNativePgImage, testImages } from './images.ts';
import { importImages } from './nodeImages.ts';
import { type Ran, ran } from './nodeProcesses.ts';
import { namespaceObject, password } from './postgresObjects.ts';
import { type PodObject, RecordedDatabase } from './recordedDatabase.ts';
import type { TestCluster } from './testCluster.ts';

/** Its program and the objects of its release, as scripts/e2e-cluster lays them. */
function releaseDir(): string {
  const dir = process.env.PGTAPE_E2E_CLOUDNATIVEPG;
  if (dir === undefined)
    throw new Error('PGTAPE_E2E_CLOUDNATIVEPG names no folder: run scripts/e2e-cluster cloudnativepg');
  return dir;
}

/** The operator answers when this resolves. */
export async function installCloudNativePg(cluster: TestCluster): Promise<void> {
  const dir = releaseDir();
  const image = cloudNativePgImage(join(dir, 'manager'));
  await importImages(cluster.processes, [image]);
  const released = readFileSync(join(dir, 'release.yaml'), 'utf8');
  const here = released
    .replaceAll(/ghcr\.io\/cloudnative-pg\/cloudnative-pg:[\w.-]+/g, image.name)
    .replaceAll('imagePullPolicy: Always', 'imagePullPolicy: IfNotPresent');
  await cluster.done(['apply', '--server-side', '-f', '-'], here);
  const rollout = ['rollout', 'status', 'deployment/cnpg-controller-manager', '--timeout=120s'];
  await cluster.done(['-n', 'cnpg-system', ...rollout]);
}

export interface ClusterShape {
  readonly namespace: string;
  readonly name: string;
  readonly instances: number;
  readonly namespaceLabels?: Readonly<Record<string, string>>;
  /** Of the RecordedDatabase, over what docs/kubernetes.md says to write. */
  readonly spec?: Readonly<Record<string, unknown>>;
}

interface ClusterObject {
  readonly status?: {
    readonly phase?: string;
    readonly phaseReason?: string;
    readonly readyInstances?: number;
    readonly currentPrimary?: string;
  };
}

/** Role of the application, and its database. */
const application = 'app';
/** Role and Secret of coverage: CloudNativePG makes the role of it, recorders log in by it. */
const coverage = 'pgtape-coverage';
const coverageRole = 'pgtape_coverage';

/** As docs/kubernetes.md says to write it. */
function recordedDatabaseObject({ namespace, name, spec = {} }: ClusterShape): object {
  return {
    apiVersion: 'pgtape.dev/v1alpha1',
    kind: 'RecordedDatabase',
    metadata: { name, namespace },
    spec: {
      selector: { matchLabels: { 'cnpg.io/cluster': name, 'cnpg.io/podRole': 'instance' } },
      archiveRef: 'default',
      tlsSecretName: `${name}-server`,
      coverage: {
        credentialsRef: coverage,
        periodSeconds: 2,
        allow: [
          { user: 'postgres', application: 'cnpg-instance-manager' },
          { user: 'postgres', application: 'pg_isready' },
          { user: 'cnpg_metrics_exporter' },
          { user: 'streaming_replica' },
        ],
      },
      ...spec,
    },
  };
}

function secretObject(namespace: string, name: string, username: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'kubernetes.io/basic-auth',
    metadata: { name, namespace },
    stringData: { username, password },
  };
}

/** What the Cluster needs, and itself. */
function clusterObjects({ namespace, name, instances }: ClusterShape): object[] {
  const apiVersion = 'postgresql.cnpg.io/v1';
  const catalog = { apiGroup: 'postgresql.cnpg.io', kind: 'ImageCatalog', name: 'postgresql' };
  const watcher = { name: coverageRole, ensure: 'present', login: true, inRoles: ['pg_read_all_stats'] };
  return [
    {
      apiVersion,
      kind: catalog.kind,
      metadata: { name: catalog.name, namespace },
      spec: { images: [{ major: 15, image: testImages().postgres.name }] },
    },
    {
      apiVersion,
      kind: 'Cluster',
      metadata: { name, namespace },
      spec: {
        instances,
        imageCatalogRef: { ...catalog, major: 15 },
        // The user of our image.
        postgresUID: 999,
        postgresGID: 999,
        // The Service of ours that clients are moved to is in the certificate, too.
        certificates: { serverAltDNSNames: [`${name}-recorded`] },
        storage: { size: '1Gi' },
        resources: { requests: { memory: '128Mi' }, limits: { memory: '512Mi' } },
        bootstrap: {
          initdb: { database: application, owner: application, secret: { name: application } },
        },
        managed: { roles: [{ ...watcher, passwordSecret: { name: coverage } }] },
      },
    },
  ];
}

/** A Cluster and its RecordedDatabase. */
export class RecordedCluster extends RecordedDatabase {
  async clusterObject(): Promise<ClusterObject> {
    const { cluster, name, namespace } = this;
    return (await cluster.get<ClusterObject>('clusters.postgresql.cnpg.io', name, namespace)) ?? {};
  }

  /** Waits until CloudNativePG finds nothing more to do. */
  async healthy(instances: number, ms: number): Promise<void> {
    await this.cluster.eventually(`${this.name} is healthy`, ms, async () => {
      const { status } = await this.clusterObject();
      if (status?.phase === 'Cluster in healthy state' && status.readyInstances === instances) return true;
      throw new Error(JSON.stringify(status));
    });
  }

  async instances(): Promise<PodObject[]> {
    const label = `cnpg.io/cluster=${this.name},cnpg.io/podRole=instance`;
    return await this.cluster.list<PodObject>('pods', this.namespace, '-l', label);
  }

  async primary(): Promise<string> {
    return (await this.clusterObject()).status?.currentPrimary ?? '';
  }

  /** Gives the Cluster's pods a label, by CloudNativePG's own hand. */
  async inherited(label: string, value: string, ms: number): Promise<void> {
    const { cluster, namespace, name } = this;
    const patch = JSON.stringify({ spec: { inheritedMetadata: { labels: { [label]: value } } } });
    const merged = ['patch', 'clusters.postgresql.cnpg.io', name, '--type=merge', '-p', patch];
    // Its webhook refuses connections for a moment after it was rolled out.
    await cluster.eventually(`the Cluster passes on ${label}=${value}`, ms, async () => {
      await cluster.done(['-n', namespace, ...merged]);
      return true;
    });
    await cluster.eventually(`the pods have ${label}=${value}`, ms, async () => {
      const pods = await cluster.list('pods', namespace, '-l', `cnpg.io/cluster=${name},${label}=${value}`);
      return pods.length > 0;
    });
  }

  /** What `kubectl cnpg restart` writes. */
  async restart(): Promise<void> {
    const { cluster, namespace, name } = this;
    const annotation = `kubectl.kubernetes.io/restartedAt=${new Date().toISOString()}`;
    await cluster.done([
      ...['-n', namespace, 'annotate', '--overwrite', 'clusters.postgresql.cnpg.io', name, annotation],
    ]);
  }

  /** What `kubectl cnpg promote` writes. */
  async promote(instance: string): Promise<void> {
    const { cluster, namespace, name } = this;
    const status = {
      targetPrimary: instance,
      targetPrimaryTimestamp: new Date().toISOString(),
      phase: 'Switchover in progress',
      phaseReason: `Switching over to ${instance}`,
    };
    const patch = ['--subresource=status', '--type=merge', '-p', JSON.stringify({ status })];
    await cluster.done(['-n', namespace, 'patch', 'clusters.postgresql.cnpg.io', name, ...patch]);
  }

  /** psql as the application, by a Service of this namespace: TLS by the Cluster's authority, bound to the channel. */
  async psql(service: string, sql: string, given = password): Promise<Ran> {
    const { cluster, namespace, name } = this;
    const found = await cluster.get<{ spec: { clusterIP: string } }>('service', service, namespace);
    const secret = await cluster.get<{ data: Record<string, string> }>('secret', `${name}-ca`, namespace);
    const dir = mkdtempSync(join(tmpdir(), 'pgtape-cnpg-'));
    try {
      const authority = join(dir, 'ca.crt');
      writeFileSync(authority, Buffer.from(secret?.data['ca.crt'] ?? '', 'base64'));
      const tls = `sslmode=verify-full sslrootcert=${authority} channel_binding=require`;
      // The name is in the certificate, the address is reached from here.
      const where = `host=${service} hostaddr=${found?.spec.clusterIP} user=${application} dbname=${application}`;
      const env = { ...process.env, PGPASSWORD: given, PGCONNECT_TIMEOUT: '10' };
      return await ran('psql', ['-XAt', `${where} ${tls}`, '-c', sql], { env });
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  }
}

/** Applied, and CloudNativePG content with it when this resolves. */
export async function recordCluster(cluster: TestCluster, shape: ClusterShape): Promise<RecordedCluster> {
  const { namespace, name, instances, namespaceLabels } = shape;
  await cluster.apply(namespaceObject(namespace, namespaceLabels));
  await cluster.apply(
    secretObject(namespace, coverage, coverageRole),
    secretObject(namespace, application, application),
    recordedDatabaseObject(shape),
  );
  const wait = ['wait', `recordeddatabase/${name}`, '--for=condition=InjectorAvailable', '--timeout=60s'];
  await cluster.done(['-n', namespace, ...wait]);
  await cluster.apply(...clusterObjects(shape));
  const recorded = new RecordedCluster(cluster, shape);
  await recorded.healthy(instances, 90_000 * instances);
  return recorded;
}
