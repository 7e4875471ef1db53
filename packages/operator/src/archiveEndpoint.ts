/** Owns where the evidence of an archive is sent. Never to a vault that serves another: archives are kept apart. Pure. */
import type { KubeObject } from '@pgtape/kube';
import { z } from 'zod';
import { serverUrl } from './recordingArchive.ts';

/** What the operator was told of the vault of its own release. */
export interface ReleaseVault {
  readonly archive: string;
  /** OTLP/gRPC. */
  readonly url: string;
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
