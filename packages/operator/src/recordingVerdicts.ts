/** Owns the conditions that say what recorders do: who is led through them, what went past, and where evidence is. Pure. */
import { achievedMode, type ObservedPod, type PodCapture, podCapture, statusOf } from './observedPod.ts';
import { leavesPortAlone, RECORDER_PORT } from './podPlaces.ts';
import type { CoverageState, Recording } from './recordingFold.ts';
import { type Verdict, verdict } from './statusConditions.ts';

/** A bypass is news for so long: then it is history, on tape and in Events. */
const BYPASS_NEWS_MS = 60 * 60_000;
/** Evidence is sealed every 15 s and sent at once; older than this, something is wrong. */
const LAG_SECONDS_MAX = 60;
const namesMax = 16;

export const podNames = (pods: readonly { readonly name: string }[]): string => {
  const shown = pods.slice(0, namesMax).map(({ name }) => name);
  return pods.length > namesMax ? `${shown.join(', ')} and ${pods.length - namesMax} more` : shown.join(', ');
};

/** Answers came, and not from a recorder of that database. */
const ofAnother: ReadonlySet<string> = new Set(['refused', 'not_understood', 'other_database']);

/** Why the recorders of these pods say nothing. */
function silentRecorder(pods: readonly ObservedPod[]): Verdict {
  const problems = [
    ...new Set(pods.map(({ seen }) => seen?.problem ?? '').filter((problem) => problem !== '')),
  ];
  const why = problems.length === 0 ? '' : ` (${problems.join(', ')})`;
  const names = podNames(pods);
  if (problems.length > 0 && problems.every((problem) => ofAnother.has(problem)))
    return verdict(
      'Unknown',
      'HealthPortTaken',
      `somebody who is not its recorder answers on port 7418 of ${names}${why}: the recorder takes the port as soon as it is free`,
    );
  const message = `no answer from the recorder of ${names}${why}: the operator must reach port 7418 of the pod`;
  return verdict('Unknown', 'RecorderUnreachable', message);
}

/** Worst first: the first that a pod is in is what all of them are said to be. */
const captureOrder: readonly PodCapture[] = ['past', 'untold', 'unprobed', 'silent', 'partial'];

export function captured(pods: readonly ObservedPod[]): Verdict {
  const recorded = pods.filter(({ injected }) => injected);
  if (recorded.length === 0) return verdict('Unknown', 'NoRecorder', 'no pod has a recorder');
  const of = (state: PodCapture): ObservedPod[] => recorded.filter((pod) => podCapture(pod) === state);
  const state = captureOrder.find((one) => of(one).length > 0);
  if (state === undefined) return verdict('True', 'AllAddresses', 'every address leads to the recorder');
  return capturedAs(state, of(state));
}

function capturedAs(state: Exclude<PodCapture, 'whole'> | PodCapture, pods: readonly ObservedPod[]): Verdict {
  const names = podNames(pods);
  switch (state) {
    case 'past': {
      const said = [...new Set(pods.map((pod) => statusOf(pod)?.capture.reason).filter((reason) => reason))];
      const why = said.length === 0 ? 'somebody else answers on the port of PostgreSQL' : said.join(', ');
      return verdict(
        'False',
        'NotCaptured',
        `clients reach PostgreSQL past the recorder in ${names}: ${why}`,
      );
    }
    case 'partial':
      return verdict(
        'False',
        'PodAddressAnswers',
        `clients of the Service are recorded; PostgreSQL itself answers at the address of ${names}`,
      );
    case 'silent':
      return verdict('Unknown', 'NobodyAnswers', `nobody answers at the address of ${names}`);
    case 'untold':
      return silentRecorder(pods);
    default:
      return verdict('Unknown', 'NotProbed', `not tried yet: ${names}`);
  }
}

const unmeasured: Readonly<Record<Exclude<CoverageState, 'measured' | 'unreachable'>, [string, string]>> = {
  no_pods: ['NoPods', 'no pod has these labels'],
  not_injected: ['NotInjected', 'sessions of pods without a recorder are not counted'],
  no_credentials: ['NoCredentials', 'spec.coverage.credentialsRef names no Secret that recorders could use'],
  failed: ['CoverageFailed', 'PostgreSQL could not be asked for its sessions'],
  starting: ['CoverageStarting', 'recorders begin to measure'],
};

