/** Ed25519 over raw keys (RFC 8032). Knows nothing of what is signed. */
import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto';

export const ed25519KeyBytes = 32;
export const ed25519SignatureBytes = 64;

/** SubjectPublicKeyInfo of an Ed25519 key up to its 32 bytes (RFC 8410). */
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex');

/** Whether `signature` is over `bytes` by the raw public key; false, never a throw, for anything malformed. */
export function verifyEd25519(key: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean {
  if (key.length !== ed25519KeyBytes || signature.length !== ed25519SignatureBytes) return false;
  try {
    const der = Buffer.concat([spkiPrefix, key]);
    return verify(null, bytes, createPublicKey({ key: der, format: 'der', type: 'spki' }), signature);
  } catch {
    return false;
  }
}

/** 64 bytes. */
export function signEd25519(key: KeyObject, bytes: Uint8Array): Uint8Array {
  return sign(null, bytes, key);
}

/** The 32 raw bytes of a public key, or of the public half of a private one. */
export function rawPublicKey(key: KeyObject): Uint8Array {
  // As JWK (RFC 8037): its `x` is the raw key.
  const { x = '' } = (key.type === 'private' ? createPublicKey(key) : key).export({ format: 'jwk' });
  return Buffer.from(x, 'base64url');
}
