/** Owns which changes people are told of by Events. Pure. */
import type { KubeObject, Told } from '@pgtape/kube';
import type { Condition } from './apiFields.ts';
import type { ForeignChange, Written } from './applyObjects.ts';
import { annotations } from './injectionPlan.ts';

/** Of a rollout: what somebody must act on; its steps have Events of their own. */
const stuck = new Set(['EvictionRefused', 'StoppedAfterFailures', 'NotInjectable', 'NoOwner']);

function isTold(type: string, reason: string): boolean {
  // Ready says what another condition says already; a bypass is told each time, not once.
  if (type === 'Ready' || reason === 'BypassDetected') return false;
  return type !== 'UpToDate' || stuck.has(reason);
}

/** What became wrong, and what is well again; what is merely unknown is in status only. */
export function conditionNotices(
  regarding: KubeObject,
  before: readonly Condition[],
  after: readonly Condition[],
): Told[] {
  return after.flatMap(({ type, status, reason, message }): Told[] => {
    const known = before.find((one) => one.type === type);
    if (!isTold(type, reason) || (known?.status === status && known.reason === reason)) return [];
    if (status === 'False')
      return [{ regarding, type: 'Warning', reason, action: type, note: message || `${type} is not so` }];
    if (status === 'True' && known?.status === 'False')
      return [{ regarding, type: 'Normal', reason, action: type, note: message || `${type} is so again` }];
    return [];
  });
}

/** The API server tells what somebody wrote with; which user that was stands in its audit log. */
function whatHappened({ managers, fields }: ForeignChange): string {
  const what = fields.length === 0 ? 'deleted' : 'changed';
  const where = fields.length === 0 ? '' : ` (${fields.join(', ')})`;
  return `${what} by somebody else${managers.length === 0 ? '' : `, with ${managers.join(', ')}`}${where}`;
}

/** About the object itself: it may belong to no database, or to all. */
export function driftNotices(written: readonly Written[]): Told[] {
  return written.flatMap((one): Told[] => {
    if (one.how !== 'reverted') return [];
    const { object, key } = one;
    const of = object.metadata.annotations?.[annotations.by];
    const says = of === undefined ? 'the RecordedDatabases say' : `RecordedDatabase ${of} says`;
    const note = `${key} was ${whatHappened(one.foreign)} and is again what ${says}`;
    return [{ regarding: object, type: 'Warning', reason: 'DriftReverted', action: 'Apply', note }];
  });
}
