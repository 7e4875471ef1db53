/** Owns the recorder's configuration of where evidence goes, and how it shows who it is. */
import { enrolmentNamePattern } from '@pgtape/evidence';
import { z } from 'zod';

export const VaultTarget = z.strictObject({
  url: z
    .url({ protocol: /^https?$/ })
    .default('http://127.0.0.1:4317')
    .describe('The vault, `http://host:4317` or `https://host:4317`.'),
  caFile: z.string().min(1).optional().describe('PEM file of authorities an https vault is checked against.'),
  certFile: z
    .string()
    .min(1)
    .optional()
    .describe("PEM file of this recorder's certificate, for a vault that asks for one; with `keyFile`."),
  keyFile: z.string().min(1).optional().describe('PEM file of the private key of `certFile`.'),
  tokenFile: z
    .string()
    .min(1)
    .optional()
    .describe(
      'File with a bearer token that goes with every segment: in Kubernetes, the projected service-account token of the pod. ' +
        'Read again when it changes. Sent over https only, and to loopback.',
    ),
  timeoutMs: z
    .int()
    .positive()
    .default(10_000)
    .describe('Longest wait for one acknowledgement before it is tried again.'),
  enrolment: z
    .strictObject({
      name: z
        .string()
        .regex(enrolmentNamePattern)
        .describe("The secret's name in the vault's `enrolment.secrets`; stands in the vault's records."),
      secretFile: z
        .string()
        .min(1)
        .describe('File with the secret, at least 16 bytes; read anew for each reel.'),
    })
    .optional()
    .describe('How the recorder proves to the vault that its reels are its own (docs/formats/keys.md).'),
});
