/** Owns what one pod is known to be, its recorder's own words included, and what it lacks. Pure. */
import type { RecorderStatus } from '@pgtape/evidence';
import type { PodCoverage } from './podCoverage.ts';
import { leavesPortAlone } from './podPlaces.ts';
import type { SeenRecorder } from './recorderWatch.ts';

/** What a pod gets only when it is made anew, or, of an `Upgrade`, when its recorder's image is changed in place. */
export type PodNeed = 'Injection' | 'Configuration' | 'Upgrade';

/** What the pods of a database should run. */
export interface WantedRecorder {
  /** '' where nothing should. */
  readonly configHash: string;
  readonly image: string;
  /** Of the policy, as a recorder of `version` understands the configuration; '' where nothing should run. */
  readonly policyHash: string;
  /** Of the operator. */
  readonly version: string;
}

export interface ObservedPod extends PodCoverage {
  /** null: not asked yet, or no recorder is there. */
  readonly seen: SeenRecorder | null;
  /** Of what its recorder runs with as it says itself; without its answer, of what the pod was made with. */
  readonly runningHash: string;
  readonly need: PodNeed | null;
  /** Why it would come out without a recorder if it were made anew, in the webhook's words; '' where it would get one. */
  readonly skipped: string;
}

export function observedPod(
  pod: PodCoverage,
  seen: SeenRecorder | null,
  wanted: WantedRecorder,
  skipped = '',
): ObservedPod {
  const said = seen?.status?.configHash ?? '';
  const runningHash = said === '' ? pod.configHash : said;
  const need = needOf(pod, runningHash, wanted);
  return { ...pod, seen: pod.injected ? seen : null, runningHash, need, skipped };
}

function needOf(pod: PodCoverage, runningHash: string, wanted: WantedRecorder): PodNeed | null {
  if (!pod.injected) return 'Injection';
  if (wanted.configHash !== '' && runningHash !== wanted.configHash) return 'Configuration';
  return pod.recorderImage === wanted.image ? null : 'Upgrade';
}

/** What a recorder says of itself; null while it does not. */
export function statusOf({ seen }: ObservedPod): RecorderStatus | null {
  return seen?.status ?? null;
}

/**
 * How clients are led, from outside and as the recorder sees it from inside:
 * - `whole`: by every address through the recorder;
 * - `partial`: the recorder is there, and PostgreSQL's own port leads past it, as the mode has it;
 * - `past`: PostgreSQL's port leads past it, and should not; or the recorder says why it captures nothing;
 * - `silent`: nobody answers;
 * - `untold`: the recorder could not be asked; `unprobed`: not tried yet.
 */
export type PodCapture = 'whole' | 'partial' | 'past' | 'silent' | 'untold' | 'unprobed';

/** The recorder's own word for what `partial` is. */
const openByDesign = 'pod_address_open';

export function podCapture(pod: ObservedPod): PodCapture {
  const status = statusOf(pod);
  const found = pod.seen?.capture ?? null;
  if (status === null) return pod.seen === null ? 'unprobed' : 'untold';
  const { achieved, reason } = status.capture;
  const isPartialMode = leavesPortAlone(pod.plannedMode);
  if (achieved === false && !(isPartialMode && reason === openByDesign)) return 'past';
  if (found === null) return 'unprobed';
  const answering = isPartialMode ? found.atRecorder : found.atPort;
  if (answering === 'another') return 'past';
  if (answering === 'nobody') return 'silent';
  if (answering !== 'recorder') return 'untold';
  return isPartialMode && (found.atPort === 'another' || found.atPort === 'untold') ? 'partial' : 'whole';
}

/** The mode that clients are proven to be led by; null: not proven. */
export function achievedMode(pod: ObservedPod): string | null {
  const capture = podCapture(pod);
  const isProven = capture === 'whole' || capture === 'partial';
  // One that nobody knows is none.
  return isProven && pod.plannedMode !== '' ? pod.plannedMode : null;
}
