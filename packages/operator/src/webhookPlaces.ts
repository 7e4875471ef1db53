/** Owns where the API server finds the webhook, as the configuration says it. Pure. */
import type { OperatorConfig } from './operatorConfig.ts';
import { bundleOf, type WebhookMaterial } from './webhookCertificates.ts';
import type { WebhookPlan } from './webhookConfiguration.ts';

/** DNS names and addresses that its certificate must have. */
export function webhookNames({ namespace, webhook }: OperatorConfig): string[] {
  if (webhook.url !== undefined) return [new URL(webhook.url).hostname.replace(/^\[(.*)\]$/, '$1')];
  const name = `${webhook.service}.${namespace}.svc`;
  return [name, `${name}.cluster.local`];
}

export function webhookPlan(
  { namespace, webhook, serviceAccounts }: OperatorConfig,
  material: WebhookMaterial,
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
