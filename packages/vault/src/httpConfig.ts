/** Owns the configuration of the vault's HTTP API: its address, its TLS, and who may ask for what. */
import { z } from 'zod';
import { tlsConfig } from './tlsConfig.ts';

const port = z.int().min(0).max(65_535);

/** What a caller may ask for. */
export const permissions = ['read', 'export', 'hold', 'status', 'probe'] as const;
export type Permission = (typeof permissions)[number];

/** `CN:<common name>` of the subject, or one subject alternative name as `DNS:`, `URI:` or `email:`. */
const certificateName = /^(?:CN|DNS|URI|email):\S.*$/;

const Caller = z
  .strictObject({
    name: z
      .string()
      .regex(/^[\w.@:/+-]{1,400}$/)
      .describe(
        'Who it is in `access` and `hold` records. `local` is what `pgtape up` calls whoever may read its token file.',
      ),
    tokenHashFile: z
      .string()
      .min(1)
      .optional()
      .describe(
        'File with the SHA-256 of each bearer token of this caller in hex, one a line, as `sha256sum` prints it; more ' +
          'than one while tokens are changed. Read again when it changes.',
      ),
    certificate: z
      .string()
      .regex(certificateName)
      .optional()
      .describe(
        'The name in its client certificate: `CN:alice`, `DNS:alice.example`, `URI:spiffe://...`, `email:...`.',
      ),
    serviceAccount: z
      .string()
      .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?:[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/)
      .optional()
      .describe(
        '`NAMESPACE:NAME` of a Kubernetes service account, whose tokens for `audience` the API server vouches for. In records he is ' +
          '`system:serviceaccount:NAMESPACE:NAME`.',
      ),
    group: z
      .string()
      .min(1)
      .max(400)
      .optional()
      .describe('Every Kubernetes user of this group, under his own name: `system:serviceaccounts:audit`.'),
    may: z
      .array(z.enum(permissions))
      .describe(
        '`read`: sessions, search, play, tail, verify. `export`: evidence bundles. `hold`: legal holds. `status`: /v1/status, /v1/reels. ' +
          '`probe`: reports of `pgtape doctor archive`.',
      ),
  })
  .refine(
    ({ tokenHashFile, certificate, serviceAccount, group }) =>
      [tokenHashFile, certificate, serviceAccount, group].some((way) => way !== undefined),
    { message: 'a caller needs tokenHashFile, certificate, serviceAccount or group' },
  );

const HttpTls = tlsConfig({
  clientCaFile: 'PEM file of authorities whose client certificates may name a caller (`certificate`).',
  means: 'TLS of the HTTP API; absent, it speaks plain HTTP, and serves evidence on loopback only.',
});

export const HttpConfig = z.strictObject({
  host: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .describe('Address of health, metrics, status and the API. Health and metrics ask nobody who they are.'),
  port: port.default(7417).describe('Its port; 0 takes a free one.'),
  tls: HttpTls.optional(),
  callers: z
    .array(Caller)
    .default([])
    .refine((callers) => new Set(callers.map(({ name }) => name)).size === callers.length, {
      message: 'two callers have the same name',
    })
    .describe('Who may read evidence. Without callers nobody may, on loopback neither.'),
  audience: z
    .string()
    .min(1)
    .max(253)
    .default('pgtape-read')
    .describe('What Kubernetes tokens of callers must be made for (`aud`).'),
  whyRequired: z
    .boolean()
    .default(false)
    .describe('Ask every reader for a reason (`--why`, for instance a ticket).'),
  recordSeconds: z
    .int()
    .positive()
    .default(10)
    .describe('How long a reader waits for his record to be stored; then the reading is refused.'),
  grantSeconds: z
    .int()
    .min(1)
    .max(86_400)
    .default(900)
    .describe('How long a grant lasts; a reading that takes longer asks for another and is recorded again.'),
  grantsMax: z
    .int()
    .positive()
    .default(100)
    .describe('Grants one caller holds at once; a further one ends his oldest.'),
  grantsPerMinute: z
    .int()
    .positive()
    .default(600)
    .describe('Grants one caller gets in a minute: each is a record in the archive.'),
  readBytesMax: z
    .int()
    .positive()
    .default(64 * 1024 * 1024)
    .describe('Bytes of objects on their way to readers at once; further reads are told to come again.'),
  stallSeconds: z
    .int()
    .positive()
    .default(30)
    .describe('A reader of an object who takes nothing for so long is cut off.'),
});
export type HttpConfig = z.infer<typeof HttpConfig>;
