/**
 * Owns what this process knows of running recorders: each is asked every few seconds what it says of itself, and clients'
 * way to it is tried from outside. It refuses to judge what it hears.
 */
import { isDeepStrictEqual } from 'node:util';
import type { RecorderStatus } from '@pgtape/evidence';
import { AskingLanes } from './askingLanes.ts';
import { type Answering, whoAnswers } from './captureProbe.ts';
import type { PodCoverage } from './podCoverage.ts';
import { HEALTH_PORT, leavesPortAlone, RECORDER_PORT } from './podPlaces.ts';
import { type RecorderPlace, type RecorderProblem, recorderStatus } from './recorderAnswers.ts';

/** Who takes a client that comes from outside, of all addresses of the pod the least well answered one. */
export interface CaptureFound {
  /** Start of the recorder that was asked: another one is tried anew. */
  readonly startedAt: string;
  /** On PostgreSQL's port. */
  readonly atPort: Answering;
  /** On the recorder's own, in modes that leave PostgreSQL's alone. */
  readonly atRecorder: Answering | null;
}

export interface SeenRecorder {
  /** As last understood, at most `keptMs` ago; null: none. */
  readonly status: RecorderStatus | null;
  /** Of the last time it was asked; '' while it answers. */
  readonly problem: RecorderProblem | '';
  readonly capture: CaptureFound | null;
}

export interface WatchedPod {
  readonly pod: PodCoverage;
  /** Key of its RecordedDatabase. */
  readonly database: string;
  /** PostgreSQL's. */
  readonly port: number;
}

export interface RecorderWatchOptions {
  /** Of all databases, those with a recorder. */
  readonly pods: () => readonly WatchedPod[];
  readonly asked: (outcome: RecorderProblem | 'answered') => void;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Of recorders' health servers; by default where injection has them. */
  readonly healthPort?: number;
}

interface Known extends SeenRecorder {
  readonly statusAtMs: number;
  readonly probedAtMs: number;
}

/** A recorder that is silent for longer has said nothing. */
const keptMs = 30_000;
const probeAgainMs = { proven: 5 * 60_000, open: 15_000 } as const;
/** A pod has two addresses where the cluster is dual-stack, and never many. */
const addressesMax = 4;

const nothing: Known = {
  status: null,
  problem: '',
  capture: null,
  statusAtMs: Number.NEGATIVE_INFINITY,
  probedAtMs: Number.NEGATIVE_INFINITY,
};

export class RecorderWatch {
  readonly #options: RecorderWatchOptions;
  readonly #known = new Map<string, Known>();
  readonly #lanes: AskingLanes;

  constructor(options: RecorderWatchOptions) {
    this.#options = options;
    this.#lanes = new AskingLanes(options.now);
  }

  /** By the pod's uid; null: not asked yet. */
  seen(uid: string): SeenRecorder | null {
    const known = this.#known.get(uid);
    if (known === undefined) return null;
    const { problem, capture } = known;
    const isOld = this.#options.now() - known.statusAtMs > keptMs;
    return { status: isOld ? null : known.status, problem, capture };
  }

  /** What was heard belongs to who led then: somebody else may have acted since. */
  forget(): void {
    this.#known.clear();
  }

  /** Asks each once, as far as time allows. @returns whether anything is other than before. Rejects with the signal's reason only. */
  async poll(signal: AbortSignal): Promise<boolean> {
    const watched = this.#options.pods().filter(({ pod }) => pod.addresses.length > 0);
    const byUid = new Map(watched.map((one) => [one.pod.uid, one]));
    for (const uid of this.#known.keys()) if (!byUid.has(uid)) this.#known.delete(uid);
    const before = new Map(watched.map(({ pod }) => [pod.uid, this.seen(pod.uid)]));
    await this.#lanes.round([...byUid.keys()], (uid) => this.#look(byUid.get(uid) as WatchedPod, signal));
    return watched.some(({ pod }) => !isDeepStrictEqual(before.get(pod.uid), this.seen(pod.uid)));
  }

  async #look(watched: WatchedPod, signal: AbortSignal): Promise<void> {
    const { asked, now } = this.#options;
    const { pod, database } = watched;
    const known = this.#known.get(pod.uid) ?? nothing;
    const place = this.#placeOf(watched);
    const got = await recorderStatus(place, database, signal);
    if (got.answer === null) {
      asked(got.problem);
      this.#known.set(pod.uid, { ...known, problem: got.problem });
      return;
    }
    asked('answered');
    const heard: Known = { ...known, status: got.answer, problem: '', statusAtMs: now() };
    this.#known.set(pod.uid, heard);
    if (!this.#isProbeDue(heard, pod.plannedMode)) return;
    const capture = await this.#probe(watched, got.answer.startedAt, signal);
    this.#known.set(pod.uid, { ...heard, capture, probedAtMs: now() });
  }

  #isProbeDue({ capture, status, probedAtMs }: Known, mode: string): boolean {
    if (capture === null || capture.startedAt !== status?.startedAt) return true;
    const found = leavesPortAlone(mode) ? capture.atRecorder : capture.atPort;
    return this.#options.now() - probedAtMs > probeAgainMs[found === 'recorder' ? 'proven' : 'open'];
  }

  #placeOf({ pod }: WatchedPod): RecorderPlace {
    return { host: pod.addresses[0] as string, port: this.#options.healthPort ?? HEALTH_PORT };
  }

  async #probe(watched: WatchedPod, startedAt: string, signal: AbortSignal): Promise<CaptureFound> {
    const { pod, port } = watched;
    const recorder = this.#placeOf(watched);
    const at = async (where: number): Promise<Answering> => {
      const found: Answering[] = [];
      for (const address of pod.addresses.slice(0, addressesMax))
        found.push(await whoAnswers(address, where, recorder, signal));
      return worstOf(found);
    };
    const atPort = await at(port);
    return {
      startedAt,
      atPort,
      atRecorder: leavesPortAlone(pod.plannedMode) ? await at(RECORDER_PORT) : null,
    };
  }
}

const worstFirst: readonly Answering[] = ['another', 'untold', 'nobody', 'recorder'];

/** An address at which nobody listens leads nobody past the recorder; but one at least must lead to it. */
export function worstOf(found: readonly Answering[]): Answering {
  const leadsThere = found.includes('recorder');
  const counted = leadsThere ? found.filter((one) => one !== 'nobody') : found;
  return worstFirst.find((one) => counted.includes(one)) ?? 'nobody';
}
