import { segmentSight } from './recordedBypasses.ts';

const opened = JSON.stringify({ v: 1, kind: 'reel_opened', name: 'shop/orders' });
const bypass = (more: object = {}): string =>
  JSON.stringify({
    v: 1,
    at: '1795000000123000000',
    kind: 'bypass',
    how: 'activity',
    sessions: 1,
    pid: 71,
    user: 'eve',
    database: 'shop',
    address: '',
    port: 0,
    application: 'psql',
    started: '1795000000000000000',
    ...more,
  });

describe('segmentSight', () => {
  it('of a reel’s beginning has the recorder’s name and the bypasses', () => {
    expect(segmentSight(`{"v":1}\n${opened}\n${bypass()}\n{"kind":"statement","sql":"x"}\n`)).toEqual({
      name: 'shop/orders',
      bypasses: [
        {
          at: new Date(1_795_000_000_123).toISOString(),
          how: 'activity',
          sessions: 1,
          pid: 71,
          user: 'eve',
          database: 'shop',
          address: '',
          application: 'psql',
        },
      ],
    });
  });

  it('takes no text for a record, and passes over what it does not understand', () => {
    const quoted = JSON.stringify({ kind: 'statement', sql: bypass() });
    expect(segmentSight(`${quoted}\n${bypass({ pid: 'x' })}`)).toEqual({ name: null, bypasses: [] });
  });
});
