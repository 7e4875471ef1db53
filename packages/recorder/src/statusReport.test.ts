import { SealTimes } from './sealTimes.ts';
import { vaultOf } from './statusReport.ts';
import type { WorkerStats } from './workerPlan.ts';

const worker = (more: Partial<WorkerStats>): WorkerStats =>
  ({
    outboxSegments: 0,
    oldestSealedUs: null,
    acknowledgedUs: null,
    lastSendError: '',
    blockedReels: 0,
    ...more,
  }) as WorkerStats;

describe('vaultOf', () => {
  const nowUs = 1_800_000_010_000_000;
  it.each([
    { name: 'nothing waits', stats: worker({}), want: { lagSeconds: 0, pendingSegments: 0, reason: null } },
    {
      name: 'waits for ten seconds, and nothing is wrong',
      stats: worker({ outboxSegments: 2, oldestSealedUs: nowUs - 10_000_000 }),
      want: { lagSeconds: 10, pendingSegments: 2, reason: null },
    },
    {
      name: 'the vault cannot be reached',
      stats: worker({ outboxSegments: 1, oldestSealedUs: nowUs, lastSendError: 'UNAVAILABLE' }),
      want: { lagSeconds: 0, pendingSegments: 1, reason: 'vault_unreachable' },
    },
    {
      name: 'the vault refuses',
      stats: worker({ outboxSegments: 1, oldestSealedUs: nowUs, lastSendError: 'no', blockedReels: 1 }),
      want: { lagSeconds: 0, pendingSegments: 1, reason: 'vault_refuses' },
    },
  ])('$name', ({ stats, want }) => {
    expect(vaultOf({ worker: stats, workerRunning: true }, nowUs)).toEqual({ ...want, acknowledgedAt: null });
  });

  it('says when the worker is down', () => {
    expect(vaultOf({ worker: null, workerRunning: false }, nowUs).reason).toBe('worker_down');
  });
});

describe('SealTimes', () => {
  it('tells the oldest that waits, and when one was acknowledged', () => {
    const times = new SealTimes(1, 10);
    times.sealed(20);
    times.sealed(30);
    expect(times.look(3, 0, 40)).toEqual({ oldestSealedUs: 10, acknowledgedUs: null });
    expect(times.look(1, 2, 50)).toEqual({ oldestSealedUs: 30, acknowledgedUs: 50 });
    expect(times.look(0, 3, 60)).toEqual({ oldestSealedUs: null, acknowledgedUs: 60 });
    expect(times.look(0, 3, 70)).toEqual({ oldestSealedUs: null, acknowledgedUs: 60 });
  });
});
