/** How a configuration's text is named: as the operator names the one it has written. Pure. */
import { createHash } from 'node:crypto';

/** First 16 hex digits of its SHA-256; '' where there is none. */
export function configHash(text: string | undefined): string {
  return text === undefined ? '' : createHash('sha256').update(text).digest('hex').slice(0, 16);
}
