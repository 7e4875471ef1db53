/**
 * Owns the ValidatingAdmissionPolicies that look at a covered pod after all webhooks: no server of ours has to run for
 * them. Written with literals and bound to one namespace each: with a paramKind, an API server that starts without our CRD
 * refuses every pod of the cluster (measured on 1.36.3). Pure.
 */
import type { KubeObject } from '@pgtape/kube';
import { celList, celString } from './celText.ts';
import { clusterName, configMapName, managedBy, type ProtectedDatabase } from './clusterNames.ts';
import { annotations, RECORDER_CONTAINER } from './injectionPlan.ts';

const apiVersion = 'admissionregistration.k8s.io/v1';

/** Labels may be missing altogether, and a CEL expression that fails denies under `Fail`. */
function selectedBy(matchLabels: Readonly<Record<string, string>>, of: string): string {
  const each = Object.entries(matchLabels).map(([name, value]) => {
    const key = celString(name);
    return `(${key} in ${of}.metadata.labels && ${of}.metadata.labels[${key}] == ${celString(value)})`;
  });
  return [`has(${of}.metadata.labels)`, ...each].join(' && ');
}

const isCovered = [
  'has(object.metadata.annotations)',
  `${celString(annotations.by)} in object.metadata.annotations`,
  'has(object.spec.initContainers)',
  `object.spec.initContainers.exists(c, c.name == ${celString(RECORDER_CONTAINER)} && has(c.restartPolicy) && c.restartPolicy == 'Always')`,
].join(' && ');

/** What the API server fills in: written out, so that an object can be compared whole with what it should be. */
const everything = { matchPolicy: 'Equivalent', namespaceSelector: {}, objectSelector: {} } as const;

function policy(name: string, spec: Record<string, unknown>): KubeObject {
  return { apiVersion, kind: 'ValidatingAdmissionPolicy', metadata: { name, labels: managedBy }, spec };
}

function binding(name: string, namespace: string, actions: readonly string[]): KubeObject {
  return {
    apiVersion,
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name, labels: managedBy },
    spec: {
      policyName: name,
      validationActions: actions,
      matchResources: {
        ...everything,
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
      },
    },
  };
}

/** A covered pod that no recorder is in: denied, or let in with a warning to whoever makes it. */
export function admissionGuard(database: ProtectedDatabase): KubeObject[] {
  const { namespace, name, matchLabels, admission } = database;
  const title = clusterName(namespace, name);
  const isRequired = admission === 'Required';
  return [
    policy(title, {
      failurePolicy: isRequired ? 'Fail' : 'Ignore',
      matchConstraints: {
        ...everything,
        resourceRules: [
          {
            apiGroups: [''],
            apiVersions: ['v1'],
            operations: ['CREATE'],
            resources: ['pods'],
            scope: 'Namespaced',
          },
        ],
      },
      matchConditions: [{ name: 'selected', expression: selectedBy(matchLabels, 'object') }],
      validations: [
        {
          expression: isCovered,
          message:
            `this pod serves PostgreSQL and must be recorded (RecordedDatabase ${namespace}/${name}), but no recorder was put into it: ` +
            'see its status for why',
          reason: 'Forbidden',
        },
      ],
    }),
    binding(title, namespace, isRequired ? ['Deny'] : ['Warn', 'Audit']),
  ];
}

/** Who may go into a covered pod all the same. */
export interface ExecExemptions {
  /** `system:serviceaccount:<namespace>:<name>` of database operators. */
  readonly users: readonly string[];
}

/**
 * Exec, attach and ephemeral containers in covered pods. A request to connect brings no labels, only the pod's name: the
 * names are literals, kept up to date by the operator.
 */
export function execGuard(
  database: ProtectedDatabase,
  pods: readonly string[],
  { users }: ExecExemptions,
): KubeObject[] {
  const { namespace, name, exec, breakGlassGroups } = database;
  if (exec === 'Allow') return [];
  const title = `${clusterName(namespace, name)}.exec`;
  const isExempt = [
    "request.userInfo.username.startsWith('system:serviceaccount:kube-system:')",
    `request.userInfo.username in ${celList(users)}`,
    `(has(request.userInfo.groups) && request.userInfo.groups.exists(g, g in ${celList(breakGlassGroups)}))`,
  ].join(' || ');
  const rule = (operations: string[], resources: string[]) => ({
    apiGroups: [''],
    apiVersions: ['v1'],
    operations,
    resources,
    scope: 'Namespaced',
  });
  return [
    policy(title, {
      failurePolicy: 'Fail',
      matchConstraints: {
        ...everything,
        resourceRules: [
          rule(['CONNECT'], ['pods/exec', 'pods/attach']),
          rule(['UPDATE'], ['pods/ephemeralcontainers']),
        ],
      },
      matchConditions: [{ name: 'covered', expression: `request.name in ${celList([...pods].sort())}` }],
      validations: [
        {
          expression: isExempt,
          message:
            `pods of RecordedDatabase ${namespace}/${name} are not entered: what is done inside them is on no tape` +
            (breakGlassGroups.length === 0 ? '' : `; break-glass groups: ${breakGlassGroups.join(', ')}`),
          reason: 'Forbidden',
        },
      ],
    }),
    binding(title, namespace, ['Deny', 'Audit']),
  ];
}

/** Parts of Kubernetes that delete what a namespace or an owner leaves behind, and that write objects anew as they are. */
const ownController = (name: string): string => `system:serviceaccount:kube-system:${name}`;
const partsOfKubernetes = [
  ownController('generic-garbage-collector'),
  ownController('namespace-controller'),
  ownController('storage-version-migrator-controller'),
  // All controllers are this one where they have no accounts of their own.
  'system:kube-controller-manager',
];

/**
 * The configuration of a database's recorders is changed by the operator alone. Nobody's object but ours is looked at, and
 * one that cannot be judged is let through: it is reverted all the same.
 * @param operator as the API server calls it; '': not known, then there is no such guard
 */
export function configGuard({ namespace, name }: ProtectedDatabase, operator: string): KubeObject[] {
  if (operator === '') return [];
  const title = `${clusterName(namespace, name)}.config`;
  const isOurs = [
    'oldObject != null',
    `oldObject.metadata.name == ${celString(configMapName(name))}`,
    'has(oldObject.metadata.annotations)',
    `${celString(annotations.by)} in oldObject.metadata.annotations`,
  ].join(' && ');
  return [
    policy(title, {
      failurePolicy: 'Ignore',
      matchConstraints: {
        ...everything,
        resourceRules: [
          {
            apiGroups: [''],
            apiVersions: ['v1'],
            operations: ['UPDATE', 'DELETE'],
            resources: ['configmaps'],
            scope: 'Namespaced',
          },
        ],
      },
      matchConditions: [{ name: 'ours', expression: isOurs }],
      validations: [
        {
          expression: `request.userInfo.username in ${celList([operator, ...partsOfKubernetes])}`,
          message:
            `recorders of RecordedDatabase ${namespace}/${name} are configured by this ConfigMap, which the operator alone changes: ` +
            'change the RecordedDatabase',
          reason: 'Forbidden',
        },
      ],
    }),
    binding(title, namespace, ['Deny', 'Audit']),
  ];
}
