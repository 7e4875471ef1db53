/** Owns the containers and volumes that a recorder is in a pod. Every volume of ours is optional: a pod starts without them. Pure. */
import { RECORDER_AUDIENCE } from '@pgtape/kube';
import type { AchievableMode } from './capturePlan.ts';
import { annotations, type InjectionPlan, RECORDER_CONTAINER } from './injectionPlan.ts';
import type { QosClass } from './podFacts.ts';
import { HEALTH_PORT, paths, RECORDER_PORT, RECORDER_UID } from './podPlaces.ts';
import type { RecordedDatabaseSpec } from './recordedDatabase.ts';
import { modeEnvironment } from './recorderSettings.ts';

const MEBIBYTE = 1024 * 1024;
/** What the recorder needs beside its journal: measured 90 MB idle, bounded by its own limits under load. */
const MEMORY_BYTES = 256 * MEBIBYTE;

interface ContainerPlan {
  readonly plan: InjectionPlan;
  readonly mode: AchievableMode;
  readonly qos: QosClass;
  readonly journalBytes: number;
}

const restricted = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  runAsNonRoot: true,
  runAsUser: RECORDER_UID,
  runAsGroup: RECORDER_UID,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
};

function quantity(bytes: number): string {
  return `${Math.ceil(bytes / MEBIBYTE)}Mi`;
}

/** The pod keeps its QoS class: a Guaranteed one needs equal requests and limits, a BestEffort one none at all. */
function resourcesOf({ plan, qos, journalBytes }: ContainerPlan): object | undefined {
  if (qos === 'BestEffort') return undefined;
  const { requests = {}, limits = {} } = plan.spec.recorder;
  // The journal lies in memory, and that memory is charged to the container that writes it.
  const memory = limits.memory ?? quantity(MEMORY_BYTES + journalBytes);
  if (qos === 'Guaranteed') {
    const whole = { cpu: limits.cpu ?? requests.cpu ?? '500m', memory };
    return { requests: whole, limits: whole };
  }
  return {
    requests: {
      cpu: requests.cpu ?? '100m',
      memory: requests.memory ?? quantity(MEMORY_BYTES / 2 + journalBytes),
    },
    limits: { memory, ...(limits.cpu === undefined ? {} : { cpu: limits.cpu }) },
  };
}

const downward = (name: string, fieldPath: string): object => ({
  name,
  valueFrom: { fieldRef: { fieldPath } },
});

/** A native sidecar: `restartPolicy: Always` among the init containers. */
export function recorderContainer(container: ContainerPlan): object {
  const { plan, mode } = container;
  const { spec } = plan;
  const port = mode === 'AddressSwap' ? spec.capture.port : RECORDER_PORT;
  return {
    name: RECORDER_CONTAINER,
    image: spec.recorder.image ?? plan.image,
    restartPolicy: 'Always',
    args: [
      'recorder',
      '--config',
      `${paths.config}/recorder.yaml`,
      '--fallback-config',
      `${paths.fallback}/recorder.yaml`,
      '--last-config',
      `${paths.outbox}/last-config.yaml`,
    ],
    env: [
      downward('POD_NAME', 'metadata.name'),
      downward('POD_NAMESPACE', 'metadata.namespace'),
      downward('POD_UID', 'metadata.uid'),
      downward('POD_IP', 'status.podIP'),
      downward('POD_IPS', 'status.podIPs'),
      ...modeEnvironment(mode, spec.capture.port),
    ],
    ports: [
      {
        name: mode === 'NamedPort' ? (plan.namedPort ?? 'pgtape') : 'pgtape',
        containerPort: port,
        protocol: 'TCP',
      },
      { name: 'pgtape-health', containerPort: HEALTH_PORT, protocol: 'TCP' },
    ],
    // Whether clients are served; never whether the archive is well: that would take a primary out of its Service.
    readinessProbe: {
      httpGet: { path: '/readyz', port: HEALTH_PORT },
      periodSeconds: 2,
      failureThreshold: 3,
    },
    ...sameResources(container),
    securityContext: restricted,
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [
      { name: 'pgtape-config', mountPath: paths.config, readOnly: true },
      { name: 'pgtape-pod', mountPath: paths.fallback, readOnly: true },
      { name: 'pgtape-vault', mountPath: paths.vault, readOnly: true },
      { name: 'pgtape-journal', mountPath: paths.journal },
      { name: 'pgtape-outbox', mountPath: paths.outbox },
      ...(spec.tlsSecretName === undefined
        ? []
        : [{ name: 'pgtape-tls', mountPath: paths.tls, readOnly: true }]),
      ...(spec.upstream.caRef === undefined
        ? []
        : [{ name: 'pgtape-upstream', mountPath: paths.upstreamCa, readOnly: true }]),
      ...(spec.coverage.credentialsRef === undefined
        ? []
        : [{ name: 'pgtape-coverage', mountPath: paths.coverage, readOnly: true }]),
    ],
  };
}

