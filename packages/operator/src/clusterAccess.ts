/** Owns how the operator gets to its API server, and the two questions it asks at the start. */
import { readFileSync } from 'node:fs';
import { KubeConnection, KubeObjects, kubeConfigAccess } from '@pgtape/kube';
import { problemText } from './applyObjects.ts';
import { clusterRoles } from './clusterResources.ts';
import type { OperatorConfig } from './operatorConfig.ts';

/**
 * - `OPERATOR_FILE`: a file of the configuration cannot be read;
 * - `OPERATOR_CLUSTER`: the API server, or the ClusterRole that owns, cannot be had.
 */
export class OperatorError extends Error {
  override readonly name = 'OperatorError';
  readonly code: 'OPERATOR_FILE' | 'OPERATOR_CLUSTER';

  constructor(code: OperatorError['code'], message: string, cause: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/** PEM of the vault's authority; '' where there is none. @throws OperatorError `OPERATOR_FILE` */
export function vaultAuthority({ vault }: OperatorConfig): string {
  if (vault.caFile === undefined) return '';
  try {
    return readFileSync(vault.caFile, 'utf8');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unreadable';
    throw new OperatorError('OPERATOR_FILE', `cannot read vault.caFile ${vault.caFile} (${code})`, cause);
  }
}

export interface ClusterAccess {
  readonly connection: KubeConnection;
  readonly objects: KubeObjects;
  readonly minorVersion: number;
  /** Of webhook and guards; null: none is configured. */
  readonly owner: { readonly name: string; readonly uid: string } | null;
}

/** @throws OperatorError `OPERATOR_CLUSTER` */
export async function clusterAccess(config: OperatorConfig): Promise<ClusterAccess> {
  const { kubeconfig, context } = config.kubernetes;
  const name = config.ownerClusterRole;
  try {
    const access = await kubeConfigAccess({
      ...(kubeconfig === undefined ? {} : { kubeconfig }),
      ...(context === undefined ? {} : { context }),
    });
    const connection = new KubeConnection(access);
    const objects = new KubeObjects(connection);
    const { minor } = (await connection.request({ method: 'GET', path: '/version' })) as { minor?: unknown };
    const role = name === undefined ? null : await objects.get(clusterRoles, { name });
    return {
      connection,
      objects,
      minorVersion: Number.parseInt(String(minor), 10),
      owner: role === null ? null : { name: role.metadata.name, uid: role.metadata.uid ?? '' },
    };
  } catch (cause) {
    throw new OperatorError('OPERATOR_CLUSTER', problemText(cause as Error), cause);
  }
}
