/**
 * Owns the vault's configuration: every key, its default and what it means; it refuses to read files or
 * environment.
 */

import { enrolmentNamePattern } from '@pgtape/evidence';
import { RECORDER_AUDIENCE } from '@pgtape/kube';
import { kubernetesKeys } from '@pgtape/process';
import { parseStoreAddress } from '@pgtape/store';
import { z } from 'zod';
import { HttpConfig } from './httpConfig.ts';
import { HoldsConfig, RetentionConfig } from './retentionConfig.ts';
import { tlsConfig } from './tlsConfig.ts';

const port = z.int().min(0).max(65_535);

const Tls = tlsConfig({
  clientCaFile: 'PEM file of authorities; set, only clients with a certificate of theirs are let in.',
  means: 'TLS of the OTLP listener; absent, it speaks plain HTTP/2.',
});

const Otlp = z.strictObject({
  host: z.string().min(1).default('127.0.0.1').describe('Address the OTLP/gRPC receiver listens on.'),
  port: port.default(4317).describe('Its port; 0 takes a free one.'),
  tls: Tls.optional(),
  publicUrl: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe(
      'How recorders reach it, `https://host:4317`; with `--archive NAME` it stands in the status of the RecordingArchive.',
    ),
  publicCaFile: z
    .string()
    .min(1)
    .optional()
    .describe(
      'PEM file of the authority that recorders know it by; with `--archive NAME` its certificates stand beside `publicUrl`. Read ' +
        'again every 10 s.',
    ),
});

function isStore(text: string): boolean {
  try {
    parseStoreAddress(text);
    return true;
  } catch {
    return false;
  }
}

const Archive = z.strictObject({
  store: z
    .string()
    .min(1)
    .refine(isStore, { error: 'a directory, or s3://bucket/prefix?endpoint=...&region=... is expected' })
    .describe(
      'Where the archive lies: a directory, created when absent, or ' +
        '`s3://bucket/prefix?endpoint=...&region=...&pathStyle=1&caFile=...`. One vault at a time.',
    ),
  lock: z
    .enum(['strict', 'bypassable', 'none'])
    .optional()
    .describe(
      'What retention must be: `strict` nobody shortens it, `bypassable` a special right does; tried at the start, ' +
        'and the vault does not start where it does not hold. `none`: the archive is tamper-evident only, and says so. ' +
        'Absent: `strict` for a bucket, `none` for a directory.',
    ),
  retention: RetentionConfig.optional(),
});

const audience = z
  .string()
  .min(1)
  .max(253)
  .default(RECORDER_AUDIENCE)
  .describe('What tokens must be made for (`aud`).');

const KubernetesTokens = z
  .strictObject({ audience })
  .describe(
    'Recorders show the token of their pod; the API server is asked whose it is (TokenReview), and the pod must be one with a ' +
      "recorder of the reel's database. Every segment of such a reel comes with a token.",
  );

const JwksTokens = z
  .strictObject({
    issuer: z.string().min(1).describe('Who made the tokens (`iss`).'),
    audience,
    file: z.string().min(1).optional().describe("File with the issuer's keys (RFC 7517)."),
    url: z
      .url({ protocol: /^https$/ })
      .optional()
      .describe('Or where they are: `https://.../openid/v1/jwks`. Read again every five minutes.'),
    caFile: z.string().min(1).optional().describe('PEM file of authorities `url` is checked against.'),
  })
  .refine(({ file, url }) => (file === undefined) !== (url === undefined), {
    error: 'one of file and url must be set',
  })
  .describe(
    'As `kubernetes`, for a vault that reaches no API server: only signature and claims are checked, nobody looks at the pod, and the ' +
      'record says so.',
  );

const Kubernetes = z
  .strictObject({
    ...kubernetesKeys,
    volumesDir: z
      .string()
      .min(1)
      .default('/var/lib/pgtape/archives')
      .describe(
        'With `--archive NAME`: directory in which the claims of RecordingArchives (`spec.volume.claimName`) are mounted.',
      ),
  })
  .describe('The API server, where something else here needs one.');

const Enrolment = z
  .strictObject({
    required: z
      .boolean()
      .default(false)
      .describe(
        'Refuse reels nobody vouches for (`not_enrolled`); false, they are taken and verify says so.',
      ),
    secrets: z
      .array(
        z.strictObject({
          name: z
            .string()
            .regex(enrolmentNamePattern)
            .describe('What the recorder calls it; stands in records. Twice, while a secret is replaced.'),
          file: z
            .string()
            .min(1)
            .describe('File with the secret, at least 16 bytes; read for each new reel.'),
        }),
      )
      .default([])
      .describe('Secrets that recorders prove their reels with (`vault.enrolment` of the recorder).'),
    kubernetes: KubernetesTokens.optional(),
    jwks: JwksTokens.optional(),
  })
  .refine(({ kubernetes, jwks }) => kubernetes === undefined || jwks === undefined, {
    error: 'tokens are judged by kubernetes or by jwks, not by both',
  })
  .describe(
    'Who may begin reels: who knows a secret, has a certificate of `otlp.tls.clientCaFile`, by the name in it, or shows the ' +
      'token of a pod.',
  );