/** As root with one capability or two, and nothing else. */
function rootWith(...add: readonly string[]): object {
  return {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    runAsNonRoot: false,
    runAsUser: 0,
    capabilities: { drop: ['ALL'], add },
    seccompProfile: { type: 'RuntimeDefault' },
  };
}

/** Those of the recorder: it runs before it, so that the pod asks for no more, and keeps its QoS class. */
function sameResources(container: ContainerPlan): object {
  const resources = resourcesOf(container);
  return resources === undefined ? {} : { resources };
}

const chown = `require('node:fs').chownSync('${paths.outbox}', ${RECORDER_UID}, ${RECORDER_UID})`;
const giveOutbox = `try { ${chown} } catch (error) { console.error(String(error)) }`;

/**
 * Gives the recorder its outbox: a new volume belongs to root, and to the pod's fsGroup where it has one. Ends well whatever comes,
 * for without it the pod would not start. Needs what `restricted` forbids.
 */
export function outboxContainer(container: ContainerPlan): object {
  return {
    name: 'pgtape-outbox',
    image: container.plan.image,
    command: ['/usr/lib/pgtape/bin/node', '-e', giveOutbox],
    ...sameResources(container),
    securityContext: rootWith('CHOWN'),
    volumeMounts: [{ name: 'pgtape-outbox', mountPath: paths.outbox }],
  };
}

/**
 * Sets the rules of `Redirect` and ends; needs what `restricted` and `baseline` forbid. As root: capabilities of other users come
 * from file capabilities, which `allowPrivilegeEscalation: false` switches off. Where recording is required and the rules cannot be
 * set, the pod does not start; otherwise it does, and clients come past the recorder.
 */
export function redirectContainer(container: ContainerPlan): object {
  const { plan } = container;
  const isRequired = plan.spec.enforcement.admission === 'Required';
  return {
    name: 'pgtape-redirect',
    image: plan.image,
    args: [
      'redirect',
      '--from',
      String(plan.spec.capture.port),
      '--to',
      String(RECORDER_PORT),
      '--except-uid',
      String(RECORDER_UID),
      ...(isRequired ? [] : ['--optional']),
    ],
    ...sameResources(container),
    securityContext: rootWith('NET_ADMIN', 'NET_RAW'),
  };
}

function outboxOf({ spool }: RecordedDatabaseSpec): object {
  const { outboxVolume, outboxSize, storageClassName, claimName } = spool;
  if (outboxVolume === 'Claim') return { persistentVolumeClaim: { claimName } };
  if (outboxVolume === 'EmptyDir') return { emptyDir: { sizeLimit: outboxSize } };
  return {
    ephemeral: {
      volumeClaimTemplate: {
        spec: {
          accessModes: ['ReadWriteOnce'],
          ...(storageClassName === undefined ? {} : { storageClassName }),
          resources: { requests: { storage: outboxSize } },
        },
      },
    },
  };
}

/**
 * Files of Secrets belong to root, and to the pod's fsGroup where it has one: the recorder is neither, so all may read. Only
 * its own container mounts them.
 */
const readMode = 0o444;

/** @param configMap the database's own, with `recorder.yaml` and the vault's `ca.crt` */
export function recorderVolumes(spec: RecordedDatabaseSpec, configMap: string): object[] {
  const { tlsSecretName, upstream, spool, coverage } = spec;
  return [
    {
      name: 'pgtape-config',
      configMap: {
        name: configMap,
        optional: true,
        items: [{ key: 'recorder.yaml', path: 'recorder.yaml' }],
      },
    },
    {
      name: 'pgtape-pod',
      downwardAPI: {
        items: [
          { path: 'recorder.yaml', fieldRef: { fieldPath: `metadata.annotations['${annotations.config}']` } },
        ],
      },
    },
    {
      name: 'pgtape-vault',
      projected: {
        sources: [
          { serviceAccountToken: { audience: RECORDER_AUDIENCE, expirationSeconds: 3600, path: 'token' } },
          { configMap: { name: configMap, optional: true, items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        ],
      },
    },
    { name: 'pgtape-journal', emptyDir: { medium: 'Memory', sizeLimit: spool.journalSize } },
    { name: 'pgtape-outbox', ...outboxOf(spec) },
    ...(tlsSecretName === undefined
      ? []
      : [
          {
            name: 'pgtape-tls',
            secret: { secretName: tlsSecretName, optional: true, defaultMode: readMode },
          },
        ]),
    ...(upstream.caRef === undefined
      ? []
      : [
          {
            name: 'pgtape-upstream',
            secret: {
              secretName: upstream.caRef.name,
              optional: true,
              items: [{ key: upstream.caRef.key, path: 'ca.crt' }],
            },
          },
        ]),
    ...(coverage.credentialsRef === undefined
      ? []
      : [
          {
            name: 'pgtape-coverage',
            secret: { secretName: coverage.credentialsRef, optional: true, defaultMode: readMode },
          },
        ]),
  ];
}
