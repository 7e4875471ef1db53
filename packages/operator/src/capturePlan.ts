/**
 * Owns which way clients are led through the recorder, for one pod, and why not another. Never weaker than asked for
 * without saying so. Pure.
 */

import { hasCertificateReplicas, isOperatorOwned, type Platform, type PodFacts } from './podFacts.ts';
import type { CaptureMode } from './recordedDatabase.ts';

/** Pod Security Standards: what the namespace enforces. */
export type PodSecurity = 'privileged' | 'baseline' | 'restricted';
export type AchievableMode = Exclude<CaptureMode, 'Auto'>;

/** What is known of the cluster and the database's Services beside the pod. */
export interface CaptureFacts {
  readonly platform: Platform;
  readonly podSecurity: PodSecurity;
  /** Name of the target port of the Services that lead to the pod; null: numbers, or none. */
  readonly namedPort: string | null;
  /** Named ports of native sidecars reach Services from 1.32 on. */
  readonly minorVersion: number;
}

/**
 * Why a mode cannot be had:
 * - `host_network`: the pod has the node's network; nothing here may redirect that;
 * - `no_container`: there is no container of that name;
 * - `operator_owned`: another operator shapes the pod's own containers;
 * - `custom_command`: the container runs something of its own, whose arguments are not PostgreSQL's;
 * - `pod_security`: the namespace does not allow NET_ADMIN;
 * - `no_named_port`: the Services name no port, or the container has none of that name;
 * - `old_cluster`: the cluster is older than 1.32;
 * - `certificate_replicas`: the platform's replicas log in with certificates, which only raw peers may (of `Auto`; asked for, it is had).
 */
export type WhyNot =
  | 'host_network'
  | 'no_container'
  | 'operator_owned'
  | 'custom_command'
  | 'pod_security'
  | 'no_named_port'
  | 'old_cluster'
  | 'certificate_replicas';

export type CapturePlan =
  | {
      readonly mode: AchievableMode /** Of `Auto`: the stronger modes, and why not. */;
      readonly instead: readonly Refused[];
    }
  | { readonly mode: null; readonly instead: readonly Refused[] };

export interface Refused {
  readonly mode: AchievableMode;
  readonly why: WhyNot;
}

const strongestFirst: readonly AchievableMode[] = ['AddressSwap', 'Redirect', 'NamedPort', 'Service'];

export interface AskedCapture {
  readonly mode: CaptureMode;
  readonly container: string;
  readonly rawPeers?: readonly string[] | undefined;
}

/** `asked` other than Auto is had or nothing is. */
export function capturePlan(pod: PodFacts, asked: AskedCapture, facts: CaptureFacts): CapturePlan {
  const isAuto = asked.mode === 'Auto';
  const candidates = asked.mode === 'Auto' ? strongestFirst : [asked.mode];
  const instead: Refused[] = [];
  for (const mode of candidates) {
    const why =
      whyNot(pod, asked.container, mode, facts) ?? (isAuto ? whyNotChosen(mode, asked, facts) : null);
    if (why === null) return { mode, instead };
    instead.push({ mode, why });
  }
  return { mode: null, instead };
}

function whyNot(pod: PodFacts, name: string, mode: AchievableMode, facts: CaptureFacts): WhyNot | null {
  if (pod.spec.hostNetwork === true) return 'host_network';
  const container = pod.spec.containers.find((one) => one.name === name);
  if (container === undefined) return 'no_container';
  switch (mode) {
    case 'AddressSwap':
      if (isOperatorOwned(facts.platform)) return 'operator_owned';
      // Bitnami takes flags by an environment variable, whatever the command is.
      return container.command === undefined || facts.platform === 'Bitnami' ? null : 'custom_command';
    case 'Redirect':
      return facts.podSecurity === 'privileged' ? null : 'pod_security';
    case 'NamedPort': {
      if (isOperatorOwned(facts.platform) && facts.platform !== 'Crunchy') return 'operator_owned';
      if (facts.minorVersion < 32) return 'old_cluster';
      const { namedPort } = facts;
      const isThere = (container.ports ?? []).some(
        (port) => port.name !== undefined && port.name === namedPort,
      );
      return namedPort === null || !isThere ? 'no_named_port' : null;
    }
    case 'Service':
      return null;
  }
}

/** What is possible, and would break the database where nobody has said who its replicas are. */
function whyNotChosen(
  mode: AchievableMode,
  { rawPeers }: AskedCapture,
  { platform }: CaptureFacts,
): WhyNot | null {
  if (mode !== 'Redirect' || rawPeers !== undefined) return null;
  return hasCertificateReplicas(platform) ? 'certificate_replicas' : null;
}