const PublishedConfigMap = z
  .strictObject({
    namespace: z.string().min(1).max(63).describe('Where it is.'),
    name: z.string().min(1).max(253).describe('What it is called.'),
    settleSeconds: z
      .int()
      .min(1)
      .max(3600)
      .default(120)
      .describe('How long recorders may take to seal with what was published.'),
  })
  .describe(
    'ConfigMap in which the operator publishes what recorders are configured with: seals of reels that a pod enrolled ' +
      '(`enrolment.kubernetes`) are compared with it, see the alert `policy_not_published`.',
  );

const Forward = z.strictObject({
  url: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('OTLP/gRPC endpoint of Jaeger or Tempo, `http://host:4317`; absent, nothing is forwarded.'),
  caFile: z
    .string()
    .min(1)
    .optional()
    .describe('PEM file of authorities an https endpoint is checked against.'),
  queueBytesMax: z
    .int()
    .positive()
    .default(64 * 1024 * 1024)
    .describe(
      'Bytes of views waiting to be forwarded; what does not fit is dropped and counted, evidence never.',
    ),
  timeoutMs: z.int().positive().default(10_000).describe('Longest wait for one answer of the endpoint.'),
});

const Tail = z.strictObject({
  bufferBytesMax: z
    .int()
    .positive()
    .default(4 * 1024 * 1024)
    .describe(
      'Lines waiting for one slow client of /v1/tail; beyond, lines are left out and it is told how many.',
    ),
  clientsMax: z.int().positive().default(64).describe('Most clients of /v1/tail at once.'),
});

const Limits = z.strictObject({
  messageBytesMax: z
    .int()
    .positive()
    .default(64 * 1024 * 1024)
    .describe('Longest OTLP request, in bytes after decompression.'),
  inflightBytesMax: z
    .int()
    .positive()
    .default(256 * 1024 * 1024)
    .describe('Bytes of requests being checked and stored at once; further senders are told to come again.'),
  reelsMax: z
    .int()
    .positive()
    .default(10_000)
    .describe('Reels whose last seal is kept in memory; others are read again.'),
  sessionsMax: z
    .int()
    .positive()
    .default(100_000)
    .describe(
      'Sessions whose user and database are remembered; retention and holds take the safe side with others.',
    ),
  quarantineBytesMax: z
    .int()
    .nonnegative()
    .default(1024 * 1024 * 1024)
    .describe('Bytes kept of segments that contradict the archive; beyond, they are refused and counted.'),
});

const Log = z.strictObject({
  level: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
    .default('info')
    .describe('Least level written to stderr.'),
});

const WitnessAt = z.strictObject({
  url: z
    .url({ protocol: /^https?$/ })
    .describe("The witness's submission prefix (C2SP tlog-witness); `/add-checkpoint` is put behind it."),
  vkey: z.string().min(1).describe('Its verifier key, of type 4.'),
});

const Tlog = z.strictObject({
  origin: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe('Name of the log, for ever; absent, `pgtape.local/<random>` is made once.'),
  keyFile: z
    .string()
    .min(1)
    .optional()
    .describe(
      "PEM file with the log's Ed25519 keys; each signs, the newest first. Absent, one is made in the state directory.",
    ),
  formerKeys: z
    .array(z.string().min(1))
    .default([])
    .describe('Verifier keys that signed earlier checkpoints of this log and sign no more.'),
  checkpointSeconds: z
    .number()
    .min(0.1)
    .max(3600)
    .default(10)
    .describe('How often what was stored is published. Acknowledgements never wait for it.'),
  witnesses: z.array(WitnessAt).max(16).default([]).describe('Who is asked to cosign every checkpoint.'),
  witnessTimeoutMs: z.int().positive().default(5000).describe('Longest wait for one answer of a witness.'),
  pendingMax: z
    .int()
    .positive()
    .default(100_000)
    .describe(
      'Segments waiting to be published; beyond, none is acknowledged until the log is written again.',
    ),
});

/** The vault's configuration file. */
export const VaultConfig = z.strictObject({
  name: z
    .string()
    .min(1)
    .max(200)
    .default('vault')
    .describe(
      'What the vault calls itself in its own reel. Its reels are found again by this name: keep it as long as the archive.',
    ),
  otlp: Otlp.prefault({}),
  http: HttpConfig.prefault({}),
  archive: Archive,
  stateDir: z
    .string()
    .min(1)
    .optional()
    .describe(
      "Directory of the vault's own on this machine, created when absent; not set, the archive's where that is a " +
        'directory. Needed for a bucket.',
    ),
  holds: HoldsConfig.prefault({}),
  enrolment: Enrolment.prefault({}),
  kubernetes: Kubernetes.prefault({}),
  published: PublishedConfigMap.optional(),
  forward: Forward.prefault({}),
  tail: Tail.prefault({}),
  tlog: Tlog.prefault({}),
  limits: Limits.prefault({}),
  log: Log.prefault({}),
});
export type VaultConfig = z.infer<typeof VaultConfig>;

/** The same for a vault that a RecordingArchive tells where and how to store (archiveSpec.ts). */
export const NamedVaultConfig = VaultConfig.extend({ archive: Archive.partial().prefault({}) });
export type NamedVaultConfig = z.infer<typeof NamedVaultConfig>;

/**
 * Prefix of the environment variables that override the file: PGTAPE_VAULT_ARCHIVE_STORE sets `archive.store`.
 */
export const VAULT_ENV_PREFIX = 'PGTAPE_VAULT_';
