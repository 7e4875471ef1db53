/** Owns the keys of the side connection that learns types. */
import { z } from 'zod';

const TypesTls = z.strictObject({
  caFile: z
    .string()
    .min(1)
    .optional()
    .describe("PEM file of authorities the server is checked against; absent, the system's."),
  serverName: z
    .string()
    .min(1)
    .optional()
    .describe('Name expected in its certificate; absent, `types.host`.'),
  certFile: z.string().min(1).optional().describe('PEM file of a client certificate; with `keyFile`.'),
  keyFile: z.string().min(1).optional().describe('PEM file of the private key of `certFile`.'),
});

export const Types = z.strictObject({
  user: z
    .string()
    .min(1)
    .describe('Role it logs in as. It needs CONNECT and nothing else; give it nothing else.'),
  passwordFile: z.string().min(1).describe('File with its password, read anew for each connection.'),
  host: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Where the server is reached, directly and not through this recorder; absent, `upstream.host`.',
    ),
  port: z.int().min(1).max(65_535).optional().describe('Absent, `upstream.port`.'),
  tls: TypesTls.optional().describe('TLS of this connection; absent, it is plain.'),
  timeoutMs: z
    .int()
    .min(100)
    .max(60_000)
    .default(5000)
    .describe('Longest time for connecting, and for the answer.'),
});
