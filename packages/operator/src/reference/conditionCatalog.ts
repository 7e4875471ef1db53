/**
 * Owns what each condition of both kinds means, by reason, and who must act on it: for the reference, and for people that
 * `kubectl pgtape` speaks to. Decides no condition. Pure.
 */

/**
 * - `database`: whoever runs the PostgreSQL pods and their RecordedDatabase;
 * - `pgtape`: whoever runs pgtape in the cluster;
 * - `archive`: whoever owns the RecordingArchive;
 * - `cluster`: whoever administers the cluster;
 * - `nobody`: it is well, it is being done, or nothing can be told yet.
 */
export type Actor = 'database' | 'pgtape' | 'archive' | 'cluster' | 'nobody';

export interface ReasonEntry {
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly means: string;
  readonly act: Actor;
}

export interface ConditionEntry {
  readonly type: string;
  /** What it says when it is `True`. */
  readonly means: string;
  readonly reasons: readonly ReasonEntry[];
}

const yes = (reason: string, means: string): ReasonEntry => ({
  status: 'True',
  reason,
  means,
  act: 'nobody',
});
const no = (reason: string, act: Actor, means: string): ReasonEntry => ({
  status: 'False',
  reason,
  means,
  act,
});
const open = (reason: string, act: Actor, means: string): ReasonEntry => ({
  status: 'Unknown',
  reason,
  means,
  act,
});

const noRecorder = open('NoRecorder', 'nobody', 'no pod has a recorder');
const unreachable = open(
  'RecorderUnreachable',
  'database',
  'the operator does not reach port 7418 of a pod with a recorder (NetworkPolicy?)',
);
const portTaken = open(
  'HealthPortTaken',
  'database',
  'somebody who is not the recorder answers on port 7418 of a pod: give the port up, the recorder takes it within 30 s',
);
const noPods = open('NoPods', 'nobody', 'no pod has the labels of the selector');
const invalid = no('Invalid', 'database', 'the spec is not understood: the message says which field');
const unmanaged = no('Unmanaged', 'database', 'managementState is Unmanaged: nothing is done for it');

export const databaseConditions: readonly ConditionEntry[] = [
  {
    type: 'Ready',
    means: 'everything else is well, `UpToDate` aside; otherwise its reason is that of the first that is not',
    reasons: [
      yes('Recorded', 'every address of every pod leads to a recorder'),
      yes('PartlyCaptured', 'as the capture mode has it: PostgreSQL answers beside the recorder'),
      invalid,
      unmanaged,
    ],
  },
  {
    type: 'PolicyAccepted',
    means: 'the spec is understood and nothing contradicts it',
    reasons: [
      yes('Accepted', ''),
      yes('Unmanaged', 'nothing is injected, changed or reverted'),
      no('Invalid', 'database', 'the spec is not understood: the message says which field'),
      no(
        'SelectorConflict',
        'database',
        'an older RecordedDatabase selects the same pods: that one records them',
      ),
    ],
  },
  {
    type: 'ArchiveFound',
    means: 'the RecordingArchive that archiveRef names is there',
    reasons: [
      yes('Found', ''),
      no('NotFound', 'archive', 'there is no RecordingArchive of that name'),
      no('NotServed', 'pgtape', 'no vault serves it: its status names no endpoint'),
      open('NotReadable', 'cluster', 'the operator may not read RecordingArchives'),
      open('Invalid', 'database', 'the spec is not understood'),
    ],
  },
  {
    type: 'InjectorAvailable',
    means: 'a pod made as a dry run came back with a recorder',
    reasons: [
      yes('CanaryInjected', ''),
      no(
        'WebhookNotWritten',
        'pgtape',
        'the webhook configuration could not be written: the message names the right',
      ),
      no('CanaryNotInjected', 'pgtape', 'the API server does not reach the webhook, or not yet'),
      open('NotProbed', 'nobody', 'no pod has been tried yet'),
      invalid,
      unmanaged,
    ],
  },
  {
    type: 'Injected',
    means: 'every pod has a recorder',
    reasons: [
      yes('AllPods', ''),
      no('RestartRequired', 'database', 'the message names pods without one and the command of their owner'),
      noPods,
    ],
  },
  {
    type: 'InSync',
    means: 'every recorder runs with the configuration that was published',
    reasons: [
      yes('Current', ''),
      yes(
        'OtherVersion',
        'recorders are of another version than the operator: what they make of it is not compared',
      ),
      no('RestartRequired', 'database', 'recorders run with an older one: the message has the command'),
      no(
        'PolicyDiffers',
        'database',
        'a recorder of the same version says it seals with another policy: find out who changed it, and restart the pod',
      ),
      no('ConfigNotWritten', 'pgtape', 'the ConfigMap could not be written: the message names the right'),
      noRecorder,
    ],
  },
  {
    type: 'Captured',
    means: 'a probe from outside found that every address leads to a recorder',
    reasons: [
      yes('AllAddresses', ''),
      no('NotCaptured', 'database', 'clients reach PostgreSQL past the recorder'),
      no(
        'PodAddressAnswers',
        'database',
        "clients of the Service are recorded; PostgreSQL answers at the pod's own address",
      ),
      open('NobodyAnswers', 'database', "nothing answers at the pod's address"),
      open('NotProbed', 'nobody', 'not tried yet'),
      unreachable,
      portTaken,
      noRecorder,
    ],
  },
  {
    type: 'TLSMatched',
    means: 'clients are served TLS wherever PostgreSQL would, with its own certificate',
    reasons: [
      yes('Matched', ''),
      no('NotMatched', 'database', 'PostgreSQL offers TLS that the recorder cannot: set spec.tlsSecretName'),
      open('NotKnown', 'nobody', 'PostgreSQL was not asked yet'),
      noRecorder,
    ],
  },
  {
    type: 'Guarded',
    means: 'the API server itself warns of, or refuses, a covered pod without a recorder',
    reasons: [
      yes('Denying', 'such a pod is refused (`enforcement.admission: Required`)'),
      yes('Warning', 'such a pod is let in with a warning'),
      no('GuardNotWritten', 'pgtape', 'the guard could not be written: the message names the right'),
      no('Unsupported', 'cluster', 'Kubernetes is older than 1.30'),
      invalid,
      unmanaged,
    ],
  },
  {
    type: 'BypassFree',
    means: 'no session went past the recorders in the last hour',
    reasons: [
      yes('NoneSeen', ''),
      no(
        'BypassDetected',
        'database',
        '`kubectl pgtape bypasses` names who; it is well again an hour after the last',
      ),
      open(
        'NoCredentials',
        'database',
        'spec.coverage.credentialsRef names no Secret that recorders could use',
      ),
      open('CoverageFailed', 'database', 'PostgreSQL could not be asked for its sessions'),
      open('CoverageStarting', 'nobody', 'recorders begin to measure'),
      open('NotInjected', 'database', 'sessions of pods without a recorder are not counted'),
      unreachable,
      portTaken,
      noPods,
    ],
  },
  {
    type: 'Archiving',
    means: 'nothing older than 60 s waits for the vault',
    reasons: [
      yes('Acknowledged', ''),
      no('Lagging', 'pgtape', 'evidence is older than 60 s and not acknowledged'),
      no('SpoolFull', 'pgtape', 'a spool is full: what happens then says `spool.onFull`'),
      unreachable,
      portTaken,
      noRecorder,
    ],
  },
  {
    type: 'UpToDate',
    means: 'no pod is to be made anew or upgraded',
    reasons: [
      yes('Current', ''),
      no('RestartRequired', 'database', 'pods are to be made anew, and nobody asked the operator to do it'),
      no('UpgradePending', 'database', 'recorders get the new image when their pods are made anew'),
      no('UpgradeAvailable', 'database', 'there is a newer image; `recorder.upgrade` is `Notify`'),
      no('Evicting', 'nobody', 'a pod is being evicted'),
      no('Upgrading', 'nobody', 'the image of a recorder is being changed'),
      no('WaitingForPod', 'nobody', 'a pod was evicted and is not back and ready yet'),
      no('WaitingForPods', 'nobody', 'others must be ready first'),
      no('InjectorUnavailable', 'pgtape', 'a pod made now would get no recorder'),
      no('EvictionRefused', 'database', 'a PodDisruptionBudget does not allow it now; it is tried again'),
      no('NotInjectable', 'database', 'a pod would come back without a recorder'),
      no('NoOwner', 'database', 'nobody would make the pod anew'),
      no(
        'StoppedAfterFailures',
        'database',
        'two pods did not come back as they should; a new configuration starts anew',
      ),
      noPods,
    ],
  },
];

