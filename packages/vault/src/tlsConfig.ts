/** Owns the keys that name the certificates of a listener. */
import { z } from 'zod';

/** What the authorities in `clientCaFile` are for, and what holds without TLS, in words. */
export interface TlsWords {
  readonly clientCaFile: string;
  readonly means: string;
}

export function tlsConfig({ clientCaFile, means }: TlsWords) {
  return z
    .strictObject({
      certFile: z
        .string()
        .min(1)
        .describe('PEM file with the certificate chain. Read again when it changes, as are the others here.'),
      keyFile: z.string().min(1).describe('PEM file with the private key.'),
      clientCaFile: z.string().min(1).optional().describe(clientCaFile),
    })
    .describe(means);
}
