import type { Answering } from './captureProbe.ts';
import { achievedMode, type ObservedPod } from './observedPod.ts';
import { observedOf, saidOf, seenOf } from './recordedCluster.testing.ts';
import { recordingFold } from './recordingFold.ts';
import { archiving, bypassFree, captured, commonMode, tlsMatched } from './recordingVerdicts.ts';

const startedAt = '2026-11-27T04:00:00.000Z';
const said = saidOf();

/** A pod of which the probe found these answers. */
function probed(plannedMode: string, atPort: Answering, atRecorder: Answering | null = null): ObservedPod {
  return observedOf({ plannedMode }, seenOf({ capture: { startedAt, atPort, atRecorder } }));
}

function inside(achieved: boolean | null, reason: string | null, plannedMode = 'AddressSwap'): ObservedPod {
  const status = saidOf({ capture: { ...said.capture, achieved, reason } });
  const leaves = plannedMode === 'Service';
  const capture = {
    startedAt,
    atPort: leaves ? 'another' : 'recorder',
    atRecorder: leaves ? 'recorder' : null,
  } as const;
  return observedOf({ plannedMode }, seenOf({ status, capture }));
}

describe('captured', () => {
  it.each<{ name: string; pods: ObservedPod[]; wanted: string; mode: string | null }>([
    {
      name: 'proven',
      pods: [probed('AddressSwap', 'recorder')],
      wanted: 'True/AllAddresses',
      mode: 'AddressSwap',
    },
    {
      name: 'redirected',
      pods: [probed('Redirect', 'recorder')],
      wanted: 'True/AllAddresses',
      mode: 'Redirect',
    },
    { name: 'past', pods: [probed('AddressSwap', 'another')], wanted: 'False/NotCaptured', mode: null },
    { name: 'nobody', pods: [probed('AddressSwap', 'nobody')], wanted: 'Unknown/NobodyAnswers', mode: null },
    {
      name: 'untold',
      pods: [probed('AddressSwap', 'untold')],
      wanted: 'Unknown/RecorderUnreachable',
      mode: null,
    },
    {
      name: 'PostgreSQL answers beside the recorder, as the mode has it',
      pods: [probed('NamedPort', 'another', 'recorder')],
      wanted: 'False/PodAddressAnswers',
      mode: 'NamedPort',
    },
    {
      name: 'PostgreSQL does not listen where clients could reach it',
      pods: [probed('Service', 'nobody', 'recorder')],
      wanted: 'True/AllAddresses',
      mode: 'Service',
    },
    {
      name: 'the recorder is not there',
      pods: [probed('Service', 'another', 'nobody')],
      wanted: 'Unknown/NobodyAnswers',
      mode: null,
    },
    {
      name: 'the recorder says that somebody else listens',
      pods: [inside(false, 'foreign_listener')],
      wanted: 'False/NotCaptured',
      mode: null,
    },
    {
      name: 'the recorder says what the mode has',
      pods: [inside(false, 'pod_address_open', 'Service')],
      wanted: 'False/PodAddressAnswers',
      mode: 'Service',
    },
    {
      name: 'one of two is past: the worst is told',
      pods: [probed('NamedPort', 'another', 'recorder'), probed('AddressSwap', 'another')],
      wanted: 'False/NotCaptured',
      mode: null,
    },
    {
      name: 'two ways',
      pods: [probed('AddressSwap', 'recorder'), probed('Redirect', 'recorder')],
      wanted: 'True/AllAddresses',
      mode: 'Mixed',
    },
    { name: 'not asked yet', pods: [observedOf({}, null)], wanted: 'Unknown/NotProbed', mode: null },
    {
      name: 'silent',
      pods: [observedOf({}, seenOf({ status: null, problem: 'unreachable' }))],
      wanted: 'Unknown/RecorderUnreachable',
      mode: null,
    },
    ...(['refused', 'not_understood', 'other_database'] as const).map((problem) => ({
      name: `somebody else has the recorder's port (${problem})`,
      pods: [observedOf({}, seenOf({ status: null, problem }))],
      wanted: 'Unknown/HealthPortTaken',
      mode: null,
    })),
    {
      name: 'one is silent, of another somebody else has the port',
      pods: [
        observedOf({}, seenOf({ status: null, problem: 'refused' })),
        observedOf({}, seenOf({ status: null, problem: 'timeout' })),
      ],
      wanted: 'Unknown/RecorderUnreachable',
      mode: null,
    },
    {
      name: 'no recorder',
      pods: [observedOf({ injected: false }, null)],
      wanted: 'Unknown/NoRecorder',
      mode: null,
    },
  ])('$name', ({ pods, wanted, mode }) => {
    const { status, reason } = captured(pods);
    expect([`${status}/${reason}`, commonMode(pods)]).toEqual([wanted, mode]);
  });

  it('calls no mode achieved that is not proven', () => {
    expect([probed('AddressSwap', 'another'), observedOf({}, null)].map(achievedMode)).toEqual([null, null]);
  });
});

