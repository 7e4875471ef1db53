import { RECENT_BYPASSES_MAX } from './formatNumbers.ts';
import { RecorderStatus } from './recorderStatus.ts';

const at = '2026-11-27T04:00:00.000Z';
const bypass = { pid: 7, user: 'root', database: 'orders', address: '', application: 'psql', at };
const status: RecorderStatus = {
  version: '0.1.0',
  reel: '0'.repeat(32),
  database: 'shop/orders',
  configHash: '0123456789abcdef',
  startedAt: at,
  recorderStarts: 1,
  capture: { mode: 'AddressSwap', achieved: true, reason: null, listeners: ['10.0.0.7:5432'], others: [] },
  tls: { matched: null, reason: null },
  coverage: {
    state: 'measured',
    reason: null,
    seen: 10,
    recorded: 9,
    bypasses: 1,
    at,
    recent: [bypass],
  },
  vault: { lagSeconds: 0.5, pendingSegments: 1, acknowledgedAt: at, reason: null },
  spool: { full: null },
  sessions: { open: 2, recorded: 9 },
};

describe('RecorderStatus', () => {
  it('takes what a newer recorder says beside, and leaves it out', () => {
    expect(RecorderStatus.parse({ ...status, newer: 1 })).toEqual(status);
  });

  it('takes what a recorder says of its own endpoint', () => {
    const health = { reason: 'health_port_taken', absentSeconds: 12.5 };
    expect(RecorderStatus.parse({ ...status, health })).toEqual({ ...status, health });
  });

  it.each<[string, object]>([
    ['a negative time', { health: { reason: null, absentSeconds: -1 } }],
    ['a reason in words', { tls: { matched: false, reason: 'No certificate' } }],
    ['a negative count', { coverage: { ...status.coverage, bypasses: -1 } }],
    ['a local time', { startedAt: '2026-11-27T04:00:00' }],
    [
      'more bypasses than it may name',
      { coverage: { ...status.coverage, recent: Array(RECENT_BYPASSES_MAX + 1).fill(bypass) } },
    ],
  ])('refuses %s', (_, over) => {
    expect(RecorderStatus.safeParse({ ...status, ...over }).success).toBe(false);
  });
});
