/**
 * Owns the signing key of the vault's log: made once, in the format that the vault reads (PEM, PKCS #8, Ed25519), and never
 * written again. A key made anew would be another log: where one exists already, its key is for people to bring back.
 */
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { KubeError, type KubeObject, type KubeObjects } from '@pgtape/kube';
import { managedBy } from './clusterNames.ts';
import { secrets } from './clusterResources.ts';
import { secretText } from './secretText.ts';

export const LOG_KEY = 'log.key';

const block = /-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----/g;

/**
 * - `make`: there is none, and no log that needs an old one;
 * - `kept`: it is there;
 * - `not_understood`: the Secret holds something else;
 * - `lost`: there is none, and the archive has a log signed by one.
 */
export type LogKeyState = 'make' | 'kept' | 'not_understood' | 'lost';

function isKey(pem: string): boolean {
  try {
    return createPrivateKey(pem).asymmetricKeyType === 'ed25519';
  } catch {
    return false;
  }
}

/** @param archive that the log is of; undefined: there is none yet */
export function logKeyState(secret: KubeObject | undefined, archive: KubeObject | undefined): LogKeyState {
  if (secret !== undefined) {
    const keys = secretText(secret, LOG_KEY)?.match(block) ?? [];
    return keys.length > 0 && keys.every(isKey) ? 'kept' : 'not_understood';
  }
  const { logSize } = (archive?.status ?? {}) as { logSize?: unknown };
  return typeof logSize === 'number' && logSize > 0 ? 'lost' : 'make';
}

export function newLogKeySecret(place: { readonly namespace: string; readonly name: string }): KubeObject {
  const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { ...place, labels: managedBy },
    type: 'Opaque',
    data: { [LOG_KEY]: Buffer.from(pem).toString('base64') },
  };
}

/** One that somebody else made meanwhile is as good. Rejects with KubeError. */
export async function makeLogKey(
  objects: KubeObjects,
  place: { readonly namespace: string; readonly name: string },
  signal: AbortSignal,
): Promise<void> {
  await objects.create(secrets, newLogKeySecret(place), { signal }).catch((error: unknown) => {
    if (!(error instanceof KubeError) || error.code !== 'KUBE_CONFLICT') throw error;
  });
}
