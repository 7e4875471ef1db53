import { Metrics } from '@pgtape/process';
import { pino } from 'pino';
import { reelEvents } from './reelEvents.ts';
import { Health } from './vaultHealth.ts';
import { vaultMetrics } from './vaultMetrics.ts';
import type { VaultEntry } from './vaultReel.ts';

const a = '0a'.repeat(16);
const b = '0b'.repeat(16);

function made() {
  const entries: VaultEntry[] = [];
  const lines: string[] = [];
  const zero = () => 0;
  const metrics = vaultMetrics(new Metrics(), {
    inflightBytes: zero,
    reelsKnown: zero,
    forwardQueueBytes: zero,
    tailClients: zero,
    grants: zero,
    readBytes: zero,
    reelWaiting: zero,
    alerts: () => new Map(),
    reels: zero,
    skewMs: zero,
  });
  const events = reelEvents({
    reel: {
      append: (entry) => {
        entries.push(entry);
        return Promise.resolve({ seq: 1, line: '' });
      },
    },
    metrics,
    health: new Health({ now: zero, holdsLock: () => true, logFenced: () => false }),
    log: pino({ base: null, timestamp: false }, { write: (line) => lines.push(line) }),
    wallMs: () => 1000,
    now: zero,
    every: () => () => undefined,
  });
  return { ...events, entries, lines };
}

describe('reelEvents', () => {
  it('writes down what was quarantined, and raises an alert once for each reel', () => {
    const { receiver, alerts, entries } = made();
    receiver.quarantined(a, 3, 'quarantine/x', 'other bytes');
    receiver.quarantined(a, 3, 'quarantine/x', 'other bytes');
    receiver.quarantined(a, 4, 'quarantine/y', 'other bytes');
    receiver.quarantineFull(b, 1, 'other bytes');
    receiver.quarantineFull(b, 2, 'other bytes');
    const kept = { kind: 'quarantine', of_reel: a, detail: 'other bytes' };
    const raised = { kind: 'alert', state: 'raised', reason: 'forged' };
    expect(entries).toEqual([
      { ...kept, segment: 3, object: 'quarantine/x' },
      { ...raised, of_reel: a, detail: 'segment 3: other bytes' },
      { ...kept, segment: 4, object: 'quarantine/y' },
      { ...kept, of_reel: b, segment: 1, object: '' },
      { ...raised, of_reel: b, detail: 'segment 1: other bytes' },
    ]);
    expect([...alerts.counts()]).toEqual([['forged', 2]]);
  });

  it('tells an alert when it begins and when it is over, and no more often', () => {
    const { alerts, entries, lines } = made();
    alerts.raise('reel_silent', 'for 60 s', a);
    alerts.raise('reel_silent', 'for 90 s', a);
    alerts.raise('reel_silent', 'for 60 s', b);
    alerts.resume('forged', 'as before');
    expect(alerts.list()).toEqual([
      { reason: 'reel_silent', reel: a, detail: 'for 60 s', since: 1000 },
      { reason: 'reel_silent', reel: b, detail: 'for 60 s', since: 1000 },
      { reason: 'forged', detail: 'as before', since: 1000 },
    ]);
    alerts.clear('reel_silent', a);
    alerts.clear('reel_silent', a);
    alerts.clear('forged');
    const about = { kind: 'alert', reason: 'reel_silent', detail: 'for 60 s' };
    expect(entries).toEqual([
      { ...about, state: 'raised', of_reel: a },
      { ...about, state: 'raised', of_reel: b },
      { ...about, state: 'cleared', of_reel: a },
      { kind: 'alert', state: 'cleared', reason: 'forged', detail: 'as before' },
    ]);
    expect(lines.map((line) => JSON.parse(line).msg)).toEqual([
      'alert',
      'alert',
      'the alert is over',
      'the alert is over',
    ]);
  });
});
