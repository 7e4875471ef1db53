/**
 * Owns what the status of a RecordedDatabase says. What nothing measures is `Unknown`, never well. Reasons are stable
 * words: scripts wait for them. Pure.
 */
import type { DatabaseFacts } from './databaseFacts.ts';
import { GUARD_MINOR } from './desiredObjects.ts';
import { achievedMode, type ObservedPod, podCapture, statusOf, type WantedRecorder } from './observedPod.ts';
import { coverageText, type Recording } from './recordingFold.ts';
import { archiving, bypassFree, captured, commonMode, podNames, tlsMatched } from './recordingVerdicts.ts';
import type { RolloutStep } from './rolloutPlan.ts';
import type { SelectorConflict } from './selectorConflicts.ts';
import { type Verdict, verdict, wholeSeconds } from './statusConditions.ts';

/** What became of writing the objects of one database; '' where it is well. For people, with verb and resource. */
export interface WriteProblems {
  readonly configMap: string;
  readonly webhook: string;
  readonly guard: string;
}

export interface DatabaseObservation {
  readonly database: DatabaseFacts;
  readonly pods: readonly ObservedPod[];
  readonly conflict: SelectorConflict | null;
  readonly isArchiveThere: boolean;
  /** Why archives may not be looked at; '' where they may. */
  readonly archiveRefusal: string;
  /** Whether a vault takes evidence for it. */
  readonly isArchiveServed: boolean;
  readonly wanted: WantedRecorder;
  readonly recording: Recording;
  readonly rollout: RolloutStep;
  /** Wall clock, milliseconds since 1970. */
  readonly nowMs: number;
  readonly writes: WriteProblems;
  /** Why a pod made as a dry run did not come back with a recorder; '' where it did; null: not tried yet. */
  readonly canary: string | null;
  readonly minorVersion: number;
}

function policyAccepted({ database, conflict }: DatabaseObservation): Verdict {
  if (database.spec === null) return verdict('False', 'Invalid', database.problem);
  if (conflict !== null) {
    const which = conflict.pods.length === 0 ? 'every such pod' : conflict.pods.join(', ');
    const message = `${conflict.with} is older and selects ${which} too: that one records; change the labels or delete one`;
    return verdict('False', 'SelectorConflict', message);
  }
  if (database.spec.managementState === 'Unmanaged')
    return verdict('True', 'Unmanaged', 'nothing is injected, changed or reverted');
  return verdict('True', 'Accepted', '');
}

function archiveFound(observation: DatabaseObservation): Verdict {
  const { database, isArchiveThere, archiveRefusal, isArchiveServed } = observation;
  const name = database.spec?.archiveRef;
  if (name === undefined) return verdict('Unknown', 'Invalid', 'the RecordedDatabase is not understood');
  if (archiveRefusal !== '') return verdict('Unknown', 'NotReadable', archiveRefusal);
  if (isArchiveThere && isArchiveServed) return verdict('True', 'Found', '');
  if (isArchiveThere)
    return verdict(
      'False',
      'NotServed',
      `no vault serves RecordingArchive '${name}', evidence waits in the pods: whoever runs vaults must start one for it`,
    );
  return verdict(
    'False',
    'NotFound',
    `there is no RecordingArchive '${name}': whoever owns archives must make it`,
  );
}

function injectorAvailable({ writes, canary }: DatabaseObservation): Verdict {
  if (writes.webhook !== '') return verdict('False', 'WebhookNotWritten', writes.webhook);
  if (canary === null) return verdict('Unknown', 'NotProbed', 'no pod has been tried yet');
  if (canary !== '') return verdict('False', 'CanaryNotInjected', canary);
  return verdict('True', 'CanaryInjected', 'a pod made as a dry run came back with a recorder');
}

function injected({ pods }: DatabaseObservation): Verdict {
  if (pods.length === 0) return verdict('Unknown', 'NoPods', 'no pod has these labels');
  const bare = pods.filter((pod) => !pod.injected);
  if (bare.length === 0) return verdict('True', 'AllPods', '');
  const commands = [...new Set(bare.map(({ restart }) => restart))];
  return verdict('False', 'RestartRequired', `without a recorder: ${podNames(bare)}; ${commands.join('; ')}`);
}

function inSync({ pods, wanted, writes }: DatabaseObservation): Verdict {
  if (writes.configMap !== '') return verdict('False', 'ConfigNotWritten', writes.configMap);
  const recorded = pods.filter((pod) => pod.injected);
  if (recorded.length === 0) return verdict('Unknown', 'NoRecorder', 'no pod has a recorder');
  const old = recorded.filter((pod) => pod.runningHash !== wanted.configHash);
  if (old.length > 0) {
    const commands = [...new Set(old.map(({ restart }) => restart))];
    const message = `with an older configuration: ${podNames(old)}; ${commands.join('; ')}`;
    return verdict('False', 'RestartRequired', message);
  }
  return policyInSync(recorded, wanted);
}

/** The same configuration may be another policy to a recorder of another version, which has defaults of its own. */
function policyInSync(recorded: readonly ObservedPod[], wanted: WantedRecorder): Verdict {
  const isOfVersion = (pod: ObservedPod): boolean =>
    (statusOf(pod)?.version ?? wanted.version) === wanted.version;
  const differing = recorded.filter((pod) => {
    const policy = statusOf(pod)?.config?.policyHash ?? '';
    return isOfVersion(pod) && policy !== '' && policy !== wanted.policyHash;
  });
  if (differing.length > 0) {
    const message = `the policy in the seals is not what was published: ${podNames(differing)}`;
    return verdict('False', 'PolicyDiffers', message);
  }
  const others = recorded.filter((pod) => !isOfVersion(pod));
  if (others.length === 0) return verdict('True', 'Current', '');
  const message = `policy not compared, recorders are of another version: ${podNames(others)}`;
  return verdict('True', 'OtherVersion', message);
}