/** The usual probe of the stock image goes by the unix socket. */
function probeAdvice(pods: readonly ObservedPod[]): string {
  const isOpen = ({ plannedMode }: ObservedPod): boolean => leavesPortAlone(plannedMode);
  const probed = pods.filter(({ probesPast }) => probesPast.length > 0);
  return [
    advice(
      probed.filter((pod) => !isOpen(pod)),
      'by the unix socket',
      '-h 127.0.0.1',
    ),
    advice(
      probed.filter(isOpen),
      'past the port of the recorder, where PostgreSQL trusts it',
      `-h 127.0.0.1 -p ${RECORDER_PORT}`,
    ),
  ].join('');
}

function advice(pods: readonly ObservedPod[], how: string, options: string): string {
  if (pods.length === 0) return '';
  const containers = [...new Set(pods.flatMap(({ probesPast }) => probesPast))].join(', ');
  return `; each probe of ${podNames(pods)} (${containers}) is one, ${how}: give its command ${options}`;
}

/** @param nowMs wall clock, milliseconds since 1970 */
export function bypassFree(pods: readonly ObservedPod[], recording: Recording, nowMs: number): Verdict {
  const { state, lastBypassMs, bypasses } = recording;
  if (lastBypassMs !== null && nowMs - lastBypassMs < BYPASS_NEWS_MS) {
    const when = new Date(lastBypassMs).toISOString();
    return verdict(
      'False',
      'BypassDetected',
      `sessions went past the recorder, last seen ${when}; ${bypasses} in all${probeAdvice(pods)}`,
    );
  }
  if (state === 'measured')
    return verdict('True', 'NoneSeen', 'no session went past the recorder in the last hour');
  if (state === 'unreachable')
    return silentRecorder(pods.filter((pod) => pod.injected && statusOf(pod) === null));
  const [reason, message] = unmeasured[state];
  const why = pods.flatMap((pod) => statusOf(pod)?.coverage.reason ?? []);
  const detail = state === 'failed' && why.length > 0 ? ` (${[...new Set(why)].join(', ')})` : '';
  return verdict('Unknown', reason, `${message}${detail}`);
}

export function tlsMatched(pods: readonly ObservedPod[]): Verdict {
  const recorded = pods.filter(({ injected }) => injected);
  if (recorded.length === 0) return verdict('Unknown', 'NoRecorder', 'no pod has a recorder');
  const wrong = recorded.filter((pod) => statusOf(pod)?.tls.matched === false);
  if (wrong.length > 0) {
    const why = [...new Set(wrong.map((pod) => statusOf(pod)?.tls.reason ?? 'not_told'))].join(', ');
    const message = `PostgreSQL offers TLS that the recorder of ${podNames(wrong)} cannot (${why}): set spec.tlsSecretName`;
    return verdict('False', 'NotMatched', message);
  }
  const open = recorded.filter((pod) => statusOf(pod)?.tls.matched !== true);
  if (open.length === 0) return verdict('True', 'Matched', '');
  return verdict('Unknown', 'NotKnown', `not told by ${podNames(open)}`);
}

export function archiving(pods: readonly ObservedPod[]): Verdict {
  const recorded = pods.filter(({ injected }) => injected);
  if (recorded.length === 0) return verdict('Unknown', 'NoRecorder', 'no pod has a recorder');
  const full = recorded.filter((pod) => statusOf(pod)?.spool.full != null);
  if (full.length > 0) {
    const why = [...new Set(full.map((pod) => statusOf(pod)?.spool.full))].join(', ');
    return verdict(
      'False',
      'SpoolFull',
      `the spool of ${podNames(full)} is full (${why}): look at the vault`,
    );
  }
  const late = recorded.filter((pod) => (statusOf(pod)?.vault.lagSeconds ?? 0) > LAG_SECONDS_MAX);
  if (late.length > 0) {
    const why = [...new Set(late.map((pod) => statusOf(pod)?.vault.reason ?? 'slow'))].join(', ');
    const message = `evidence of ${podNames(late)} is older than ${LAG_SECONDS_MAX} s and not acknowledged (${why})`;
    return verdict('False', 'Lagging', `${message}: look at the vault`);
  }
  const silent = recorded.filter((pod) => statusOf(pod) === null);
  if (silent.length > 0) return silentRecorder(silent);
  return verdict('True', 'Acknowledged', `nothing older than ${LAG_SECONDS_MAX} s waits for the vault`);
}

/** Proven in all pods, or `Mixed`; null: not proven in all that have a recorder. */
export function commonMode(pods: readonly ObservedPod[]): string | null {
  const recorded = pods.filter(({ injected }) => injected);
  const modes = new Set(recorded.map(achievedMode));
  const [only] = modes;
  if (only === undefined || modes.has(null)) return null;
  return modes.size === 1 ? only : 'Mixed';
}
