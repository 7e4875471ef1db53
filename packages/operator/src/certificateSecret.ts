/** Owns how the webhook's certificates lie in a Secret. Pure. */
import type { KubeObject } from '@pgtape/kube';
import { z } from 'zod';
import { managedBy } from './clusterNames.ts';
import type { WebhookMaterial } from './webhookCertificates.ts';

/** Base64, as the API server hands it out. */
const Stored = z.looseObject({
  data: z.looseObject({
    'ca.crt': z.base64(),
    'ca.key': z.base64(),
    'tls.crt': z.base64(),
    'tls.key': z.base64(),
  }),
});

const certificate = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----\n?/g;

/** null: it is not there, or holds something else. */
export function materialOf(secret: KubeObject | undefined): WebhookMaterial | null {
  const parsed = Stored.safeParse(secret);
  if (!parsed.success) return null;
  const { data } = parsed.data;
  const text = (value: string): string => Buffer.from(value, 'base64').toString('utf8');
  return {
    authorities: text(data['ca.crt']).match(certificate) ?? [],
    authorityKey: text(data['ca.key']),
    cert: text(data['tls.crt']),
    key: text(data['tls.key']),
  };
}

/** @param found what lies there: its resource version makes the write conditional */
export function certificateSecret(
  place: { readonly namespace: string; readonly name: string },
  material: WebhookMaterial,
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
