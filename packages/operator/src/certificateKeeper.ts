/**
 * Owns certificates over time: the leader makes and renews what lies in a Secret, others serve it. A Secret that somebody
 * else filled with something else is left alone.
 */
import type { KubeObject, KubeObjects, WorkOutcome } from '@pgtape/kube';
import { authorityAgeMs, bundleOf, type CertificateMaterial, renewed } from './certificateMaterial.ts';
import { certificateSecret, isOwnSecret, materialOf } from './certificateSecret.ts';
import { secrets } from './clusterResources.ts';
import { annotations } from './injectionPlan.ts';

export interface CertificateKeeperOptions {
  readonly objects: KubeObjects;
  readonly place: { readonly namespace: string; readonly name: string };
  /** Name of its authority. */
  readonly authority: string;
  /** DNS names and addresses that what serves it is called by. */
  readonly names: readonly string[];
  readonly found: () => KubeObject | undefined;
  /** Whether everybody who connects has the newest authority. */
  readonly isPublished: (material: CertificateMaterial, nowMs: number) => boolean;
  /** The Secret is not the operator's, and holds no certificate. */
  readonly notUnderstood: (secret: KubeObject) => void;
  /** Milliseconds since 1970. */
  readonly wallMs: () => number;
}

/** Also what a new authority waits at least, from being published to being served. */
const lookEveryMs = 60_000;
/** The kubelet looks at ConfigMaps every minute, and knows them from a cache of another. */
const mountedAfterMs = 5 * 60_000;

/** @param configuration the webhook's, as the API server has it */
export function isKnownToApiServer(
  material: CertificateMaterial,
  configuration: KubeObject | undefined,
): boolean {
  const [first] = (configuration?.webhooks ?? []) as { clientConfig?: { caBundle?: unknown } }[];
  const bundle = first?.clientConfig?.caBundle;
  if (typeof bundle !== 'string') return false;
  return Buffer.from(bundle, 'base64').toString('utf8') === bundleOf(material);
}

/** @param configMaps of the operator, as the API server has them; those of recorders count */
export function isKnownToRecorders(
  material: CertificateMaterial,
  nowMs: number,
  configMaps: readonly KubeObject[],
): boolean {
  const bundle = bundleOf(material);
  return (
    authorityAgeMs(material, nowMs) >= mountedAfterMs &&
    configMaps
      .filter(({ metadata }) => metadata.annotations?.[annotations.by] !== undefined)
      .every(({ data }) => (data as Record<string, unknown> | undefined)?.['ca.crt'] === bundle)
  );
}

/** @throws KubeError `KUBE_CONFLICT` where somebody else wrote meanwhile: then it is looked at again */
export async function keepCertificates(
  options: CertificateKeeperOptions,
  signal: AbortSignal,
): Promise<WorkOutcome> {
  const { objects, place, authority, names, found, isPublished, notUnderstood, wallMs } = options;
  const secret = found();
  const material = materialOf(secret);
  if (secret !== undefined && material === null && !isOwnSecret(secret)) {
    notUnderstood(secret);
    return { againAfterMs: lookEveryMs };
  }
  const nowMs = wallMs();
  const isBundlePublished = material !== null && isPublished(material, nowMs);
  const next = await renewed(material, { authority, names, nowMs, isBundlePublished });
  if (next !== material) {
    const wanted = certificateSecret(place, next, secret);
    if (secret === undefined) await objects.create(secrets, wanted, { signal });
    else await objects.replace(secrets, wanted, { signal });
  }
  return { againAfterMs: lookEveryMs };
}
