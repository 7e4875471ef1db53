/** Owns how certificates lie in a Secret of the operator's own namespace. Pure. */
import type { KubeObject } from '@pgtape/kube';
import type { CertificateMaterial } from './certificateMaterial.ts';
import { managedBy } from './clusterNames.ts';
import { certificatesIn, secretText } from './secretText.ts';

/** null: it is not there, or holds something else. The authority's key is '' where somebody else issues. */
export function materialOf(
  secret: KubeObject | undefined,
  issuer: 'self' | 'secret' = 'self',
): CertificateMaterial | null {
  const [ca, cert, key] = ['ca.crt', 'tls.crt', 'tls.key'].map((name) => secretText(secret, name));
  const authorityKey = secretText(secret, 'ca.key') ?? (issuer === 'secret' ? '' : null);
  if (ca == null || cert == null || key == null || authorityKey === null) return null;
  return { authorities: certificatesIn(ca), authorityKey, cert, key };
}

/** Whether the operator made it. */
export function isOwnSecret(secret: KubeObject): boolean {
  return Object.entries(managedBy).every(([name, value]) => secret.metadata.labels?.[name] === value);
}

/** @param found what lies there: its resource version makes the write conditional */
export function certificateSecret(
  place: { readonly namespace: string; readonly name: string },
  material: CertificateMaterial,
  found: KubeObject | undefined,
): KubeObject {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const version = found?.metadata.resourceVersion;
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      ...place,
      labels: { ...found?.metadata.labels, ...managedBy },
      ...(found?.metadata.annotations === undefined ? {} : { annotations: found.metadata.annotations }),
      ...(version === undefined ? {} : { resourceVersion: version }),
    },
    type: 'Opaque',
    data: {
      'ca.crt': base64(material.authorities.join('')),
      'ca.key': base64(material.authorityKey),
      'tls.crt': base64(material.cert),
      'tls.key': base64(material.key),
    },
  };
}
