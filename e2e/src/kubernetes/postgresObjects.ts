/** A PostgreSQL as people run it: a StatefulSet of the official image's shape, a Service, a Secret with the password. */

export interface PostgresShape {
  readonly namespace: string;
  readonly name: string;
  readonly image: string;
  /** Beside `app: NAME`, of pods and Service. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly replicas?: number;
  /** The Service's target port: 5432 where nothing else is said. */
  readonly servicePort?: number | string;
  /** Fields of the pod's spec, over what stands here. */
  readonly pod?: Readonly<Record<string, unknown>>;
  /** Fields of the container, over what stands here. */
  readonly container?: Readonly<Record<string, unknown>>;
  /** SQL that the entrypoint runs once. */
  readonly sql?: string;
}

export const password = 'a-right-password';

interface ClusterObject {
  readonly kind: string;
  readonly [field: string]: unknown;
}

export function postgresObjects(shape: PostgresShape): ClusterObject[] {
  const {
    namespace,
    name,
    image,
    labels = {},
    replicas = 1,
    pod = {},
    container = {},
    servicePort = 5432,
    sql,
  } = shape;
  const metadata = { name, namespace, labels: { app: name, ...labels } };
  const start = sql === undefined ? [] : [configMapOf(namespace, name, sql)];
  return [
    { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, stringData: { password } },
    ...start,
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: { selector: { app: name }, ports: [{ name: 'postgres', port: 5432, targetPort: servicePort }] },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata,
      spec: {
        serviceName: name,
        replicas,
        selector: { matchLabels: { app: name } },
        template: {
          metadata: { labels: metadata.labels },
          spec: {
            terminationGracePeriodSeconds: 20,
            containers: [
              {
                name: 'postgres',
                image,
                imagePullPolicy: 'IfNotPresent',
                env: [
                  { name: 'POSTGRES_PASSWORD', valueFrom: { secretKeyRef: { name, key: 'password' } } },
                  // Below the volume, whose own folder is root's.
                  { name: 'PGDATA', value: '/var/lib/postgresql/data/pgdata' },
                ],
                ports: [{ name: 'postgres', containerPort: 5432 }],
                // Over TCP: by the socket it would be ready while the entrypoint still initializes, and a session each time.
                readinessProbe: {
                  exec: { command: ['pg_isready', '-U', 'postgres', '-h', '127.0.0.1'] },
                  periodSeconds: 1,
                  timeoutSeconds: 5,
                },
                volumeMounts: [
                  { name: 'data', mountPath: '/var/lib/postgresql/data' },
                  ...(sql === undefined ? [] : [{ name: 'start', mountPath: '/docker-entrypoint-initdb.d' }]),
                ],
                ...container,
              },
            ],
            volumes: [
              { name: 'data', emptyDir: {} },
              ...(sql === undefined ? [] : [{ name: 'start', configMap: { name } }]),
            ],
            ...pod,
          },
        },
      },
    },
  ];
}

function configMapOf(namespace: string, name: string, sql: string): ClusterObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data: { 'start.sql': sql } };
}

export function namespaceObject(name: string, labels: Readonly<Record<string, string>> = {}): object {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
}
