/**
 * Ed25519 keys of a reel: each signs one segment, names the next and is forgotten. Knows nothing of what is
 * signed.
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hash,
  hkdfSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { EvidenceError } from './evidenceError.ts';
import { seedBytesOf } from './salts.ts';

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
  return signerOf(generateKeyPairSync('ed25519'));
}

/** The signer of a known 32-byte private key. */
export function signerFromSeed(seed: Uint8Array): Signer {
  if (seed.length !== 32)
    throw new EvidenceError('KEY_INVALID', `an Ed25519 seed has 32 bytes, not ${seed.length}`);
  const key = Buffer.concat([pkcs8Prefix, seed]);
  const privateKey = createPrivateKey({ key, format: 'der', type: 'pkcs8' });
  return signerOf({ privateKey, publicKey: createPublicKey(privateKey) });
}

/** HKDF's `info`: the key is of this use alone, and says nothing about the seed's salts. */
const recoveryContext = 'pgtape-recovery-v1';

/**
 * The key that signs what is recovered of a reel: whoever has the reel's journal has it, nobody else. Its
 * private key is HKDF-SHA256 (RFC 5869) of the reel's journaled 16-byte seed with empty salt. Throws
 * EvidenceError `SEED_INVALID`.
 */
export function recoverySigner(seedHex: string): Signer {
  const seed = seedBytesOf(seedHex);
  return signerFromSeed(new Uint8Array(hkdfSync('sha256', seed, Buffer.alloc(0), recoveryContext, 32)));
}

function signerOf({ privateKey, publicKey }: { privateKey: KeyObject; publicKey: KeyObject }): Signer {
  // As JWK (RFC 8037), for its `x` is the raw key; writing DER takes as long as making the pair.
  const { x = '' } = publicKey.export({ format: 'jwk' });
  return {
    publicKey: Buffer.from(x, 'base64url').toString('hex'),
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
