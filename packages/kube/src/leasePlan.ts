/**
 * Owns who leads by a Lease (coordination.k8s.io/v1), as client-go decides it: a holder is dead when its record stood
 * unchanged under our own monotonic clock for the lease's duration. Clocks of two machines are never compared. Pure.
 */
import type { KubeObject, ObjectMeta } from './kubeObject.ts';
import { microTime } from './microTime.ts';

export interface LeaseTiming {
  /** How long a silent holder keeps the lease. */
  readonly durationMs: number;
  /** The holder gives up leading when it could not renew for so long; less than `durationMs`. */
  readonly renewDeadlineMs: number;
  readonly retryMs: number;
}

/** Kubernetes' own components use these. */
export const ordinaryTiming: LeaseTiming = { durationMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2000 };

/** The Lease as last seen, and since when it stands like that, monotonic milliseconds. */
export interface ObservedLease {
  readonly holder: string;
  /** Changes with every renewal. */
  readonly record: string;
  readonly sinceMs: number;
}

export type LeaseMove =
  /** There is none: make it ours. */
  | { readonly move: 'create' }
  /** It is ours. */
  | { readonly move: 'renew' }
  /** Nobody holds it any more. */
  | { readonly move: 'take'; readonly from: string }
  | { readonly move: 'wait'; readonly holder: string };

interface LeaseSpec {
  readonly holderIdentity?: unknown;
  readonly renewTime?: unknown;
  readonly acquireTime?: unknown;
  readonly leaseTransitions?: unknown;
  readonly leaseDurationSeconds?: unknown;
}

export function specOf(lease: KubeObject): LeaseSpec {
  const { spec } = lease;
  return typeof spec === 'object' && spec !== null ? spec : {};
}

function holderOf(lease: KubeObject): string {
  const { holderIdentity } = specOf(lease);
  return typeof holderIdentity === 'string' ? holderIdentity : '';
}

/** The same observation when the record has not changed since. */
export function observed(lease: KubeObject, before: ObservedLease | null, nowMs: number): ObservedLease {
  const { renewTime, acquireTime, leaseTransitions } = specOf(lease);
  const record = JSON.stringify([holderOf(lease), renewTime, acquireTime, leaseTransitions]);
  return before?.record === record ? before : { holder: holderOf(lease), record, sinceMs: nowMs };
}

/** @param lease null: there is none */
export function leaseMove(
  lease: ObservedLease | null,
  me: string,
  nowMs: number,
  timing: LeaseTiming,
): LeaseMove {
  if (lease === null) return { move: 'create' };
  if (lease.holder === me) return { move: 'renew' };
  if (lease.holder === '' || nowMs - lease.sinceMs >= timing.durationMs)
    return { move: 'take', from: lease.holder };
  return { move: 'wait', holder: lease.holder };
}

/**
 * The Lease to be written for a move; `lease` is what was read, whose resource version makes the write conditional.
 * @param holder '' gives it away
 */
export function leaseObject(
  place: { readonly namespace: string; readonly name: string },
  lease: KubeObject | null,
  holder: string,
  wallMs: number,
  timing: LeaseTiming,
): KubeObject {
  const before = lease === null ? {} : specOf(lease);
  const isSame = lease !== null && holderOf(lease) === holder;
  const now = microTime(wallMs);
  const transitions = typeof before.leaseTransitions === 'number' ? before.leaseTransitions : 0;
  const metadata: ObjectMeta = lease === null ? { ...place } : { ...lease.metadata };
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata,
    spec: {
      ...before,
      holderIdentity: holder,
      leaseDurationSeconds: holder === '' ? 1 : Math.ceil(timing.durationMs / 1000),
      acquireTime: isSame ? before.acquireTime : now,
      renewTime: now,
      leaseTransitions: isSame || lease === null || holder === '' ? transitions : transitions + 1,
    },
  };
}
