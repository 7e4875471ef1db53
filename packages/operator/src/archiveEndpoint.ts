/**
 * Owns where the evidence of an archive is sent, and by which authority its vault is known. Never to a vault that serves another:
 * archives are kept apart. Pure.
 */
import type { KubeObject } from '@pgtape/kube';
import { z } from 'zod';
import { serverUrl } from './recordingArchive.ts';
import { certificatesIn } from './secretText.ts';

/** What the operator was told of the vault of its own release. */
export interface ReleaseVault {
  readonly archive: string;
  /** OTLP/gRPC. */
  readonly url: string;
  /** What recorders know it by; both absent: nothing the operator was told. */
  readonly caSecret?: string | undefined;
  readonly caFile?: string | undefined;
}

const Served = z.looseObject({ endpoint: serverUrl });

/**
 * Nothing answers there, by RFC 6761: evidence waits in the outbox. A recorder without a vault would not start to record.
 */
export const NOT_SERVED_URL = 'https://not-served.invalid:4317';

/** OTLP/gRPC; null: no vault serves it. */
export function archiveEndpoint(
  name: string,
  archive: KubeObject | undefined,
  release: ReleaseVault,
): string | null {
  const parsed = Served.safeParse(archive?.status);
  if (parsed.success) return parsed.data.endpoint;
  return name === release.archive ? release.url : null;
}

const Known = z.looseObject({ caBundle: z.string() });

/**
 * PEM that the vault of an archive says it is known by; null: by the authority that the operator was told, always so for the
 * archive of its own release, where the status is only somebody's word.
 */
export function archiveAuthority(
  name: string,
  archive: KubeObject | undefined,
  { archive: own, caSecret, caFile }: ReleaseVault,
): string | null {
  if (name === own && (caSecret !== undefined || caFile !== undefined)) return null;
  const bundle = certificatesIn(Known.safeParse(archive?.status).data?.caBundle ?? '').join('');
  return bundle === '' ? null : bundle;
}
