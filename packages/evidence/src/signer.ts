/**
 * Ed25519 keys of a reel: each signs one segment, names the next and is forgotten. Knows nothing of what is
 * signed.
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hash,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { EvidenceError } from './evidenceError.ts';

export interface Signer {
  /** Raw Ed25519 public key, 64 hex digits (RFC 8032). */
  readonly publicKey: string;
  /** 64 bytes. */
  sign(bytes: Uint8Array): Uint8Array;
}

const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex');
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex');

/** A fresh key pair; the private half exists only inside and is never exported. */
export function newSigner(): Signer {
  return signerOf(generateKeyPairSync('ed25519').privateKey);
}

/** The signer of a known 32-byte private key: for worked examples and tests, never for evidence. */
export function signerFromSeed(seed: Uint8Array): Signer {
  if (seed.length !== 32)
    throw new EvidenceError('KEY_INVALID', `an Ed25519 seed has 32 bytes, not ${seed.length}`);
  return signerOf(
    createPrivateKey({ key: Buffer.concat([pkcs8Prefix, seed]), format: 'der', type: 'pkcs8' }),
  );
}

function signerOf(privateKey: KeyObject): Signer {
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  return {
    publicKey: spki.subarray(spkiPrefix.length).toString('hex'),
    sign: (bytes) => sign(null, bytes, privateKey),
  };
}

/** Whether `signature` is over `bytes` by the key; false, never a throw, for anything malformed. */
export function verifySignature(publicKeyHex: string, bytes: Uint8Array, signature: Uint8Array): boolean {
  if (!/^[0-9a-f]{64}$/.test(publicKeyHex) || signature.length !== 64) return false;
  try {
    const der = Buffer.concat([spkiPrefix, Buffer.from(publicKeyHex, 'hex')]);
    return verify(null, bytes, createPublicKey({ key: der, format: 'der', type: 'spki' }), signature);
  } catch {
    return false;
  }
}

/** Field `key_id`: first 8 bytes of SHA-256 of the raw public key, hex. */
export function keyId(publicKeyHex: string): string {
  return hash('sha256', Buffer.from(publicKeyHex, 'hex'), 'hex').slice(0, 16);
}
