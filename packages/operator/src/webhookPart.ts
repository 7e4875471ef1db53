/** Owns what a replica answers the API server with: the webhook, as far as this process knows the cluster. */

import { admissionAnswer } from './injector.ts';
import { injectorView } from './injectorView.ts';
import type { OperatorContext } from './operatorContext.ts';
import { WebhookEndpoint } from './webhookEndpoint.ts';

export function webhookPart(context: OperatorContext): WebhookEndpoint {
  const { config, server, watch, measured, log, clock, material } = context;
  const view = injectorView(context);
  return new WebhookEndpoint({
    host: config.webhook.host,
    port: config.webhook.port,
    material: () => (watch.unknown.length === 0 && server.facts !== null ? material() : null),
    decide: (path, request) => admissionAnswer(view, path, request),
    answered: (outcome, seconds) => measured.webhookSeconds.observe({ outcome }, seconds),
    failed: (error) => log.error({ problem: error.message }, 'webhook'),
    now: clock.monoMs,
  });
}
