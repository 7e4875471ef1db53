/** Checks of one pod: how it can be captured, what the recorder changes for it, what is in the way. Pure. */
import {
  isOperatorOwned,
  leavesPortAlone,
  type PodFacts,
  platformFor,
  portProbes,
  qosOf,
  RECORDER_CONTAINER,
  RECORDER_PORT,
  type RecordedDatabaseSpec,
  socketProbes,
  type WhyNot,
} from '@pgtape/operator';
import { isRestartBroken } from './clusterChecks.ts';
import { type Finding, judge } from './finding.ts';
import { imageFindings } from './imageChecks.ts';
import type { InjectionOutlook } from './injectionOutlook.ts';
import { isSidecar, type PodSight } from './podReading.ts';

export interface PodView {
  /** `namespace/pod`. */
  readonly about: string;
  readonly facts: PodFacts;
  readonly sight: PodSight;
  readonly outlook: InjectionOutlook;
  /** Of the node it runs on; '' where that is not known. */
  readonly kubeletVersion: string;
  /** What its owner does to have it made anew. */
  readonly restart: string;
}

const whyNotText: Readonly<Record<WhyNot, string>> = {
  host_network: 'the pod has the network of its node',
  no_container: 'it has no container of the name in spec.capture.container',
  operator_owned: "another operator shapes the pod's own containers",
  custom_command: "the container runs a command of its own, whose arguments are not PostgreSQL's",
  pod_security: 'Pod Security of the namespace forbids NET_ADMIN',
  no_named_port: 'no Service finds the port by a name that the container has',
  old_cluster: 'the cluster is older than 1.32',
  certificate_replicas:
    'its replicas log in with certificates, which are not relayed: name them in spec.capture.rawPeers, or ask for it in spec.capture.mode',
};

const skippedText: Readonly<Record<string, string>> = {
  name_taken: 'a container or volume with a name of ours is there and is not ours',
  mode_not_possible: 'no capture mode is possible',
};

function refusedText({ refused }: InjectionOutlook): string {
  return refused
    .map(({ mode, why }) => {
      const what = why === 'certificate_replicas' ? 'is not chosen' : 'is not possible';
      return `${mode} ${what}: ${whyNotText[why]}`;
    })
    .join('; ');
}

function injectedFinding({ about, outlook, restart }: PodView): Finding {
  const { ok, fail } = judge('recorder_injected', about);
  return outlook.isInjected ? ok('it has a recorder') : fail(`it has no recorder; ${restart}`, 'database');
}

function captureFinding(view: PodView, spec: RecordedDatabaseSpec): Finding {
  const { outlook, about } = view;
  const { ok, warn, fail } = judge('capture_mode', about);
  const why = refusedText(outlook);
  if (outlook.mode === null) {
    const skipped = skippedText[outlook.skipped ?? ''] ?? outlook.skipped ?? '';
    return fail(
      [`it comes out without a recorder: ${skipped}`, why].filter((part) => part !== '').join('; '),
      'database',
    );
  }
  if (outlook.mode !== 'Service') return ok([outlook.mode, why].filter((part) => part !== '').join('; '));
  const asked = spec.capture.mode === 'Service' ? 'as asked' : 'the weakest that there is';
  const tail = why === '' ? '' : `; ${why}`;
  return warn(`Service, ${asked}: who knows the pod's own address goes past the recorder${tail}`, 'database');
}

function podSecurityFinding({ outlook, about }: PodView): Finding {
  const { ok, warn, fail } = judge('pod_security', about);
  const isInTheWay = outlook.refused.some(({ why }) => why === 'pod_security');
  if (!isInTheWay) return ok(`the namespace admits ${outlook.mode ?? 'the pod as it is'}`);
  const text =
    'the namespace does not admit Redirect (pod-security.kubernetes.io/enforce must be privileged)';
  return outlook.mode === null ? fail(text, 'cluster') : warn(`${text}; ${outlook.mode} is used`, 'cluster');
}

function hostNetworkFinding({ facts, about }: PodView): Finding {
  const { ok, fail } = judge('host_network', about);
  return facts.spec.hostNetwork === true
    ? fail("hostNetwork: true: the pod's addresses are those of its node, nothing is injected", 'database')
    : ok('it has a network of its own');
}

const meshes: Readonly<Record<string, string>> = {
  'istio-proxy': 'Istio',
  'linkerd-proxy': 'Linkerd',
  'kuma-sidecar': 'Kuma',
  'consul-dataplane': 'Consul',
};

