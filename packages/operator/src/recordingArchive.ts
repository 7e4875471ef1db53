/**
 * RecordingArchive v1alpha1: where evidence goes and how long it is kept. Owned by other people than the databases: who
 * runs a database cannot shorten what is kept (R12).
 */
import { z } from 'zod';
import { conditions, objectName } from './apiFields.ts';
import { cel, mapList } from './structuralSchema.ts';

/** URL of a server, without path. */
export const serverUrl = z
  .string()
  .max(256)
  .regex(/^https?:\/\/[^\s/?#]+$/);

const Bucket = z
  .strictObject({
    bucket: z
      .string()
      .min(3)
      .max(63)
      .regex(/^[a-z0-9][a-z0-9.-]*[a-z0-9]$/)
      .describe('Its name. It must have Object Lock where `lock` is not `None`.'),
    prefix: z
      .string()
      .max(256)
      .regex(/^([A-Za-z0-9_-][A-Za-z0-9._-]*(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*)?$/)
      .default('')
      .describe('What every key begins with; an archive has its prefix for itself.'),
    region: z.string().min(1).max(64).optional().describe('Absent: what the environment of the vault says.'),
    endpoint: serverUrl.optional().describe('Of a store that is not AWS.'),
    pathStyle: z.boolean().default(false).describe('The bucket stands in the path, not in the host name.'),
  })
  .describe('An S3 bucket with Object Lock.');

const Volume = z
  .strictObject({ claimName: objectName.describe('Its PersistentVolumeClaim, mounted by the chart.') })
  .describe("A directory on a volume in the vault's namespace: tamper-evident only.");

const RetentionClass = z
  .strictObject({
    name: z.string().min(1).max(63).describe('What the class is called.'),
    database: z.string().min(1).max(63).optional().describe('Only sessions in this database.'),
    user: z.string().min(1).max(63).optional().describe('Only sessions of this user.'),
    days: z.int().min(1).max(36_500).describe('How long what fits is kept.'),
  })
  .meta(
    cel({
      rule: 'has(self.database) || has(self.user)',
      message: 'a class names a database, a user, or both: for everything there is retention.days',
    }),
  );

export const RecordingArchiveSpec = z
  .strictObject({
    s3: Bucket.optional(),
    volume: Volume.optional(),
    lock: z
      .enum(['Strict', 'Bypassable', 'None'])
      .default('Strict')
      .describe(
        "`Strict`: nobody can shorten or delete (S3's COMPLIANCE). `Bypassable`: whoever has the right to (GOVERNANCE). " +
          '`None`: nothing is enforced, and every verdict says so.',
      ),
    retention: z
      .strictObject({
        days: z.int().min(1).max(36_500).describe('How long everything is kept.'),
        classes: z
          .array(RetentionClass)
          .max(64)
          .meta(mapList('name'))
          .optional()
          .describe('What is kept longer.'),
      })
      .describe('An object is kept for the longest that any of its records asks for.'),
    log: z
      .strictObject({
        origin: z
          .string()
          .min(1)
          .max(256)
          .regex(/^[^\s+]+$/)
          .optional()
          .describe('Name of the transparency log; a schema-less URL.'),
        checkpointSeconds: z
          .int()
          .min(1)
          .max(600)
          .default(10)
          .describe('From one signed checkpoint to the next.'),
      })
      .prefault({})
      .describe('The transparency log over the archive.'),
    holdsDualControl: z.boolean().default(false).describe('A legal hold is released by two people.'),
  })
  .meta(
    cel(
      {
        rule: 'has(self.s3) != has(self.volume)',
        message: 'one of s3 and volume must be set',
      },
      {
        rule: "has(self.s3) || self.lock == 'None'",
        message: 'a volume enforces nothing: lock must be None',
        fieldPath: '.lock',
      },
      {
        rule: "oldSelf.lock == 'None' || self.lock == oldSelf.lock || (oldSelf.lock == 'Bypassable' && self.lock == 'Strict')",
        message: 'lock can only become stricter',
        fieldPath: '.lock',
      },
      {
        rule: "oldSelf.lock == 'None' || self.retention.days >= oldSelf.retention.days",
        message: 'retention.days can only grow',
        fieldPath: '.retention.days',
      },
      {
        rule:
          'has(self.s3) == has(oldSelf.s3) && (!has(self.s3) || ' +
          '(self.s3.bucket == oldSelf.s3.bucket && self.s3.prefix == oldSelf.s3.prefix))',
        message: 'an archive does not move: make another RecordingArchive',
        fieldPath: '.s3',
      },
      {
        rule: '!has(self.volume) || !has(oldSelf.volume) || self.volume.claimName == oldSelf.volume.claimName',
        message: 'an archive does not move: make another RecordingArchive',
        fieldPath: '.volume.claimName',
      },
    ),
  );
export type RecordingArchiveSpec = z.infer<typeof RecordingArchiveSpec>;

export const RecordingArchiveStatus = z
  .strictObject({
    observedGeneration: z.int().min(0).optional().describe('Of the spec that this status is about.'),
    endpoint: serverUrl
      .optional()
      .describe(
        'Where recorders send evidence to (OTLP/gRPC), written by the vault that serves this archive.',
      ),
    caBundle: z
      .string()
      .max(65_536)
      .optional()
      .describe(
        'PEM of the authority that recorders know the vault at `endpoint` by, written by that vault. For the archive of the ' +
          "operator's own release the Secret counts.",
      ),
    logSize: z.int().min(0).optional().describe('Entries of the newest checkpoint.'),
    checkpointTime: z.string().max(64).optional().describe('Of the newest checkpoint, RFC 3339.'),
    recorders: z.int().min(0).optional().describe('Reels that are being written.'),
    holds: z.int().min(0).optional().describe('Legal holds in force.'),
    conditions,
  })
  .optional();
export type RecordingArchiveStatus = z.infer<typeof RecordingArchiveStatus>;
