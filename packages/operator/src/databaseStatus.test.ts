import { Condition } from './apiFields.ts';
import { type DatabaseObservation, databaseVerdicts, statusFields } from './databaseStatus.ts';
import { conditionNotices } from './notices.ts';
import { coverageOf, databaseObject, databaseOf } from './recordedCluster.testing.ts';
import { conditionsFrom } from './statusConditions.ts';

const well: DatabaseObservation = {
  database: databaseOf(),
  pods: [coverageOf()],
  conflict: null,
  isArchiveThere: true,
  configHash: 'hash',
  writes: { configMap: '', webhook: '', guard: '' },
  canary: '',
  minorVersion: 36,
};

const summary = (over: Partial<DatabaseObservation>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(databaseVerdicts({ ...well, ...over })).map(([type, { status, reason }]) => [
      type,
      `${status}/${reason}`,
    ]),
  );

const allWell = {
  Ready: 'True/Injected',
  PolicyAccepted: 'True/Accepted',
  ArchiveFound: 'True/Found',
  InjectorAvailable: 'True/CanaryInjected',
  Injected: 'True/AllPods',
  InSync: 'True/Current',
  Captured: 'Unknown/NotMeasured',
  Guarded: 'True/Warning',
  BypassFree: 'Unknown/NotMeasured',
};
const bare = coverageOf({ name: 'orders-1', injected: false, configHash: '', recorderImage: '' });
const invalid = databaseOf({ spec: { archiveRef: 7 } });
const unmanaged = databaseOf({ spec: { managementState: 'Unmanaged' } });
const required = databaseOf({ spec: { enforcement: { admission: 'Required' } } });

describe('databaseVerdicts', () => {
  it.each<{ name: string; over: Partial<DatabaseObservation>; wanted: Record<string, string> }>([
    { name: 'all is well', over: {}, wanted: allWell },
    { name: 'required', over: { database: required }, wanted: { ...allWell, Guarded: 'True/Denying' } },
    {
      name: 'no pods',
      over: { pods: [] },
      wanted: {
        ...allWell,
        Ready: 'Unknown/NoPods',
        Injected: 'Unknown/NoPods',
        InSync: 'Unknown/NoRecorder',
      },
    },
    {
      name: 'a pod from before',
      over: { pods: [coverageOf(), bare] },
      wanted: { ...allWell, Ready: 'False/RestartRequired', Injected: 'False/RestartRequired' },
    },
    {
      name: 'a pod with an older configuration',
      over: { pods: [coverageOf({ configHash: 'older' })] },
      wanted: { ...allWell, Ready: 'False/RestartRequired', InSync: 'False/RestartRequired' },
    },
    {
      name: 'no archive',
      over: { isArchiveThere: false },
      wanted: { ...allWell, Ready: 'False/NotFound', ArchiveFound: 'False/NotFound' },
    },
    {
      name: 'an older database with the same pods',
      over: { conflict: { with: 'shop/first', pods: ['orders-0'] } },
      wanted: { ...allWell, Ready: 'False/SelectorConflict', PolicyAccepted: 'False/SelectorConflict' },
    },
    {
      name: 'webhook not written',
      over: { writes: { ...well.writes, webhook: 'no right' } },
      wanted: { ...allWell, Ready: 'False/WebhookNotWritten', InjectorAvailable: 'False/WebhookNotWritten' },
    },
    {
      name: 'canary not tried',
      over: { canary: null },
      wanted: { ...allWell, Ready: 'Unknown/NotProbed', InjectorAvailable: 'Unknown/NotProbed' },
    },
    {
      name: 'canary bare',
      over: { canary: 'came back bare' },
      wanted: { ...allWell, Ready: 'False/CanaryNotInjected', InjectorAvailable: 'False/CanaryNotInjected' },
    },
    {
      name: 'guard not written',
      over: { writes: { ...well.writes, guard: 'no right' } },
      wanted: { ...allWell, Ready: 'False/GuardNotWritten', Guarded: 'False/GuardNotWritten' },
    },
    {
      name: 'configuration not written',
      over: { writes: { ...well.writes, configMap: 'no right' } },
      wanted: { ...allWell, Ready: 'False/ConfigNotWritten', InSync: 'False/ConfigNotWritten' },
    },
    {
      name: 'a cluster without guards',
      over: { minorVersion: 29 },
      wanted: { ...allWell, Ready: 'False/Unsupported', Guarded: 'False/Unsupported' },
    },
    {
      name: 'not understood',
      over: { database: invalid },
      wanted: {
        Ready: 'False/Invalid',
        PolicyAccepted: 'False/Invalid',
        InjectorAvailable: 'False/Invalid',
        Guarded: 'False/Invalid',
      },
    },
    {
      name: 'not managed',
      over: { database: unmanaged },
      wanted: {
        Ready: 'False/Unmanaged',
        PolicyAccepted: 'True/Unmanaged',
        InjectorAvailable: 'False/Unmanaged',
        Guarded: 'False/Unmanaged',
      },
    },
  ])('$name', ({ over, wanted }) => {
    expect(summary(over)).toEqual(wanted);
  });

  it('names the pods and what their owner does', () => {
    const { Injected } = databaseVerdicts({ ...well, pods: [bare] });
    expect(Injected?.message).toBe(
      'without a recorder: orders-1; kubectl rollout restart -n shop statefulset/orders',
    );
  });

  it('makes conditions that the schema takes', () => {
    const conditions = conditionsFrom(databaseVerdicts(well), [], 1, '2026-11-27T00:00:00Z');
    expect(conditions.map((one) => Condition.parse(one))).toEqual(conditions);
  });
});

