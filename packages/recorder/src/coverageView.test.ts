import { CoverageView } from './coverageView.ts';

const view = (): CoverageView =>
  new CoverageView({ isConfigured: () => true, journal: () => undefined, onTrouble: () => undefined });

const polled = (recorded: number, open: number, isFirst: boolean) =>
  ({ state: 'measured', recorded, open, isFirst, bypassed: [] }) as const;

const bypassed = (sessions: number) =>
  ({ how: 'counted', sessions, backend: null, database: 'shop' }) as const;

describe('sessions from before anybody compared count as coverage', () => {
  it('does not claim what ended before the credentials came', () => {
    const one = view();
    one.told({ state: 'no_credentials', reason: 'no_credentials', detail: '' }, 0);
    // An hour of sessions, of which three are still there to be seen; whoever came past in that hour is not known.
    one.told(polled(5000, 3, true), 1e6);
    expect(one.facts).toMatchObject({ seen: 3, recorded: 3, bypasses: 0 });
    one.told({ ...polled(5010, 1, false), bypassed: [bypassed(10)] }, 2e6);
    expect(one.facts).toMatchObject({ seen: 23, recorded: 13, bypasses: 10 });
  });

  it('nor what ended while the evidence worker was away', () => {
    const one = view();
    one.told(polled(10, 10, true), 1e6);
    one.told(polled(20, 5, false), 2e6);
    one.told(polled(120, 5, true), 3e6);
    expect(one.facts).toMatchObject({ seen: 25, recorded: 25 });
  });

  it('counts the first sessions of a server that has just started', () => {
    const one = view();
    one.told({ state: 'failed', reason: 'unreachable', detail: '' }, 0);
    one.told(polled(3, 0, true), 1e6);
    expect(one.facts).toMatchObject({ seen: 3, recorded: 3 });
  });

  it('counts everything from the start where it was compared from the start', () => {
    const one = view();
    one.told(polled(0, 0, true), 1e6);
    one.told(polled(7, 0, false), 2e6);
    expect(one.facts).toMatchObject({ seen: 7, recorded: 7 });
  });
});
