/** Owns how the operator gets to its API server, and the file it reads at the start. */
import { readFileSync } from 'node:fs';
import { asError, KubeConnection, kubeConfigAccess } from '@pgtape/kube';
import type { OperatorConfig } from './operatorConfig.ts';

/**
 * - `OPERATOR_FILE`: a file of the configuration cannot be read;
 * - `OPERATOR_CLUSTER`: nothing says where the API server is.
 */
export class OperatorError extends Error {
  override readonly name = 'OperatorError';
  readonly code: 'OPERATOR_FILE' | 'OPERATOR_CLUSTER';

  constructor(code: OperatorError['code'], message: string, cause: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/** PEM of the vault's authority; '' where no file has it. @throws OperatorError `OPERATOR_FILE` */
export function vaultAuthority({ vault }: OperatorConfig): string {
  if (vault.caFile === undefined) return '';
  try {
    return readFileSync(vault.caFile, 'utf8');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unreadable';
    throw new OperatorError('OPERATOR_FILE', `cannot read vault.caFile ${vault.caFile} (${code})`, cause);
  }
}

/** Sends nothing yet. @throws OperatorError `OPERATOR_CLUSTER` */
export async function clusterConnection({
  kubeconfig,
  context,
}: OperatorConfig['kubernetes']): Promise<KubeConnection> {
  try {
    const access = await kubeConfigAccess({
      ...(kubeconfig === undefined ? {} : { kubeconfig }),
      ...(context === undefined ? {} : { context }),
    });
    return new KubeConnection(access);
  } catch (cause) {
    throw new OperatorError('OPERATOR_CLUSTER', asError(cause).message, cause);
  }
}
