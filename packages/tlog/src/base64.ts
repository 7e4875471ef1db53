/**
 * Standard base64 with padding (RFC 4648 section 4), strictly: one text for one byte string. Knows nothing of
 * what is encoded.
 */

const shape = /^[A-Za-z0-9+/]*={0,2}$/;

export function base64Text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
}

/** Null for whatever `base64Text` would not write. */
export function base64Bytes(text: string): Uint8Array | null {
  if (!shape.test(text)) return null;
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : null;
}
