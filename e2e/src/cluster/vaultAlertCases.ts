/** For each alert over the vault's metrics: the series that it is for, and what it says then. */
import { type AlertCase, ofVault, up, vault } from './alertSeries.ts';

const unpublished = (duration: string) => ({
  labels: { severity: 'warning' },
  summary: `The log has not been published for ${duration}`,
  description: 'What was stored meanwhile has no published proof yet.',
});

export const vaultAlertCases: readonly AlertCase[] = [
  {
    alert: 'PgtapeVaultDown',
    name: 'it does not answer',
    series: { [up(vault)]: '1x9 0x110' },
    quietAt: 14,
    firesAt: 15,
    labels: { severity: 'critical' },
    summary: 'The vault does not answer',
    description:
      'Recorders keep what they seal until their spool is full; then they do what spool.onFull says.',
  },
  {
    alert: 'PgtapeVaultAlert',
    name: 'a silent reel',
    series: { [ofVault('alerts', 'reason="reel_silent"')]: '0x9 2x110' },
    quietAt: 9,
    firesAt: 10,
    labels: { reason: 'reel_silent', severity: 'warning' },
    summary: 'The vault says reel_silent',
    description: 'docs/alerts.md says for each reason what to do.',
  },
  {
    alert: 'PgtapeVaultAlert',
    name: 'what is an alert of its own',
    series: { [ofVault('alerts', 'reason="forged"')]: '1x120' },
    quietAt: 120,
    firesAt: null,
  },
  ...['forged', 'worm', 'log_fenced'].map((reason) => ({
    alert: 'PgtapeEvidenceAlert',
    name: reason,
    series: { [ofVault('alerts', `reason="${reason}"`)]: '0x9 1x110' },
    quietAt: 9,
    firesAt: 10,
    labels: { reason, severity: 'critical' },
    summary: `The vault says ${reason}`,
    description: 'Evidence contradicts itself, or the store does not keep what it must.',
  })),
  {
    alert: 'PgtapeVaultRefuses',
    name: 'again and again',
    series: { [ofVault('requests_refused_total', 'reason="not_enrolled"')]: '_x9 1+2x110' },
    quietAt: 19,
    firesAt: 20,
    labels: { reason: 'not_enrolled', severity: 'warning' },
    summary: 'The vault refuses what recorders send: not_enrolled',
    description: "It is sent again until it is taken; meanwhile it lies in the recorders' spools.",
  },
  {
    alert: 'PgtapeLogNotPublished',
    name: 'leaves wait',
    series: { [ofVault('log_pending')]: '0x9 3x110', [ofVault('log_checkpoint_age_seconds')]: '0+60x120' },
    quietAt: 14,
    firesAt: 15,
    ...unpublished('15m 0s'),
  },
  {
    alert: 'PgtapeWitnessFails',
    name: 'for an hour',
    series: { [ofVault('witness_failures_total', 'reason="unreachable"')]: '_x9 1+1x110' },
    quietAt: 39,
    firesAt: 45,
    labels: { reason: 'unreachable', severity: 'warning' },
    summary: 'A witness does not cosign: unreachable',
    description: 'Checkpoints are published without it.',
  },
  {
    alert: 'PgtapeViewsDropped',
    name: 'as they come',
    series: { [ofVault('forward_dropped_total', 'reason="forward_queue_full"')]: '900x9 901+4x110' },
    quietAt: 24,
    firesAt: 30,
    labels: { reason: 'forward_queue_full', severity: 'info' },
    summary: 'Views did not reach the tracing backend: forward_queue_full',
    description: 'Traces are missing there; evidence is not.',
  },
];
