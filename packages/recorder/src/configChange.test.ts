import { RecorderConfig } from './config.ts';
import { configChange } from './configChange.ts';

const base = { spool: { dir: '/spool' }, vault: { url: 'https://one:4317' } };
const running = RecorderConfig.parse(base);

describe('configChange', () => {
  it.each([
    { name: 'nothing', next: {}, changed: [], restartNeeded: [] },
    {
      name: 'what a full spool does',
      next: { failure: { onSpoolFull: 'refuse' } },
      changed: ['failure.onSpoolFull'],
      restartNeeded: [],
    },
    {
      name: 'another vault',
      next: { vault: { url: 'https://two:4317', caFile: '/ca' } },
      changed: ['vault.caFile', 'vault.url'],
      restartNeeded: [],
    },
    {
      name: 'lanes, trust, TLS, coverage',
      next: {
        rawLanes: ['10.0.0.0/8'],
        trustUpstream: true,
        upstream: { tls: { mode: 'require' } },
        coverage: { credentialsDir: '/c' },
      },
      changed: expect.arrayContaining([
        'rawLanes',
        'trustUpstream',
        'upstream.tls.mode',
        'coverage.credentialsDir',
      ]) as string[],
      restartNeeded: [],
    },
    {
      name: 'what only a start can change, beside what need not wait',
      next: { listen: { port: 6000 }, limits: { sqlBytesMax: 1000, sessionsMax: 5 }, name: 'other' },
      changed: ['limits.sessionsMax'],
      restartNeeded: ['limits.sqlBytesMax', 'listen.port', 'name'],
    },
  ])('$name', ({ next, changed, restartNeeded }) => {
    const change = configChange(running, RecorderConfig.parse({ ...base, ...next }));
    expect({ changed: change.changed, restartNeeded: change.restartNeeded }).toEqual({
      changed,
      restartNeeded,
    });
    // What is in force is the new one but for the keys that wait.
    const again = configChange(change.config, RecorderConfig.parse({ ...base, ...next }));
    expect(again.changed).toEqual([]);
    expect(again.restartNeeded).toEqual(restartNeeded);
  });
});