function meshFinding({ facts, outlook, about }: PodView): Finding {
  const { ok, warn } = judge('mesh', about);
  const all = [...facts.spec.containers, ...(facts.spec.initContainers ?? [])];
  const mesh = all.map(({ name }) => meshes[name]).find((name) => name !== undefined);
  if (mesh === undefined) return ok('no proxy of a mesh');
  if (outlook.mode === 'Redirect')
    return warn(
      `${mesh} redirects the same port; whose rules come first is not ours to say: set spec.capture.mode`,
      'database',
    );
  return ok(`${mesh}: clients are seen as its proxy, 127.0.0.6 or 127.0.0.1`);
}

function portFinding({ facts, outlook, about }: PodView, spec: RecordedDatabaseSpec): Finding {
  const { ok, warn } = judge('port_owner', about);
  const platform = platformFor(facts, spec);
  if (!isOperatorOwned(platform)) return ok(`${platform}: port and listen_addresses are the pod's own`);
  const text = `${platform} owns port and listen_addresses, so PostgreSQL keeps its address`;
  return outlook.mode === 'Redirect'
    ? ok(`${text}; Redirect leads clients away from it`)
    : warn(text, 'database');
}

/** The class the pod has without and with the recorder. */
function qosFinding({ facts, outlook, about }: PodView): Finding {
  const { ok, warn, unknown } = judge('qos', about);
  const initContainers = (facts.spec.initContainers ?? []).filter(({ name }) => name !== RECORDER_CONTAINER);
  const bare: PodFacts = { ...facts, spec: { ...facts.spec, initContainers } };
  if (outlook.recorder === null) return unknown('without a recorder there is nothing to compare');
  const { name, resources } = outlook.recorder;
  const recorder = { name, ...(resources === undefined ? {} : { resources }) };
  const recorded: PodFacts = {
    ...bare,
    spec: { ...bare.spec, initContainers: [...initContainers, recorder] },
  };
  const [before, after] = [qosOf(bare), qosOf(recorded)];
  return before === after
    ? ok(after)
    : warn(`${before} becomes ${after}: set spec.recorder.requests and limits alike`, 'database');
}

/** Past the recorder a probe is a session that nobody recorded, every few seconds. */
function probeFinding({ facts, about, outlook }: PodView): Finding {
  const { ok, warn } = judge('probe_socket', about);
  const isPortOpen = leavesPortAlone(outlook.mode ?? '');
  const containers = isPortOpen ? portProbes(facts) : socketProbes(facts);
  if (containers.length === 0)
    return ok(isPortOpen ? 'no probe goes past the recorder' : 'no probe logs in by the unix socket');
  const probe = `the probe of ${containers.join(', ')}`;
  return warn(
    isPortOpen
      ? `${probe} asks PostgreSQL at its own port or socket, and counts as a session past the recorder each time it is trusted there: ` +
          `give its command -h 127.0.0.1 -p ${RECORDER_PORT}`
      : `${probe} logs in by the unix socket, and each time counts as a session past the recorder: give its command -h 127.0.0.1`,
    'database',
  );
}

function sidecarFinding({ sight, kubeletVersion, about }: PodView): Finding {
  const { ok, warn, unknown } = judge('sidecar_restart', about);
  if (kubeletVersion === '') return unknown('the version of its kubelet is not known');
  const probed = sight.initContainers.filter((one) => isSidecar(one) && one.startupProbe !== undefined);
  if (!isRestartBroken(kubeletVersion) || probed.length === 0)
    return ok('containers that crash are started again');
  const names = probed.map(({ name }) => name).join(', ');
  return warn(
    `kubelet ${kubeletVersion} does not start crashed containers again beside a sidecar with a startupProbe (${names}), ` +
      'once it was restarted itself: 1.35.4 does',
    'cluster',
  );
}

export function podFindings(view: PodView, spec: RecordedDatabaseSpec): Finding[] {
  const isOurs = (container: string): boolean => container.startsWith('pgtape-');
  return [
    injectedFinding(view),
    hostNetworkFinding(view),
    captureFinding(view, spec),
    podSecurityFinding(view),
    portFinding(view, spec),
    meshFinding(view),
    qosFinding(view),
    sidecarFinding(view),
    probeFinding(view),
    ...imageFindings(view.sight, view.about, isOurs),
  ];
}
