/** Places and numbers inside a pod that the recorder's container and its configuration agree on. */

/** Numeric, because images of others know no name of ours. */
export const RECORDER_UID = 65_532;
/** Where the recorder listens in modes that leave PostgreSQL's port alone. */
export const RECORDER_PORT = 6432;
export const leavesPortAlone = (mode: string): boolean => mode === 'NamedPort' || mode === 'Service';
export const HEALTH_PORT = 7418;

export const paths = {
  config: '/etc/pgtape/config',
  fallback: '/etc/pgtape/pod',
  tls: '/etc/pgtape/tls',
  upstreamCa: '/etc/pgtape/upstream',
  coverage: '/etc/pgtape/coverage',
  vault: '/var/run/pgtape/vault',
  journal: '/var/lib/pgtape/journal',
  outbox: '/var/lib/pgtape/outbox',
} as const;
