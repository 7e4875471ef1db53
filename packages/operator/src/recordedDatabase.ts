/**
 * RecordedDatabase v1alpha1: which pods are recorded and how. The one source of its types, its CustomResourceDefinition
 * and its reference. Defaults stand in the schema, so that `kubectl get -o yaml` shows what holds.
 */
import { z } from 'zod';
import { bytesQuantity, objectName } from './apiFields.ts';
import { atomicList, cel, setList } from './structuralSchema.ts';

const Selector = z
  .strictObject({
    matchLabels: z
      .record(z.string().max(317), z.string().max(63))
      .refine((labels) => Object.keys(labels).length > 0, 'a selector needs a label')
      .meta({ minProperties: 1, maxProperties: 16 })
      .describe('Labels that a pod must have at its creation, all of them.'),
  })
  .meta(
    cel({
      rule: 'self == oldSelf',
      message: 'the selector cannot be changed: make another RecordedDatabase',
    }),
  )
  .describe('Pods of this namespace that serve this database.');

export const CaptureMode = z.enum(['Auto', 'AddressSwap', 'Redirect', 'NamedPort', 'Service']);
export type CaptureMode = z.infer<typeof CaptureMode>;

const Capture = z
  .strictObject({
    mode: CaptureMode.default('Auto').describe(
      'How clients are led through the recorder. `AddressSwap`: PostgreSQL moves to 127.0.0.2, the recorder takes the ' +
        "pod's addresses on the same port. `Redirect`: an init container redirects the port (needs NET_ADMIN). `NamedPort`: " +
        "the recorder takes the name of the Service's target port. `Service`: clients are moved to a Service of their own. " +
        '`Auto`: the strongest that the pod allows; not `Redirect` where replicas log in with certificates (CloudNativePG, Crunchy) and ' +
        '`rawPeers` names none. Status says which was achieved.',
    ),
    container: z
      .string()
      .min(1)
      .max(63)
      .default('postgres')
      .describe('Name of the container that PostgreSQL runs in.'),
    port: z.int().min(1).max(65_535).default(5432).describe('Port that PostgreSQL serves.'),
    rawPeers: z
      .array(z.string().max(43))
      .max(64)
      .meta(setList)
      .optional()
      .describe('Networks (CIDR) whose clients are relayed unread, because they log in with certificates.'),
  })
  .prefault({})
  .describe('How clients reach the recorder.');

const SecretKey = z.strictObject({
  name: objectName.describe('Name of the Secret, in the same namespace.'),
  key: z.string().min(1).max(253).default('ca.crt').describe('Key in it that holds the PEM text.'),
});

const Upstream = z
  .strictObject({
    tlsMode: z
      .enum(['Mirror', 'Disable', 'Require', 'VerifyCA', 'VerifyFull'])
      .default('Mirror')
      .describe(
        "The recorder's own connections to PostgreSQL, as `sslmode` of libpq; `Mirror`: as the client's.",
      ),
    caRef: SecretKey.optional().describe(
      "Secret with the authority that the server's certificate is checked against.",
    ),
    trust: z
      .boolean()
      .default(false)
      .describe('Accept a server that lets clients in without asking for anything. Weakens the database.'),
  })
  .prefault({})
  .describe('The way from the recorder to PostgreSQL.');

const Spool = z
  .strictObject({
    journalSize: bytesQuantity
      .default('64Mi')
      .describe("Memory for what is not yet sealed; counted in the recorder's memory limit."),
    outboxSize: bytesQuantity.default('1Gi').describe('Space for what the vault has not yet acknowledged.'),
    outboxVolume: z
      .enum(['EmptyDir', 'Ephemeral', 'Claim'])
      .default('EmptyDir')
      .describe(
        '`EmptyDir` is gone with the pod; `Ephemeral` is a volume claim made for the pod; `Claim` one that exists.',
      ),
    storageClassName: objectName.optional().describe('Of an `Ephemeral` volume.'),
    claimName: objectName.optional().describe('Of a `Claim`; `$(POD_NAME)` in it is the name of the pod.'),
    onFull: z
      .enum(['Pause', 'Refuse', 'Pass'])
      .optional()
      .describe(
        'What happens when the spool is full. Default: `Pass` where nothing is enforced, `Pause` where it is.',
      ),
  })
  .meta(
    cel(
      {
        rule: "self.outboxVolume != 'Claim' || has(self.claimName)",
        message: 'outboxVolume Claim needs claimName',
        fieldPath: '.claimName',
      },
      {
        rule: "self.outboxVolume == 'Claim' || !has(self.claimName)",
        message: 'claimName is of outboxVolume Claim',
        fieldPath: '.claimName',
      },
      {
        rule: "self.outboxVolume == 'Ephemeral' || !has(self.storageClassName)",
        message: 'storageClassName is of outboxVolume Ephemeral',
        fieldPath: '.storageClassName',
      },
    ),
  )
  .prefault({})
  .describe('Where evidence waits for the vault.');

