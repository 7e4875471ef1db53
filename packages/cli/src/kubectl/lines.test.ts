/** What status, coverage, bypasses and uninject say, of what was read. */

import { FakeIo } from '../fakeIo.testing.ts';
import { paintFor } from '../paint.ts';
import { bypassesOf, together } from './bypassesCommand.ts';
import { databaseLine } from './clusterStatusCommand.ts';
import { problemsOf } from './conditionAct.ts';
import { coverageLine, coverageText } from './coverageCommand.ts';
import { type ConditionView, databaseView } from './recordedDatabases.ts';
import { recorderStatus, said } from './recorder.testing.ts';
import { uninjectionText } from './uninjectCommand.ts';

const condition = (text: string): ConditionView => {
  const [type = '', status = '', reason = ''] = text.split(/[=/]/);
  return { type, status: status as ConditionView['status'], reason, message: `${reason} it is` };
};
const database = (...conditions: string[]) =>
  databaseView({
    apiVersion: 'pgtape.dev/v1alpha1',
    kind: 'RecordedDatabase',
    metadata: { name: 'orders', namespace: 'shop' },
    spec: { selector: { matchLabels: { app: 'orders' } }, archiveRef: 'audit' },
    status: {
      coverage: '99.8%',
      bypasses: 2,
      lagSeconds: 4,
      mode: 'AddressSwap',
      of: 'a newer operator',
      conditions: conditions.map(condition),
    },
  });

describe('problemsOf', () => {
  it.each<[string[], string[]]>([
    [['Ready=True/Injected', 'Captured=Unknown/NotMeasured'], []],
    [['Ready=True/Injected', 'BypassFree=Unknown/NoCredentials'], []],
    [['Ready=False/NotFound', 'ArchiveFound=False/NotFound'], ['ArchiveFound: archive']],
    [['Ready=False/NewWord', 'ArchiveFound=False/NewWord'], ['ArchiveFound: pgtape']],
    [['Ready=False/Unmanaged'], ['Ready: database']],
    [['Guarded=False/Unsupported'], ['Guarded: cluster']],
    [['Guarded=False/GuardNotWritten'], ['Guarded: pgtape']],
    [['InjectorAvailable=Unknown/NotProbed', 'UpToDate=Unknown/NoPods', 'TLSMatched=Unknown/NotKnown'], []],
    [['Injected=Unknown/NoPods'], ['Injected: nobody']],
    [['Ready=True/PartlyCaptured', 'Captured=False/PodAddressAnswers'], ['Captured: database']],
    [['UpToDate=False/Evicting'], ['UpToDate: nobody']],
    [
      ['Injected=False/RestartRequired', 'InSync=False/RestartRequired'],
      ['Injected: database', 'InSync: database'],
    ],
    [['Novel=False/Whatever'], ['Novel: pgtape']],
  ])('of %j are %j', (conditions, problems) => {
    expect(problemsOf(conditions.map(condition)).map(({ type, act }) => `${type}: ${act}`)).toEqual(problems);
  });
});

describe('databaseLine', () => {
  it.each([
    ['all well', ['Ready=True/Injected'], { well: true, ready: 'True', problems: [] }],
    ['Ready, as asked', ['Ready=True/PartlyCaptured', 'Captured=False/PodAddressAnswers'], { well: true }],
    ['never looked at', [], { well: false, problems: [{ reason: 'NotReconciled', act: 'pgtape' }] }],
  ])('%s', (_, conditions, line) => {
    expect(databaseLine(database(...conditions))).toMatchObject({
      ...line,
      namespace: 'shop',
      name: 'orders',
      coverage: '99.8%',
      bypasses: 2,
      lag_seconds: 4,
    });
  });

  it('survives a status and a spec of another shape', () => {
    const odd = databaseView({
      apiVersion: 'pgtape.dev/v1alpha1',
      kind: 'RecordedDatabase',
      metadata: { name: 'orders', namespace: 'shop' },
      spec: 7,
      status: { conditions: 'none' },
    });
    expect(databaseLine(odd)).toMatchObject({ well: false, ready: 'Unknown', coverage: 'Unknown' });
  });
});

describe('coverageText', () => {
  it.each([
    [0, 0, 'NoSessions'],
    [10, 10, '100%'],
    [999_999, 1_000_000, '99.9%'],
    [1, 3, '33.3%'],
    [0, 5, '0%'],
  ])('%d of %d is %s', (recorded, seen, text) => {
    expect(coverageText(recorded, seen)).toBe(text);
  });
});

