import { Condition } from './apiFields.ts';
import { provenWrites } from './databaseObserver.ts';
import { type DatabaseObservation, databaseVerdicts, statusFields } from './databaseStatus.ts';
import { conditionNotices } from './notices.ts';
import {
  databaseObject,
  databaseOf,
  observedOf,
  saidOf,
  seenOf,
  wantedRecorder,
} from './recordedCluster.testing.ts';
import { RecordedDatabaseStatus } from './recordedDatabaseStatus.ts';
import { recordingBefore, recordingFold } from './recordingFold.ts';
import { rolloutStep } from './rolloutPlan.ts';
import { conditionsFrom } from './statusConditions.ts';

const nowMs = Date.parse('2026-11-27T05:00:00Z');

/** With numbers and rollout as they follow from the pods. */
function observation({ pods = [observedOf()], ...over }: Partial<DatabaseObservation>): DatabaseObservation {
  const database = over.database ?? databaseOf();
  return {
    database,
    pods,
    conflict: null,
    isArchiveThere: true,
    archiveRefusal: '',
    isArchiveServed: true,
    wanted: wantedRecorder,
    recording: recordingFold(pods, recordingBefore(undefined), nowMs),
    rollout: rolloutStep({
      spec: database.spec ?? { restarts: 'Never', recorder: { upgrade: 'OnPodRestart' } },
      wanted: wantedRecorder,
      pods,
      leaving: new Set(),
      before: null,
      isInjectorWell: true,
      refusal: '',
      nowMs,
    }),
    nowMs,
    writes: { configMap: '', webhook: '', guard: '' },
    canary: '',
    minorVersion: 36,
    ...over,
  };
}

const summary = (over: Partial<DatabaseObservation>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(databaseVerdicts(observation(over))).map(([type, { status, reason }]) => [
      type,
      `${status}/${reason}`,
    ]),
  );

const allWell = {
  Ready: 'True/Recorded',
  PolicyAccepted: 'True/Accepted',
  ArchiveFound: 'True/Found',
  InjectorAvailable: 'True/CanaryInjected',
  Injected: 'True/AllPods',
  InSync: 'True/Current',
  Captured: 'True/AllAddresses',
  TLSMatched: 'True/Matched',
  Guarded: 'True/Warning',
  BypassFree: 'True/NoneSeen',
  Archiving: 'True/Acknowledged',
  UpToDate: 'True/Current',
};
const sealing = (letter: string) => ({
  state: 'current' as const,
  policyHash: letter.repeat(64),
  restartNeeded: [],
});
const noProblems = { configMap: '', webhook: '', guard: '' };
const bare = observedOf(
  { name: 'orders-1', uid: 'uid-orders-1', injected: false, configHash: '', recorderImage: '' },
  null,
);
const invalid = databaseOf({ spec: { archiveRef: 7 } });
const unmanaged = databaseOf({ spec: { managementState: 'Unmanaged' } });
const required = databaseOf({ spec: { enforcement: { admission: 'Required' } } });

