/** How a recorder's configuration is named by its text: the operator what it has written, a recorder what it runs with. Pure. */
import { createHash } from 'node:crypto';

/** First 16 hex digits of its SHA-256; '' where there is none. */
export function configHash(text: string | null | undefined): string {
  return text == null ? '' : createHash('sha256').update(text).digest('hex').slice(0, 16);
}