describe('coverageLine', () => {
  const pod = { name: 'orders-0', restart: 'kubectl rollout restart -n shop statefulset/orders' };
  const line = (word: Parameters<typeof coverageLine>[2]) =>
    coverageLine({ namespace: 'shop', name: 'orders' }, pod, word);

  it('of a healthy recorder', () => {
    expect(line(said())).toEqual({
      namespace: 'shop',
      database: 'orders',
      pod: 'orders-0',
      recorder: true,
      mode: 'AddressSwap',
      captured: true,
      sessions: 10,
      seen: 10,
      bypasses: 0,
      coverage: '100%',
      lag_seconds: 1,
      note: '',
    });
  });

  const { coverage, capture, vault } = recorderStatus();
  it.each([
    ['no recorder', null, { recorder: false, captured: false, note: `no recorder; ${pod.restart}` }],
    [
      'a silent one',
      { kind: 'silent', why: 'not_allowed', detail: 'x' } as const,
      { recorder: true, captured: null, coverage: 'Unknown', note: 'not_allowed: x' },
    ],
    [
      'no credentials: Unknown, never 100%',
      said({ coverage: { ...coverage, state: 'no_credentials', seen: 0, recorded: 0, at: null } }),
      { coverage: 'Unknown', seen: null, bypasses: null, sessions: 10, note: 'no_credentials' },
    ],
    [
      'another listener',
      said({ capture: { ...capture, achieved: false, reason: 'other_listener', others: ['[::1]:5432'] } }),
      { captured: false, note: 'not captured: other_listener ([::1]:5432)' },
    ],
    [
      'a mode that leaves the address open',
      said({
        capture: { ...capture, mode: 'Service', reason: 'pod_address_open', others: ['10.0.0.7:5432'] },
      }),
      { captured: true, note: 'pod_address_open (10.0.0.7:5432)' },
    ],
    [
      'a vault that does not answer',
      said({ vault: { ...vault, reason: 'unreachable', lagSeconds: 90 } }),
      { lag_seconds: 90, note: 'vault: unreachable' },
    ],
  ])('%s', (_, word, wanted) => {
    expect(line(word)).toMatchObject(wanted);
  });
});

describe('bypasses', () => {
  const place = { namespace: 'shop', recorded_database: 'orders', pod: 'orders-0' };
  const seen = (at: string) => ({
    pid: 71,
    user: 'eve',
    database: 'shop',
    address: '',
    application: 'psql',
    at,
  });
  const { coverage } = recorderStatus();

  it('are named newest first, and counted beyond the named', () => {
    const parts = ['2026-11-20T10:00:00Z', '2026-11-20T11:00:00Z'].map((at) =>
      bypassesOf(place, said({ coverage: { ...coverage, bypasses: 2, recent: [seen(at)] } })),
    );
    const { bypasses, counted, unknown } = together(parts);
    expect(bypasses.map(({ at }) => at)).toEqual(['2026-11-20T11:00:00Z', '2026-11-20T10:00:00Z']);
    expect([counted, unknown]).toEqual([4, []]);
  });

  it.each([
    ['no recorder', null, 'no recorder'],
    ['no credentials', said({ coverage: { ...coverage, state: 'no_credentials' } }), /credentialsRef/],
    ['failed', said({ coverage: { ...coverage, state: 'failed', reason: 'no_grant' } }), /no_grant/],
    ['silent', { kind: 'silent', why: 'no_answer', detail: 'x' } as const, /7418/],
  ])('%s is not taken for none', (_, word, why) => {
    const { unknown } = bypassesOf(place, word);
    expect(unknown).toEqual([{ ...place, why: expect.stringMatching(why) }]);
  });
});

describe('uninjectionText', () => {
  const io = new FakeIo();
  const paint = paintFor(io, io.out, true);
  const left = { namespace: 'shop', name: 'orders', pods: ['orders-0'], commands: ['kubectl restart it'] };

  it.each([
    ['unmanage', false, /would be managementState: Unmanaged[\s\S]*\$ kubectl restart it[\s\S]*--yes/],
    ['unmanage', true, /is managementState: Unmanaged\.\nStill[\s\S]*\$ kubectl restart it\n$/],
    ['delete', true, /is deleted/],
    ['delete', false, /would be deleted/],
    ['none', false, /already[\s\S]*restart it\n$/],
  ] as const)('%s, done: %s', (action, done, says) => {
    expect(uninjectionText({ ...left, action, done }, paint)).toMatch(says);
  });

  it('says when no pod is left', () => {
    const text = uninjectionText({ ...left, pods: [], commands: [], action: 'delete', done: true }, paint);
    expect(text).toBe('RecordedDatabase shop/orders is deleted.\nNo pod has a recorder.\n');
  });
});
