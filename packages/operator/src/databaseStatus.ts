/**
 * Owns what the status of a RecordedDatabase says. What nothing measures is `Unknown`, never well. Reasons are stable
 * words: scripts wait for them. Pure.
 */
import type { DatabaseFacts } from './databaseFacts.ts';
import { GUARD_MINOR } from './desiredObjects.ts';
import type { PodCoverage } from './podCoverage.ts';
import type { SelectorConflict } from './selectorConflicts.ts';
import { type Verdict, verdict } from './statusConditions.ts';

/** What became of writing the objects of one database; '' where it is well. For people, with verb and resource. */
export interface WriteProblems {
  readonly configMap: string;
  readonly webhook: string;
  readonly guard: string;
}

export interface DatabaseObservation {
  readonly database: DatabaseFacts;
  readonly pods: readonly PodCoverage[];
  readonly conflict: SelectorConflict | null;
  readonly isArchiveThere: boolean;
  /** Of what its recorders should run with; '' where nothing should. */
  readonly configHash: string;
  readonly writes: WriteProblems;
  /** Why a pod made as a dry run did not come back with a recorder; '' where it did; null: not tried yet. */
  readonly canary: string | null;
  readonly minorVersion: number;
}

const names = (pods: readonly PodCoverage[]): string => pods.map(({ name }) => name).join(', ');

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

function archiveFound({ database, isArchiveThere }: DatabaseObservation): Verdict {
  const name = database.spec?.archiveRef;
  if (name === undefined) return verdict('Unknown', 'Invalid', 'the RecordedDatabase is not understood');
  if (isArchiveThere) return verdict('True', 'Found', '');
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
  return verdict('False', 'RestartRequired', `without a recorder: ${names(bare)}; ${commands.join('; ')}`);
}

function inSync({ pods, configHash, writes }: DatabaseObservation): Verdict {
  if (writes.configMap !== '') return verdict('False', 'ConfigNotWritten', writes.configMap);
  const recorded = pods.filter((pod) => pod.injected);
  if (recorded.length === 0) return verdict('Unknown', 'NoRecorder', 'no pod has a recorder');
  const old = recorded.filter((pod) => pod.configHash !== configHash);
  if (old.length === 0) return verdict('True', 'Current', '');
  const commands = [...new Set(old.map(({ restart }) => restart))];
  return verdict(
    'False',
    'RestartRequired',
    `made with an older configuration: ${names(old)}; ${commands.join('; ')}`,
  );
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

const notMeasured = (what: string): Verdict =>
  verdict('Unknown', 'NotMeasured', `${what} is not measured by this version`);

/** Well: nothing it is made of is False, and there are pods. What is not measured does not make it well or ill. */
function ready(verdicts: Readonly<Record<string, Verdict>>): Verdict {
  const all = Object.entries(verdicts);
  const wrong = all.find(([, { status }]) => status === 'False');
  if (wrong !== undefined) return verdict('False', wrong[1].reason, `${wrong[0]}: ${wrong[1].message}`);
  const open = all.find(([, { status, reason }]) => status === 'Unknown' && reason !== 'NotMeasured');
  if (open !== undefined) return verdict('Unknown', open[1].reason, `${open[0]}: ${open[1].message}`);
  return verdict(
    'True',
    'Injected',
    'every pod has a recorder; what it captures is not measured by this version',
  );
}

/** By type, in the order they are shown. */
export function databaseVerdicts(observation: DatabaseObservation): Record<string, Verdict> {
  const { database } = observation;
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
    Captured: notMeasured('whether clients reach the recorder by every address'),
    Guarded: guarded(observation),
    BypassFree: notMeasured('whether sessions go past the recorder'),
  };
  return { Ready: ready(parts), ...parts };
}

/** Shape of RecordedDatabaseStatus, conditions aside. */
export function statusFields({ database, pods }: DatabaseObservation): Record<string, unknown> {
  return {
    observedGeneration: database.generation,
    coverage: 'Unknown',
    pods: [...pods]
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .slice(0, 128)
      .map(({ name, uid, injected: isInjected, recorderImage, configHash }) => ({
        name,
        uid,
        injected: isInjected,
        ...(isInjected ? { recorderImage, configHash } : {}),
      })),
  };
}
