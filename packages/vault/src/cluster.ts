/** Owns how the vault gets to a Kubernetes API server, where its configuration needs one. Refuses to ask it anything. */
import { KubeConnection, KubeObjects, kubeConfigAccess, ordinaryLimits } from '@pgtape/kube';
import type { VaultConfig } from './config.ts';
import { asksCluster } from './httpParts.ts';
import { VaultError } from './vaultError.ts';

export interface Cluster {
  readonly connection: KubeConnection;
  readonly objects: KubeObjects;
  close(): void;
}

/** Less than a recorder waits for an answer. */
const LONGEST_MS = 5000;

/** @throws VaultError `KUBERNETES` where there is no usable configuration; whether the server answers is not tried */
export async function openCluster({ kubeconfig, context }: VaultConfig['kubernetes']): Promise<Cluster> {
  try {
    const access = await kubeConfigAccess({
      ...(kubeconfig === undefined ? {} : { kubeconfig }),
      ...(context === undefined ? {} : { context }),
    });
    const connection = new KubeConnection(access, { ...ordinaryLimits, requestMs: LONGEST_MS });
    return { connection, objects: new KubeObjects(connection), close: () => connection.close() };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new VaultError('KUBERNETES', `the API server cannot be reached this way: ${why}`, error);
  }
}

/** Whether anything in the configuration is asked of an API server. */
export function needsCluster({
  enrolment,
  http,
  published,
}: Pick<VaultConfig, 'enrolment' | 'http' | 'published'>): boolean {
  return enrolment.kubernetes !== undefined || published !== undefined || asksCluster(http);
}
