/**
 * Owns what the status of a RecordingArchive says of the key its log is signed with: the leader sees the Secret, the vault that
 * lost it may not even start. Pure.
 */
import type { KubeObject } from '@pgtape/kube';
import type { Condition } from './apiFields.ts';
import { conditionsOf } from './databaseFacts.ts';
import type { LogKeyState } from './logKeySecret.ts';
import { conditionsFrom, type Verdict, verdict, wholeSeconds } from './statusConditions.ts';

const TYPE = 'LogKeyPresent';

/** @param secret `namespace/name`, for people */
function logKeyVerdict(state: Exclude<LogKeyState, 'make'>, secret: string): Verdict {
  switch (state) {
    case 'kept':
      return verdict('True', 'LogKeyKept', `Secret ${secret}`);
    case 'lost':
      return verdict('False', 'LogKeyLost', `Secret ${secret} is gone: bring it back from a backup`);
    case 'not_understood':
      return verdict('False', 'SecretNotUnderstood', `Secret ${secret} holds no Ed25519 key in PKCS #8`);
  }
}

const isSame = (a: Condition, b: Condition): boolean =>
  a.status === b.status &&
  a.reason === b.reason &&
  a.message === b.message &&
  a.observedGeneration === b.observedGeneration;

/**
 * The one condition that the operator writes, beside those of the vault; null: the archive says so already, or the key is only
 * about to be made.
 */
export function logKeyCondition(
  archive: KubeObject,
  state: LogKeyState,
  secret: string,
  nowMs: number,
): Condition | null {
  if (state === 'make') return null;
  const before = conditionsOf(archive);
  const { generation = 0 } = archive.metadata;
  const [wanted] = conditionsFrom(
    { [TYPE]: logKeyVerdict(state, secret) },
    before,
    generation,
    wholeSeconds(new Date(nowMs)),
  );
  if (wanted === undefined) return null;
  return before.some((one) => one.type === TYPE && isSame(one, wanted)) ? null : wanted;
}