describe('databaseVerdicts', () => {
  it.each<{ name: string; over: Partial<DatabaseObservation>; wanted: Record<string, string> }>([
    { name: 'all is well', over: {}, wanted: allWell },
    {
      name: 'a recorder that seals with another policy',
      over: { pods: [observedOf({}, seenOf({ status: saidOf({ config: sealing('b') }) }))] },
      wanted: { ...allWell, Ready: 'False/PolicyDiffers', InSync: 'False/PolicyDiffers' },
    },
    {
      name: 'one with the published policy',
      over: { pods: [observedOf({}, seenOf({ status: saidOf({ config: sealing('a') }) }))] },
      wanted: allWell,
    },
    {
      name: 'one of another version, whose policy is not compared',
      over: {
        pods: [observedOf({}, seenOf({ status: saidOf({ config: sealing('b'), version: '0.0.9' }) }))],
      },
      wanted: { ...allWell, InSync: 'True/OtherVersion' },
    },
    { name: 'required', over: { database: required }, wanted: { ...allWell, Guarded: 'True/Denying' } },
    {
      name: 'no pods',
      over: { pods: [] },
      wanted: {
        ...allWell,
        Ready: 'Unknown/NoPods',
        Injected: 'Unknown/NoPods',
        InSync: 'Unknown/NoRecorder',
        Captured: 'Unknown/NoRecorder',
        TLSMatched: 'Unknown/NoRecorder',
        BypassFree: 'Unknown/NoPods',
        Archiving: 'Unknown/NoRecorder',
        UpToDate: 'Unknown/NoPods',
      },
    },
    {
      name: 'a pod from before',
      over: { pods: [observedOf(), bare] },
      wanted: {
        ...allWell,
        Ready: 'False/RestartRequired',
        Injected: 'False/RestartRequired',
        TLSMatched: 'True/Matched',
        BypassFree: 'Unknown/NotInjected',
        UpToDate: 'False/RestartRequired',
      },
    },
    {
      name: 'a pod with an older configuration',
      over: { pods: [observedOf({ configHash: 'older' }, null)] },
      wanted: {
        ...allWell,
        Ready: 'False/RestartRequired',
        InSync: 'False/RestartRequired',
        Captured: 'Unknown/NotProbed',
        TLSMatched: 'Unknown/NotKnown',
        BypassFree: 'Unknown/RecorderUnreachable',
        Archiving: 'Unknown/RecorderUnreachable',
        UpToDate: 'False/RestartRequired',
      },
    },
    {
      name: 'no archive',
      over: { isArchiveThere: false },
      wanted: { ...allWell, Ready: 'False/NotFound', ArchiveFound: 'False/NotFound' },
    },
    {
      name: 'archives that may not be looked at',
      over: { isArchiveThere: false, archiveRefusal: "the operator's role lacks 'list'" },
      wanted: { ...allWell, Ready: 'Unknown/NotReadable', ArchiveFound: 'Unknown/NotReadable' },
    },
    {
      name: 'an archive that nobody serves',
      over: { isArchiveServed: false },
      wanted: { ...allWell, Ready: 'False/NotServed', ArchiveFound: 'False/NotServed' },
    },
    {
      name: 'an older database with the same pods',
      over: { conflict: { with: 'shop/first', pods: ['orders-0'] } },
      wanted: { ...allWell, Ready: 'False/SelectorConflict', PolicyAccepted: 'False/SelectorConflict' },
    },
    {
      name: 'webhook not written',
      over: { writes: { ...noProblems, webhook: 'no right' } },
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
      over: { writes: { ...noProblems, guard: 'no right' } },
      wanted: { ...allWell, Ready: 'False/GuardNotWritten', Guarded: 'False/GuardNotWritten' },
    },
    {
      name: 'configuration not written',
      over: { writes: { ...noProblems, configMap: 'no right' } },
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
    const { Injected } = databaseVerdicts(observation({ pods: [bare] }));
    expect(Injected?.message).toBe(
      'without a recorder: orders-1; kubectl rollout restart -n shop statefulset/orders',
    );
  });

  it('makes conditions that the schema takes', () => {
    const conditions = conditionsFrom(databaseVerdicts(observation({})), [], 1, '2026-11-27T00:00:00Z');
    expect(conditions.map((one) => Condition.parse(one))).toEqual(conditions);
  });
});

describe('statusFields', () => {
  it('lists pods by name, with what is known of each', () => {
    expect(statusFields(observation({ pods: [bare, observedOf()] }))).toEqual({
      observedGeneration: 1,
      mode: 'AddressSwap',
      coverage: 'Unknown',
      sessionsRecorded: 10,
      lagSeconds: 2,
      pods: [
        {
          name: 'orders-0',
          uid: 'uid-orders-0',
          injected: true,
          recorderImage: 'image',
          configHash: 'hash',
          capture: 'whole',
          mode: 'AddressSwap',
          sessionsRecorded: 10,
          bypasses: 0,
        },
        { name: 'orders-1', uid: 'uid-orders-1', injected: false, need: 'Injection' },
      ],
    });
  });

  it('says how much is covered where every pod stands behind it', () => {
    const fields = statusFields(observation({}));
    expect(fields).toMatchObject({ coverage: '100%', sessionsSeen: 10, bypasses: 0 });
    expect(RecordedDatabaseStatus.parse({ ...fields, conditions: [] })).toMatchObject(fields);
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
    {
      name: 'a step of a rollout',
      before: [],
      after: conditions('False', 'Evicting', 'UpToDate'),
      told: [],
    },
    {
      name: 'a rollout that stopped',
      before: [],
      after: conditions('False', 'StoppedAfterFailures', 'UpToDate'),
      told: ['Warning StoppedAfterFailures'],
    },
    { name: 'not ready', before: [], after: conditions('False', 'A', 'Ready'), told: [] },
  ])('$name', ({ before, after, told }) => {
    const notices = conditionNotices(databaseObject(), before, after);
    expect(notices.map(({ type, reason }) => `${type} ${reason}`)).toEqual(told);
  });
});

describe('provenWrites', () => {
  const none = { configMap: '', webhook: '', guard: '' };
  const mayAll = { refused: new Set<string>(), canary: '', username: 'operator' };
  const refused = new Set(['mutatingwebhookconfigurations']);
  it.each([
    { name: 'nothing', writes: none, more: {}, wanted: none },
    {
      name: 'a webhook that somebody else made',
      writes: { ...none, webhook: 'x' },
      more: { refused },
      wanted: none,
    },
    {
      name: 'one that nobody made',
      writes: { ...none, webhook: 'x' },
      more: { refused, canary: 'bare' },
      wanted: { ...none, webhook: 'x' },
    },
    {
      name: 'one that we could not make, though an older one serves',
      writes: { ...none, webhook: 'x' },
      more: {},
      wanted: { ...none, webhook: 'x' },
    },
    {
      name: 'no name of our own',
      writes: none,
      more: { username: '' },
      wanted: { ...none, guard: expect.stringContaining("'create' on 'selfsubjectreviews'") },
    },
  ])('of $name', ({ writes, more, wanted }) => {
    expect(provenWrites(writes, { ...mayAll, ...more })).toEqual(wanted);
  });
});
