/** Owns what the recorder's configuration has for pods: how clients are led to it, and what it runs with where it was given nothing. */
import { z } from 'zod';
import { captureModes } from './captureProbe.ts';

const credentialFile = z.string().min(1).optional();

export const Coverage = z
  .strictObject({
    credentialsDir: z
      .string()
      .min(1)
      .optional()
      .describe('Directory with the files `username` and `password`, as a Secret is mounted.'),
    usernameFile: credentialFile.describe('In place of `credentialsDir`; with `passwordFile`.'),
    passwordFile: credentialFile.describe('Read anew for each connection.'),
    database: z.string().min(1).default('postgres').describe('Database to log in to; any will do.'),
    periodSeconds: z.number().min(1).max(300).default(10).describe('Time between two looks.'),
    timeoutMs: z
      .int()
      .min(100)
      .max(60_000)
      .default(5000)
      .describe('Longest time for connecting, and for an answer.'),
    allow: z
      .array(
        z.strictObject({
          user: z.string().min(1).describe('Role.'),
          application: z
            .string()
            .optional()
            .describe('Its `application_name`; absent, any. It is the word of whoever connects.'),
          database: z.string().min(1).optional().describe('Database that it connects to; absent, any.'),
        }),
      )
      .max(64)
      .default([])
      .describe(
        'Sessions that are meant to come past the recorder. Where each names a `database`, sessions shorter than ' +
          '`periodSeconds` are still counted in all others; with one that names none they are not counted at all, for nobody ' +
          'could tell them from his.',
      ),
  })
  .refine(
    ({ credentialsDir, usernameFile, passwordFile }) =>
      credentialsDir === undefined
        ? usernameFile !== undefined && passwordFile !== undefined
        : usernameFile === undefined && passwordFile === undefined,
    { error: 'either credentialsDir, or usernameFile and passwordFile' },
  );

export const Capture = z.strictObject({
  mode: z.enum(captureModes).describe('How clients are led through the recorder; set by the injection.'),
  port: z
    .int()
    .min(1)
    .max(65_535)
    .default(5432)
    .describe('Port that clients connect to. Who else listens there is told in /v1/recorder.'),
});

/**
 * JSON, which is YAML: the places that the injection mounts, and defaults otherwise. With the environment that the injection sets
 * it serves and records clients; there is no vault until it is given one.
 */
export const podConfigText = JSON.stringify({
  spool: { dir: '/var/lib/pgtape/outbox' },
  journal: { dir: '/var/lib/pgtape/journal' },
  health: { host: '0.0.0.0', port: 7418 },
});
