/** Owns where the API server finds the webhook, and recorders the vault, as the configuration says it. Pure. */

import { bundleOf, type CertificateMaterial } from './certificateMaterial.ts';
import type { OperatorConfig } from './operatorConfig.ts';
import type { WebhookPlan } from './webhookConfiguration.ts';

/** DNS names and addresses that its certificate must have. */
export function webhookNames({ namespace, webhook }: OperatorConfig): string[] {
  if (webhook.url !== undefined) return [new URL(webhook.url).hostname.replace(/^\[(.*)\]$/, '$1')];
  const name = `${webhook.service}.${namespace}.svc`;
  return [name, `${name}.cluster.local`];
}

/** DNS names that the vault's certificate must have. */
export function vaultNames({ namespace, vault }: OperatorConfig): string[] {
  const name = `${vault.service}.${namespace}`;
  return [vault.service, name, `${name}.svc`, `${name}.svc.cluster.local`];
}

export function webhookPlan(
  { namespace, webhook, serviceAccounts }: OperatorConfig,
  material: CertificateMaterial,
  owner: { readonly name: string; readonly uid: string } | null,
): WebhookPlan {
  return {
    client:
      webhook.url === undefined
        ? { service: { namespace, name: webhook.service, port: webhook.servicePort } }
        : { url: webhook.url.replace(/\/$/, '') },
    caBundle: bundleOf(material),
    ownServiceAccounts: serviceAccounts.map((name) => ({ namespace, name })),
    ...(owner === null ? {} : { owner }),
  };
}
