/** Owns the operator's configuration: every key, its default and what it means; it refuses to read files or environment. */
import { kubernetesKeys } from '@pgtape/process';
import { z } from 'zod';

export const OPERATOR_ENV_PREFIX = 'PGTAPE_OPERATOR_';

const port = z.int().min(0).max(65_535);
const name = z
  .string()
  .max(253)
  .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/);
const httpsUrl = z.url({ protocol: /^https$/ });

const Kubernetes = z.strictObject(kubernetesKeys);

const Vault = z
  .strictObject({
    url: z
      .url({ protocol: /^https?$/ })
      .describe('OTLP/gRPC endpoint that recorders send evidence to, until the archive says one of its own.'),
    archive: name.default('default').describe('RecordingArchive that the vault at `url` serves.'),
    caFile: z
      .string()
      .min(1)
      .optional()
      .describe(
        "PEM file with the authority of the vault's certificate; read at the start, given to every recorder.",
      ),
    service: name
      .default('pgtape-vault')
      .describe('Service in `namespace` that leads to the vault: the name its certificate has.'),
    caSecret: name
      .optional()
      .describe(
        "Secret in `namespace` with the vault's certificate (`ca.crt`, `tls.crt`, `tls.key`), instead of `caFile`: the leader " +
          'makes and renews it, recorders are given its authority.',
      ),
    caConfigMap: name
      .optional()
      .describe(
        'ConfigMap in `namespace` that the leader keeps that authority in (`ca.crt`), for people who may read no Secret.',
      ),
    logSecret: name
      .optional()
      .describe(
        "Secret in `namespace` with the log's signing key (`log.key`): the leader makes it once and never again.",
      ),
  })
  .refine(({ caFile, caSecret }) => caFile === undefined || caSecret === undefined, {
    error: 'one of caFile and caSecret',
    path: ['caSecret'],
  });

const Webhook = z.strictObject({
  host: z.string().min(1).default('0.0.0.0').describe('Address the webhook listens on.'),
  port: port.default(9443).describe('Its port; 0 takes a free one.'),
  service: name.default('pgtape-webhook').describe('Service in `namespace` that leads to every replica.'),
  servicePort: port.min(1).default(443).describe('Port of that Service.'),
  url: httpsUrl
    .optional()
    .describe('How the API server reaches the webhook where no Service leads to it: outside the cluster.'),
  drainSeconds: z
    .number()
    .min(0)
    .max(60)
    .default(5)
    .describe('How long a replica that ends still answers: until its Service sends nobody to it any more.'),
  certificateSecret: name
    .default('pgtape-webhook')
    .describe('Secret in `namespace` with its certificates, which the leader makes and renews.'),
});

const seconds = (max: number): z.ZodInt => z.int().min(1).max(max);

const Lease = z
  .strictObject({
    name: name.default('pgtape-operator').describe('Lease in `namespace` that its holder leads by.'),
    durationSeconds: seconds(600).default(15).describe('How long a silent leader keeps it.'),
    renewSeconds: seconds(600)
      .default(10)
      .describe('A leader that could not renew for so long leads no more.'),
    retrySeconds: seconds(60).default(2).describe('From one look at it to the next.'),
  })
  .refine(({ durationSeconds, renewSeconds }) => renewSeconds < durationSeconds, {
    error: 'renewSeconds must be less than durationSeconds',
    path: ['renewSeconds'],
  });

const Health = z.strictObject({
  host: z.string().min(1).default('0.0.0.0').describe('Address of /livez, /readyz and /metrics.'),
  port: port.default(7419).describe('Their port; 0 takes a free one.'),
});

const Log = z.strictObject({
  level: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
    .default('info')
    .describe('Least level written to stderr.'),
});

const roles = ['all', 'webhook', 'controller'] as const;
export type OperatorRole = (typeof roles)[number];

const Certificates = z.strictObject({
  issuer: z
    .enum(['self', 'secret'])
    .default('self')
    .describe(
      "Who makes the webhook's and the vault's certificates. `self`: the leader. `secret`: somebody else, cert-manager for " +
        'one; the Secrets are used as they are.',
    ),
});

export const OperatorConfig = z.strictObject({
  role: z
    .enum(roles)
    .default('all')
    .describe(
      '`webhook` answers the API server and writes nothing; `controller` writes, where it leads, and answers nobody.',
    ),
  namespace: name.describe('Namespace that the operator runs in: its Lease, Secret and webhook Service.'),
  namespaces: z
    .array(name)
    .max(64)
    .default([])
    .describe(
      'Databases are recorded only there, and nothing is read or written elsewhere but what is in no namespace. Empty: in all.',
    ),
  identity: z
    .string()
    .min(1)
    .max(253)
    .optional()
    .describe('Name of this replica in Lease and Events; the pod. Absent: the name of the host.'),
  image: z.string().regex(/^\S+$/).describe('Image of the recorders, by digest.'),
  ownerClusterRole: name
    .optional()
    .describe('ClusterRole that owns webhook and guards: what the release takes away takes them along.'),
  serviceAccounts: z
    .array(name)
    .max(16)
    .default([])
    .describe("Service accounts in `namespace` of pgtape's own pods, which are never injected."),
  execExemptUsers: z
    .array(z.string().min(1).max(253))
    .max(64)
    .default([])
    .describe(
      'Users that may enter recorded pods: `system:serviceaccount:NAMESPACE:NAME` of database operators.',
    ),
  kubernetes: Kubernetes.prefault({}),
  vault: Vault,
  published: name
    .default('pgtape-published')
    .describe(
      "ConfigMap in `namespace` that says which configuration and policy each database's recorders were given.",
    ),
  certificates: Certificates.prefault({}),
  webhook: Webhook.prefault({}),
  lease: Lease.prefault({}),
  health: Health.prefault({}),
  log: Log.prefault({}),
});
export type OperatorConfig = z.infer<typeof OperatorConfig>;