const Enforcement = z
  .strictObject({
    admission: z
      .enum(['Preferred', 'Required'])
      .default('Preferred')
      .describe(
        '`Required`: a covered pod that came out without a recorder is refused, by the API server itself.',
      ),
    exec: z
      .enum(['Allow', 'Deny'])
      .default('Allow')
      .describe(
        '`Deny`: exec, attach and ephemeral containers in covered pods are refused, but for break-glass groups.',
      ),
    breakGlassGroups: z
      .array(z.string().min(1).max(253))
      .max(16)
      .meta(setList)
      .optional()
      .describe('Groups of people who may enter covered pods all the same.'),
  })
  .meta(
    cel({
      rule: "self.exec == 'Deny' || !has(self.breakGlassGroups)",
      message: 'breakGlassGroups are of exec Deny',
      fieldPath: '.breakGlassGroups',
    }),
  )
  .prefault({})
  .describe('What is refused.');

const Coverage = z
  .strictObject({
    credentialsRef: objectName
      .optional()
      .describe(
        'Name of a Secret with `username` and `password` of a role with pg_read_all_stats. Without it coverage is Unknown.',
      ),
    periodSeconds: z
      .int()
      .min(2)
      .max(300)
      .default(10)
      .describe('From one look at pg_stat_activity to the next.'),
    allow: z
      .array(
        z.strictObject({
          user: z.string().min(1).max(63).describe('The role it logs in as.'),
          application: z
            .string()
            .max(63)
            .optional()
            .describe('Its `application_name`, which is the word of whoever connects; absent, any.'),
          database: z
            .string()
            .min(1)
            .max(63)
            .optional()
            .describe('The database that it connects to; absent, any.'),
        }),
      )
      .max(64)
      .meta(atomicList)
      .optional()
      .describe(
        'Sessions that are meant to come past the recorder: of exporters, backups. Where each names a `database`, sessions shorter ' +
          'than `periodSeconds` are still counted in all others; with one that names none they are not counted at all.',
      ),
  })
  .prefault({})
  .describe('Comparing sessions on tape with what the server saw.');

const Quantities = z.strictObject({
  cpu: z.string().max(20).optional().describe('As `500m`.'),
  memory: bytesQuantity.optional().describe('As `256Mi`; the journal is in it.'),
});

const Recorder = z
  .strictObject({
    image: z.string().min(1).max(512).optional().describe("Instead of the operator's own; by digest."),
    requests: Quantities.optional().describe(
      'What the recorder asks for; by default as its pod keeps its QoS class.',
    ),
    limits: Quantities.optional().describe(
      'What the recorder may take; a Guaranteed pod needs requests alike.',
    ),
    upgrade: z
      .enum(['Notify', 'OnPodRestart', 'InPlace'])
      .default('OnPodRestart')
      .describe(
        "`InPlace`: the recorder's image is changed in running pods, which ends the sessions open in them.",
      ),
  })
  .prefault({})
  .describe('The recorder in the pod.');

export const RecordedDatabaseSpec = z
  .strictObject({
    managementState: z
      .enum(['Managed', 'Unmanaged'])
      .default('Managed')
      .describe('`Unmanaged`: nothing is injected, changed or reverted any more; recorders that run go on.'),
    selector: Selector,
    platform: z
      .enum(['Auto', 'Plain', 'Bitnami', 'CloudNativePG', 'Zalando', 'Crunchy'])
      .default('Auto')
      .describe('Who owns the pods; `Auto` is told by their labels.'),
    archiveRef: objectName.describe('Name of the RecordingArchive that the evidence goes to.'),
    capture: Capture,
    upstream: Upstream,
    tlsSecretName: objectName
      .optional()
      .describe(
        "Secret with the certificate served to clients: the server's own, then channel binding holds.",
      ),
    spool: Spool,
    enforcement: Enforcement,
    coverage: Coverage,
    recorder: Recorder,
    restarts: z
      .enum(['Never', 'OneAtATime'])
      .default('Never')
      .describe(
        'Whether pods that run without the recorder, or with an old one, are evicted; replicas first.',
      ),
  })
  .meta(
    cel({
      rule: "self.upstream.tlsMode in ['Mirror', 'Disable', 'Require'] || has(self.upstream.caRef)",
      message: 'VerifyCA and VerifyFull need upstream.caRef',
      fieldPath: '.upstream.caRef',
    }),
  );
export type RecordedDatabaseSpec = z.infer<typeof RecordedDatabaseSpec>;
