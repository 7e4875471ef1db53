/**
 * Owns the webhook's certificates over time: the leader makes and renews what lies in the Secret, every replica serves it.
 */
import type { KubeObject, KubeObjects, WorkOutcome } from '@pgtape/kube';
import { certificateSecret, materialOf } from './certificateSecret.ts';
import { secrets } from './clusterResources.ts';
import { bundleOf, renewed, type WebhookMaterial } from './webhookCertificates.ts';

export interface CertificateKeeperOptions {
  readonly objects: KubeObjects;
  readonly place: { readonly namespace: string; readonly name: string };
  /** DNS names and addresses that the API server calls the webhook by. */
  readonly names: readonly string[];
  readonly found: () => KubeObject | undefined;
  /** The webhook's configuration as the API server has it. */
  readonly configuration: () => KubeObject | undefined;
  /** Milliseconds since 1970. */
  readonly wallMs: () => number;
}

/** Also what a new authority waits at least, from being published to being served. */
const lookEveryMs = 60_000;

function isPublished(material: WebhookMaterial, configuration: KubeObject | undefined): boolean {
  const [first] = (configuration?.webhooks ?? []) as { clientConfig?: { caBundle?: unknown } }[];
  const bundle = first?.clientConfig?.caBundle;
  if (typeof bundle !== 'string') return false;
  return Buffer.from(bundle, 'base64').toString('utf8') === bundleOf(material);
}

/** @throws KubeError `KUBE_CONFLICT` where somebody else wrote meanwhile: then it is looked at again */
export async function keepCertificates(
  { objects, place, names, found, configuration, wallMs }: CertificateKeeperOptions,
  signal: AbortSignal,
): Promise<WorkOutcome> {
  const secret = found();
  const material = materialOf(secret);
  const isBundlePublished = material !== null && isPublished(material, configuration());
  const next = await renewed(material, { names, nowMs: wallMs(), isBundlePublished });
  if (next !== material) {
    const wanted = certificateSecret(place, next, secret);
    if (secret === undefined) await objects.create(secrets, wanted, { signal });
    else await objects.replace(secrets, wanted, { signal });
  }
  return { againAfterMs: lookEveryMs };
}
