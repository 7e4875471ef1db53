/** Series as a Prometheus that scrapes the chart's Services has them, in the notation of `promtool test rules`, a sample a minute; and what a case of an alert is. */

export type SeriesByName = Readonly<Record<string, string>>;

export interface AlertCase {
  readonly alert: string;
  readonly name: string;
  /** Instead of, or beside, what is healthy. */
  readonly series: SeriesByName;
  /** Minutes: the last that it is quiet at, and one that it fires at; null: it never fires. */
  readonly quietAt: number;
  readonly firesAt: number | null;
  readonly labels?: Readonly<Record<string, string>>;
  readonly summary?: string;
  readonly description?: string;
}

const from = (component: string, pod = 'a'): string =>
  `job="pgtape-${component}",namespace="pgtape-system",pod="${pod}"`;
export const webhookA = from('webhook');
export const webhookB = from('webhook', 'b');
export const leader = from('controller');
export const standby = from('controller', 'b');
export const vault = from('vault');
export const orders = 'database="shop/orders"';

export const up = (labels: string): string => `up{${labels}}`;
export const operator = (name: string, labels: string): string => `pgtape_operator_${name}{${labels}}`;
export const ofVault = (name: string, more = ''): string =>
  `pgtape_vault_${name}{${vault}${more === '' ? '' : `,${more}`}}`;
export const answers = (le: string): string =>
  operator('webhook_duration_seconds_bucket', `${webhookA},outcome="injected",le="${le}"`);

/** The notation repeats numbers only. */
export const unknown = Array(121).fill('NaN').join(' ');

/** Two hours in which all is well: two replicas each, one database, a vault. */
export const healthy: SeriesByName = {
  [up(webhookA)]: '1x120',
  [up(webhookB)]: '1x120',
  [up(leader)]: '1x120',
  [up(vault)]: '1x120',
  [operator('leading', leader)]: '1x120',
  [operator('leading', standby)]: '0x120',
  [operator('injected_pods', `${leader},${orders}`)]: '2x120',
  [operator('injected_pods', `${standby},${orders}`)]: '2x120',
  [operator('captured_pods', `${leader},${orders}`)]: '2x120',
  [operator('uncovered_pods', `${leader},${orders}`)]: '0x120',
  [operator('bypasses_total', `${leader},${orders}`)]: '0x120',
  [operator('bypasses_total', `${standby},${orders}`)]: '7x120',
  [operator('evidence_lag_seconds', `${leader},${orders}`)]: '0 4 12 3 300x116',
  [operator('coverage_ratio', `${leader},${orders}`)]: '1x60 0.99x60',
  [operator('reconciles_total', `${leader},outcome="done"`)]: '0+9x120',
  // What failed once, and once more while an API server was restarted.
  [operator('reconciles_total', `${leader},outcome="failed"`)]: '4x60 6x59',
  [operator('watch_age_seconds', `${leader},resource="pods"`)]: '5x60 900x60',
  [operator('webhook_certificate_expiry_seconds', webhookA)]: '7776000-60x120',
  [operator('webhook_certificate_expiry_seconds', webhookB)]: unknown,
  [operator('vault_certificate_expiry_seconds', leader)]: '7776000-60x120',
  [operator('secret_problems_total', `${leader},reason="LogKeyLost"`)]: '3x120',
  [answers('0.1')]: '0+99x120',
  [answers('1')]: '0+100x120',
  [answers('+Inf')]: '0+100x120',
  [ofVault('alerts', 'reason="reel_silent"')]: '0x120',
  [ofVault('alerts', 'reason="forged"')]: '0x120',
  [ofVault('requests_refused_total', 'reason="out_of_order"')]: '5x120',
  [ofVault('log_checkpoint_age_seconds')]: '4x60 4000x60',
  [ofVault('log_pending')]: '1x59 0x60',
  [ofVault('witness_failures_total', 'reason="timeout"')]: '2x120',
  [ofVault('forward_dropped_total', 'reason="forward_queue_full"')]: '900x120',
};