describe('statusFields', () => {
  it('lists pods by name, with what is known of each', () => {
    expect(statusFields({ ...well, pods: [bare, coverageOf()] })).toEqual({
      observedGeneration: 1,
      coverage: 'Unknown',
      pods: [
        { name: 'orders-0', uid: 'uid-orders-0', injected: true, recorderImage: 'image', configHash: 'hash' },
        { name: 'orders-1', uid: 'uid-orders-0', injected: false },
      ],
    });
  });
});

describe('conditionsFrom', () => {
  const verdicts = (status: 'True' | 'False', reason: string) => ({
    Injected: { status, reason, message: 'm' },
  });
  it('keeps the time of the last transition while the status stays', () => {
    const first = conditionsFrom(verdicts('False', 'A'), [], 1, 't1');
    const second = conditionsFrom(verdicts('False', 'B'), first, 2, 't2');
    const third = conditionsFrom(verdicts('True', 'C'), second, 2, 't3');
    expect([first, second, third].map(([one]) => [one?.lastTransitionTime, one?.observedGeneration])).toEqual(
      [
        ['t1', 1],
        ['t1', 2],
        ['t3', 2],
      ],
    );
  });
});

describe('conditionNotices', () => {
  const conditions = (
    status: 'True' | 'False' | 'Unknown',
    reason: string,
    type = 'Injected',
  ): Condition[] => [{ type, status, reason, message: 'why', lastTransitionTime: 't' }];
  it.each([
    { name: 'wrong from the start', before: [], after: conditions('False', 'A'), told: ['Warning A'] },
    { name: 'wrong as before', before: conditions('False', 'A'), after: conditions('False', 'A'), told: [] },
    {
      name: 'wrong otherwise',
      before: conditions('False', 'A'),
      after: conditions('False', 'B'),
      told: ['Warning B'],
    },
    {
      name: 'well again',
      before: conditions('False', 'A'),
      after: conditions('True', 'C'),
      told: ['Normal C'],
    },
    { name: 'well from the start', before: [], after: conditions('True', 'C'), told: [] },
    { name: 'unknown', before: conditions('True', 'C'), after: conditions('Unknown', 'D'), told: [] },
    { name: 'not ready', before: [], after: conditions('False', 'A', 'Ready'), told: [] },
  ])('$name', ({ before, after, told }) => {
    const notices = conditionNotices(databaseObject(), before, after);
    expect(notices.map(({ type, reason }) => `${type} ${reason}`)).toEqual(told);
  });
});
