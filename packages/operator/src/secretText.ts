/** Owns reading text out of a Secret, as the API server hands it out. Pure. */
import type { KubeObject } from '@pgtape/kube';
import { z } from 'zod';

const Stored = z.looseObject({ data: z.record(z.string(), z.base64()) });

/** null: there is no such key, or no Secret. */
export function secretText(secret: KubeObject | undefined, key: string): string | null {
  const parsed = Stored.safeParse(secret);
  const value = parsed.success ? parsed.data.data[key] : undefined;
  return value === undefined ? null : Buffer.from(value, 'base64').toString('utf8');
}

const certificate = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----\n?/g;

/** PEM of each certificate in a text. */
export function certificatesIn(text: string): string[] {
  return text.match(certificate) ?? [];
}