const withStatus = (over: Partial<typeof said>): ObservedPod[] => [
  observedOf({}, seenOf({ status: saidOf(over) })),
];
const silent = [observedOf({}, seenOf({ status: null, problem: 'timeout' }))];

describe('tlsMatched', () => {
  it.each<[string, ObservedPod[], string]>([
    ['matched', [observedOf()], 'True/Matched'],
    [
      'no certificate',
      withStatus({ tls: { matched: false, reason: 'tls_no_certificate' } }),
      'False/NotMatched',
    ],
    ['not asked', withStatus({ tls: { matched: null, reason: null } }), 'Unknown/NotKnown'],
    ['silent', silent, 'Unknown/NotKnown'],
    ['no pods', [], 'Unknown/NoRecorder'],
  ])('%s', (_, pods, wanted) => {
    const { status, reason } = tlsMatched(pods);
    expect(`${status}/${reason}`).toBe(wanted);
  });
});

describe('archiving', () => {
  const vault = (lagSeconds: number, reason: string | null) => ({
    vault: { ...said.vault, lagSeconds, reason },
  });
  it.each<[string, ObservedPod[], string]>([
    ['acknowledged', [observedOf()], 'True/Acknowledged'],
    ['late', withStatus(vault(61, 'vault_unreachable')), 'False/Lagging'],
    ['not late yet', withStatus(vault(60, 'vault_unreachable')), 'True/Acknowledged'],
    [
      'full',
      withStatus({ ...vault(3600, 'vault_unreachable'), spool: { full: 'spool_full' } }),
      'False/SpoolFull',
    ],
    ['silent', silent, 'Unknown/RecorderUnreachable'],
    ['no pods', [], 'Unknown/NoRecorder'],
  ])('%s', (_, pods, wanted) => {
    const { status, reason } = archiving(pods);
    expect(`${status}/${reason}`).toBe(wanted);
  });
});

describe('bypassFree', () => {
  const nowMs = Date.parse('2026-11-27T05:00:00Z');
  const coverage = (over: Partial<typeof said.coverage>) =>
    withStatus({ coverage: { ...said.coverage, ...over } });
  it.each<{ name: string; pods: ObservedPod[]; lastBypassMs?: number; wanted: string }>([
    { name: 'measured', pods: [observedOf()], wanted: 'True/NoneSeen' },
    { name: 'seen now', pods: coverage({ bypasses: 1 }), wanted: 'False/BypassDetected' },
    {
      name: 'seen a while ago',
      pods: [observedOf()],
      lastBypassMs: nowMs - 3_599_000,
      wanted: 'False/BypassDetected',
    },
    {
      name: 'seen before that',
      pods: [observedOf()],
      lastBypassMs: nowMs - 3_600_000,
      wanted: 'True/NoneSeen',
    },
    {
      name: 'seen, by a recorder that is silent now',
      pods: silent,
      lastBypassMs: nowMs - 1000,
      wanted: 'False/BypassDetected',
    },
    { name: 'no credentials', pods: coverage({ state: 'no_credentials' }), wanted: 'Unknown/NoCredentials' },
    {
      name: 'failed',
      pods: coverage({ state: 'failed', reason: 'login_refused' }),
      wanted: 'Unknown/CoverageFailed',
    },
    { name: 'starting', pods: coverage({ state: 'starting' }), wanted: 'Unknown/CoverageStarting' },
    { name: 'silent', pods: silent, wanted: 'Unknown/RecorderUnreachable' },
    { name: 'not injected', pods: [observedOf({ injected: false }, null)], wanted: 'Unknown/NotInjected' },
  ])('$name', ({ pods, lastBypassMs = null, wanted }) => {
    const recording = recordingFold(pods, { bypasses: new Map(), lastBypassMs }, nowMs);
    const { status, reason } = bypassFree(pods, recording, nowMs);
    expect(`${status}/${reason}`).toBe(wanted);
  });
});

it('names the probe that goes by the unix socket, where sessions went past', () => {
  const pods = [observedOf({ name: 'orders-0', probesPast: ['postgres'] })];
  const recording = recordingFold(pods, { bypasses: new Map(), lastBypassMs: 1000 }, 2000);
  expect(bypassFree(pods, { ...recording, bypasses: 7 }, 2000).message).toBe(
    'sessions went past the recorder, last seen 1970-01-01T00:00:01.000Z; 7 in all; each probe of orders-0 (postgres) is one, ' +
      'by the unix socket: give its command -h 127.0.0.1',
  );
});

it('names the probe that goes by the port which the mode leaves to PostgreSQL: another address is no advice there', () => {
  const pods = [observedOf({ name: 'orders-0', plannedMode: 'NamedPort', probesPast: ['postgres'] })];
  const recording = recordingFold(pods, { bypasses: new Map(), lastBypassMs: 1000 }, 2000);
  expect(bypassFree(pods, { ...recording, bypasses: 7 }, 2000).message).toBe(
    'sessions went past the recorder, last seen 1970-01-01T00:00:01.000Z; 7 in all; each probe of orders-0 (postgres) is one, ' +
      'past the port of the recorder, where PostgreSQL trusts it: give its command -h 127.0.0.1 -p 6432',
  );
});