function guarded({ database, writes, minorVersion }: DatabaseObservation): Verdict {
  if (minorVersion < GUARD_MINOR)
    return verdict(
      'False',
      'Unsupported',
      `ValidatingAdmissionPolicy needs Kubernetes 1.${GUARD_MINOR}, this is 1.${minorVersion}`,
    );
  if (writes.guard !== '') return verdict('False', 'GuardNotWritten', writes.guard);
  return database.spec?.enforcement.admission === 'Required'
    ? verdict('True', 'Denying', 'a covered pod without a recorder is refused')
    : verdict('True', 'Warning', 'a covered pod without a recorder is let in with a warning');
}

/**
 * What a condition may say without the database being less well than it was asked to be: a mode that leaves PostgreSQL's
 * address alone, no credentials to measure with.
 */
const asAsked = new Set(['PodAddressAnswers', 'NoCredentials']);

/** Well: nothing it is made of is wrong, and there are pods. */
function ready(verdicts: Readonly<Record<string, Verdict>>): Verdict {
  const all = Object.entries(verdicts).filter(([, { reason }]) => !asAsked.has(reason));
  const wrong = all.find(([, { status }]) => status === 'False');
  if (wrong !== undefined) return verdict('False', wrong[1].reason, `${wrong[0]}: ${wrong[1].message}`);
  const open = all.find(([, { status }]) => status === 'Unknown');
  if (open !== undefined) return verdict('Unknown', open[1].reason, `${open[0]}: ${open[1].message}`);
  const { Captured } = verdicts;
  if (Captured?.reason === 'PodAddressAnswers') return verdict('True', 'PartlyCaptured', Captured.message);
  return verdict('True', 'Recorded', 'every address of every pod leads to a recorder');
}

/** By type, in the order they are shown. */
export function databaseVerdicts(observation: DatabaseObservation): Record<string, Verdict> {
  const { database, pods } = observation;
  const accepted = policyAccepted(observation);
  const isActed = database.spec !== null && database.spec.managementState === 'Managed';
  if (!isActed) {
    const reason = database.spec === null ? 'Invalid' : 'Unmanaged';
    const state = verdict('False', reason, database.problem || 'nothing is done for it');
    return { Ready: state, PolicyAccepted: accepted, InjectorAvailable: state, Guarded: state };
  }
  const parts = {
    PolicyAccepted: accepted,
    ArchiveFound: archiveFound(observation),
    InjectorAvailable: injectorAvailable(observation),
    Injected: injected(observation),
    InSync: inSync(observation),
    Captured: captured(pods),
    TLSMatched: tlsMatched(pods),
    Guarded: guarded(observation),
    BypassFree: bypassFree(pods, observation.recording, observation.nowMs),
    Archiving: archiving(pods),
  };
  // A newer recorder or a restart under way makes no database unwell.
  return { Ready: ready(parts), ...parts, UpToDate: observation.rollout.says };
}

/** Pods that status names. */
const podsMax = 128;
/** Of an image's name, and of why a pod gets no recorder: longer, the API server would refuse the whole status. */
const textCharsMax = 512;

/** Shape of RecordedDatabaseStatus, conditions aside. */
export function statusFields(observation: DatabaseObservation): Record<string, unknown> {
  const { database, pods, recording, rollout } = observation;
  const mode = commonMode(pods);
  const isHeard = pods.some((pod) => statusOf(pod) !== null);
  const { sessionsRecorded, sessionsSeen, bypasses, lagSeconds, lastBypassMs } = recording;
  return {
    observedGeneration: database.generation,
    ...(mode === null ? {} : { mode }),
    coverage: coverageText(recording),
    ...(isHeard ? { sessionsRecorded, lagSeconds } : {}),
    ...(recording.state === 'measured' ? { sessionsSeen, bypasses } : {}),
    ...(lastBypassMs === null ? {} : { lastBypassTime: wholeSeconds(new Date(lastBypassMs)) }),
    pods: [...pods]
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .slice(0, podsMax)
      .map((pod) => podFields(pod, recording.counted.get(pod.uid))),
    ...(rollout.state === null ? {} : { rollout: rollout.state }),
  };
}

function podFields(pod: ObservedPod, bypasses: number | undefined): Record<string, unknown> {
  const { name, uid, injected: isInjected, need, skipped, recorderImage, runningHash } = pod;
  const said = statusOf(pod);
  const mode = achievedMode(pod);
  return {
    name,
    uid,
    injected: isInjected,
    ...(need === null ? {} : { need }),
    ...(need === 'Injection' && skipped !== '' ? { skipped: skipped.slice(0, textCharsMax) } : {}),
    ...(isInjected ? { recorderImage: recorderImage.slice(0, textCharsMax), configHash: runningHash } : {}),
    ...(isInjected ? { capture: podCapture(pod) } : {}),
    ...(mode === null ? {} : { mode }),
    ...(said === null ? {} : { sessionsRecorded: said.sessions.recorded }),
    ...(bypasses === undefined ? {} : { bypasses }),
  };
}
