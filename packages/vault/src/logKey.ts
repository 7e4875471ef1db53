/**
 * Owns the log's private keys as a file: PEM, PKCS #8, one or more Ed25519 keys. Made once, readable by its owner
 * alone. A key management service would be another LogSigner beside it.
 */
import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import { readSecretFile } from '@pgtape/process';
import { type Disk, makeDirectoryDurably } from '@pgtape/store';
import { ED25519, type LogSigner, rawPublicKey, signEd25519, verifierKey } from '@pgtape/tlog';
import { VaultError } from './vaultError.ts';

const mode = 0o600;
const block = /-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----/g;

/**
 * Signers of the file's keys, in its order; all sign. Their name is the log's origin.
 * @throws VaultError `LOG_KEY`, ConfigError where it cannot be read
 */
export function readLogKeys(path: string, origin: string, warn: (message: string) => void): LogSigner[] {
  const text = readSecretFile(path, warn);
  const keys = [...text.matchAll(block)].map(([pem]) => privateKey(path, pem));
  if (keys.length === 0) throw wrong(path, 'holds no PEM block "PRIVATE KEY"');
  return keys.map((key) => signerOf(key, origin));
}

/** Makes the file with a new key; it is whole or absent, whatever stops us. Rejects as the disk. */
export async function makeLogKey(path: string, disk: Disk): Promise<void> {
  const { privateKey: key } = generateKeyPairSync('ed25519');
  const pem = key.export({ type: 'pkcs8', format: 'pem' });
  await writeDurably(path, Buffer.from(pem), mode, disk);
}

/** A small file, whole or absent; one that is there is not replaced, and no error. Rejects as the disk. */
export async function writeDurably(
  path: string,
  bytes: Uint8Array,
  fileMode: number,
  disk: Disk,
): Promise<void> {
  const directory = dirname(path);
  await makeDirectoryDurably(directory, disk);
  const draft = join(directory, `.${randomBytes(8).toString('hex')}.draft`);
  const file = await disk.create(draft, fileMode);
  try {
    for (let at = 0; at < bytes.length; ) at += await file.write(bytes.subarray(at));
    await file.fsync();
    await disk.link(draft, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    await disk.fsyncDirectory(directory);
  } finally {
    await file.close().catch(() => undefined);
    await disk.unlink(draft).catch(() => undefined);
  }
}

function signerOf(key: KeyObject, origin: string): LogSigner {
  return {
    vkey: verifierKey(origin, ED25519, rawPublicKey(key)),
    sign: async (bytes) => signEd25519(key, bytes),
  };
}

function privateKey(path: string, pem: string): KeyObject {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (error) {
    throw wrong(path, 'holds a PEM block that is no private key', error);
  }
  if (key.asymmetricKeyType !== 'ed25519') throw wrong(path, `holds a key of type ${key.asymmetricKeyType}`);
  return key;
}

function wrong(path: string, problem: string, cause?: unknown): VaultError {
  return new VaultError(
    'LOG_KEY',
    `tlog.keyFile ${path} ${problem}: Ed25519 keys in PKCS #8 are wanted`,
    cause,
  );
}