export const archiveConditions: readonly ConditionEntry[] = [
  {
    type: 'Ready',
    means: 'the vault that serves it stores evidence and acknowledges it',
    reasons: [
      yes('Serving', ''),
      no('ArchiveInvalid', 'archive', 'the spec cannot be used: the message says why'),
      no('LogFenced', 'pgtape', 'another vault writes the same archive'),
      open('Starting', 'nobody', 'the vault is starting'),
    ],
  },
  {
    type: 'Locked',
    means: 'the lock was tried at the start of the vault: what it must refuse, it refused',
    reasons: [
      yes('Strict', 'nobody can shorten or delete'),
      yes('Bypassable', 'whoever has the right to can'),
      no('NotLocked', 'archive', 'tamper-evident only: nothing keeps objects from being deleted'),
      no('LockDoubtful', 'archive', 'something was possible that the lock must refuse'),
      open('NotTried', 'nobody', 'no vault has tried the lock'),
    ],
  },
  {
    type: 'LogSigned',
    means: 'a checkpoint of the transparency log was published; the message has the key to check it with',
    reasons: [
      yes('Signed', ''),
      no('LogFenced', 'pgtape', 'another writer has the log'),
      open('NoCheckpoint', 'nobody', 'this vault has published none yet'),
      open('Starting', 'nobody', 'no vault runs'),
    ],
  },
  {
    type: 'LogKeyPresent',
    means:
      'the Secret with the key that the log is signed with is there. The operator of the release that the vault belongs to says so; ' +
      'of a vault without an operator nobody does',
    reasons: [
      yes('LogKeyKept', ''),
      no(
        'LogKeyLost',
        'pgtape',
        'the log was signed by a key whose Secret is gone: bring it back from a backup; no other is made, a vault that starts waits for it',
      ),
      no(
        'SecretNotUnderstood',
        'pgtape',
        'somebody put something else there: the operator leaves it as it is, and a vault that starts cannot use it',
      ),
    ],
  },
];

/** Who must act on a condition as it is found; null: it is of a newer version. */
export function actorOf(
  catalog: readonly ConditionEntry[],
  condition: { readonly type: string; readonly status: string; readonly reason: string },
): Actor | null {
  const own = catalog.find(({ type }) => type === condition.type)?.reasons ?? [];
  const fits = ({ status, reason }: ReasonEntry): boolean =>
    status === condition.status && reason === condition.reason;
  // What is not well of the others is the reason of Ready, too.
  const all = condition.type === 'Ready' ? [...own, ...catalog.flatMap(({ reasons }) => reasons)] : own;
  return all.find(fits)?.act ?? null;
}
