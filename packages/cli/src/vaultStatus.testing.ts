/** What a vault without recorders and without trouble answers to `/v1/status`. */
import type { VaultStatus } from '@pgtape/vault';

export const well: VaultStatus = {
  ready: true,
  reasons: [],
  name: 'main',
  archive: { store: '/srv/archive', lock: 'none', tamper_evident_only: true, probe: [], retention: false },
  holds_lock: true,
  holds: { active: 0, enforced: false },
  log: {
    origin: 'example.test/log',
    size: 2,
    pending: 0,
    checkpoint_at: '2026-11-27T01:00:00.000Z',
    checkpoint_age_ms: 4000,
    vkey: null,
    fenced: false,
  },
  own_reel: { waiting: 0 },
  reels: { open: 0, silent: 0, crashed: 0, list: [], more: 0 },
  alerts: [],
  otlp: { host: '127.0.0.1', port: 4317 },
  receive: { inflight_bytes: 0, reels_known: 0 },
  forward: null,
  tail: { clients: 0 },
};
