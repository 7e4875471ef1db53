/** Checks of what leads to a pod and away from it: Services, NetworkPolicies. Pure. */
import type { KubeObject } from '@pgtape/kube';
import { HEALTH_PORT } from '@pgtape/operator';
import { z } from 'zod';
import type { Read } from '../cluster.ts';
import { type Finding, judge } from './finding.ts';

type Labels = Readonly<Record<string, string>>;

const hasLabels = (labels: Labels, wanted: Labels): boolean =>
  Object.entries(wanted).every(([name, value]) => labels[name] === value);

const NetworkService = z.looseObject({
  spec: z.looseObject({
    selector: z.record(z.string(), z.string()).default({}),
    ports: z
      .array(z.looseObject({ port: z.int(), targetPort: z.union([z.string(), z.int()]).optional() }))
      .default([]),
  }),
});

/** `postgres (by name: pg)`, for each port of a Service that is PostgreSQL's. */
function targetsOf(
  service: KubeObject,
  port: number,
): { how: 'number' | 'name' | 'endpoints'; text: string }[] {
  const parsed = NetworkService.safeParse(service);
  if (!parsed.success) return [];
  const { selector, ports } = parsed.data.spec;
  const isManaged = Object.keys(selector).length === 0;
  return ports
    .filter((one) => one.port === port || one.targetPort === port || typeof one.targetPort === 'string')
    .map(({ port: own, targetPort = own }) => {
      const { name } = service.metadata;
      if (isManaged) return { how: 'endpoints', text: `${name} (somebody writes its endpoints)` };
      return typeof targetPort === 'string'
        ? { how: 'name', text: `${name} (by the name ${targetPort})` }
        : { how: 'number', text: `${name} (by the number ${targetPort})` };
    });
}

function leadsTo(service: KubeObject, labels: Labels): boolean {
  const parsed = NetworkService.safeParse(service);
  if (!parsed.success) return false;
  const { selector } = parsed.data.spec;
  return Object.keys(selector).length > 0 && hasLabels(labels, selector);
}

/** Whether the Services of a database go through the recorder in this mode. */
export function targetPortFinding(
  about: string,
  services: Read<readonly KubeObject[]>,
  labels: Labels,
  port: number,
  mode: string | null,
): Finding {
  const { ok, warn, fail, unknown } = judge('service_target_port', about);
  if (!services.isRead) return unknown(services.why, 'cluster');
  const targets = services.value
    .filter((service) => leadsTo(service, labels))
    .flatMap((one) => targetsOf(one, port));
  if (targets.length === 0) return ok('no Service selects it; whatever leads to it uses its address');
  const text = targets.map((target) => target.text).join(', ');
  if (mode === 'AddressSwap' || mode === 'Redirect') return ok(text);
  if (mode === 'NamedPort') {
    const past = targets.filter(({ how }) => how !== 'name');
    return past.length === 0
      ? ok(text)
      : fail(`past the recorder: ${past.map((target) => target.text).join(', ')}`, 'database');
  }
  return warn(
    `${text}: these go past the recorder until clients use the Service that leads to it`,
    'database',
  );
}

const LabelSelector = z.looseObject({
  matchLabels: z.record(z.string(), z.string()).default({}),
  matchExpressions: z
    .array(z.looseObject({ key: z.string(), operator: z.string(), values: z.array(z.string()).default([]) }))
    .default([]),
});
type LabelSelector = z.infer<typeof LabelSelector>;

const PolicyRule = z.looseObject({
  ports: z
    .array(
      z.looseObject({
        protocol: z.string().default('TCP'),
        port: z.union([z.string(), z.int()]).optional(),
        endPort: z.int().optional(),
      }),
    )
    .default([]),
});

const NetworkPolicy = z.looseObject({
  spec: z.looseObject({
    podSelector: LabelSelector.prefault({}),
    policyTypes: z.array(z.string()).optional(),
    ingress: z.array(PolicyRule).optional(),
    egress: z.array(PolicyRule).optional(),
  }),
});
type PolicySpec = z.infer<typeof NetworkPolicy>['spec'];

/** metav1.LabelSelector. */
export function selects({ matchLabels, matchExpressions }: LabelSelector, labels: Labels): boolean {
  if (!hasLabels(labels, matchLabels)) return false;
  return matchExpressions.every(({ key, operator, values }) => {
    const own = labels[key];
    if (operator === 'Exists') return own !== undefined;
    if (operator === 'DoesNotExist') return own === undefined;
    const isAmong = own !== undefined && values.includes(own);
    return operator === 'In' ? isAmong : !isAmong;
  });
}

/** Policies without types are of ingress, and of egress where they have such rules (networking.k8s.io/v1). */
function isOf(direction: 'Ingress' | 'Egress', { policyTypes, egress }: PolicySpec): boolean {
  if (policyTypes !== undefined) return policyTypes.includes(direction);
  return direction === 'Ingress' || (egress ?? []).length > 0;
}

function opens(rule: z.infer<typeof PolicyRule>, port: number): boolean {
  if (rule.ports.length === 0) return true;
  return rule.ports.some(({ protocol, port: from, endPort }) => {
    if (protocol !== 'TCP') return false;
    // A port by name is one of the other pod's, which is not known here.
    if (from === undefined || typeof from === 'string') return true;
    return port >= from && port <= (endPort ?? from);
  });
}

/** By port only: whom a rule lets through is not looked at, and whether the network obeys policies neither. */
export function networkPolicyFindings(
  about: string,
  policies: Read<readonly KubeObject[]>,
  labels: Labels,
  vaultPort: number,
): Finding[] {
  const { ok, fail, warn, unknown } = judge('network_policy', about);
  if (!policies.isRead) return [unknown(policies.why, 'cluster')];
  const specs = policies.value.flatMap((policy) => {
    const parsed = NetworkPolicy.safeParse(policy);
    return parsed.success && selects(parsed.data.spec.podSelector, labels) ? [parsed.data.spec] : [];
  });
  const isShut = (direction: 'Ingress' | 'Egress', port: number): boolean => {
    const isolating = specs.filter((spec) => isOf(direction, spec));
    const rules = isolating.flatMap((spec) => (direction === 'Ingress' ? spec.ingress : spec.egress) ?? []);
    return isolating.length > 0 && !rules.some((rule) => opens(rule, port));
  };
  const findings = [
    isShut('Egress', vaultPort)
      ? fail(`no NetworkPolicy lets the pod out to the vault's port ${vaultPort}`, 'database')
      : null,
    isShut('Ingress', HEALTH_PORT)
      ? warn(
          `no NetworkPolicy lets the operator in to port ${HEALTH_PORT}: coverage and capture stay Unknown`,
          'database',
        )
      : null,
  ].filter((finding) => finding !== null);
  if (findings.length > 0) return findings;
  return [
    ok(
      specs.length === 0
        ? 'no NetworkPolicy selects it'
        : `${specs.length} NetworkPolicies let the recorder through`,
    ),
  ];
}
