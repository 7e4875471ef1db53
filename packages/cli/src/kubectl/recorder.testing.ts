/** A recorder's word as a healthy one says it, for tests to change. */
import { RecorderStatus } from '@pgtape/evidence';
import type { RecorderWord } from './recorderReading.ts';

export function recorderStatus(more: Partial<RecorderStatus> = {}): RecorderStatus {
  return RecorderStatus.parse({
    version: '0.1.0',
    reel: '3f9ac01d77e2b415',
    database: 'shop/orders',
    configHash: '0123456789abcdef',
    startedAt: '2026-11-20T10:00:00Z',
    recorderStarts: 1,
    capture: {
      mode: 'AddressSwap',
      achieved: true,
      reason: null,
      listeners: ['10.0.0.7:5432', '127.0.0.1:5432'],
      others: [],
    },
    tls: { matched: true, reason: null },
    coverage: {
      state: 'measured',
      reason: null,
      seen: 10,
      recorded: 10,
      bypasses: 0,
      at: '2026-11-20T10:05:00Z',
      recent: [],
    },
    vault: { lagSeconds: 1.4, pendingSegments: 0, acknowledgedAt: '2026-11-20T10:05:00Z', reason: null },
    spool: { full: null },
    sessions: { open: 2, recorded: 10 },
    ...more,
  });
}

export function said(more: Partial<RecorderStatus> = {}): RecorderWord {
  return { kind: 'said', status: recorderStatus(more) };
}
