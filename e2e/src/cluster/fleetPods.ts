/**
 * Owns pods of the database `fleet` where no kubelet and no StatefulSet is: made as one does, told of as the other does, each with a
 * recorder that is played.
 */
import { type PlayedRecorder, playRecorder } from './playedRecorder.ts';

/** What tests of running pods ask of the operator's own test. */
export interface OperatorUnderTest {
  /** kubectl that must succeed; its output. */
  done(args: readonly string[], input?: object): string;
  eventually(what: string, look: () => unknown, wanted: unknown, ms?: number): Promise<void>;
  /** `Status/Reason` of a condition. */
  condition(name: string, type: string): string;
  message(name: string, type: string): string;
  database(name: string, more?: object, app?: string): object;
  pod(namespace: string, app: string, name?: string): object;
  /** Ends the replica that leads; another one takes over, and one more is started. */
  changeLeader(): Promise<void>;
  metrics(): Promise<string>;
}

interface RawPod {
  readonly metadata: {
    readonly labels: Record<string, string>;
    readonly annotations?: Record<string, string>;
  };
  readonly spec: { readonly initContainers?: readonly { readonly name: string; readonly image: string }[] };
}

const owner = { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'fleet', uid: 'set', controller: true };

/** Of the loopback network, and of this run alone: the operator looks for recorders on one port. */
export const podAddress = (pod: number): string =>
  `127.${100 + ((process.pid >> 16) % 100)}.${(process.pid >> 8) % 256}.${(process.pid % 25) * 10 + pod}`;

export function fleetPods(operator: OperatorUnderTest) {
  const { done, eventually } = operator;
  const played = new Map<string, PlayedRecorder>();

  const get = (kind: string, name: string, path: string): string =>
    done(['-n', 'shop', 'get', kind, name, '-o', `jsonpath={${path}}`]);
  const rawPod = (name: string): RawPod =>
    JSON.parse(done(['-n', 'shop', 'get', 'pod', name, '-o', 'json'])) as RawPod;
  /** '' where there is none. */
  const uidOf = (name: string): string =>
    done([
      '-n',
      'shop',
      'get',
      'pods',
      `--field-selector=metadata.name=${name}`,
      '-o',
      'jsonpath={.items[*].metadata.uid}',
    ]);
  const toldOf = (name: string): string[] =>
    done([
      'get',
      'events',
      '-A',
      '-o',
      `jsonpath={range .items[?(@.involvedObject.name=="${name}")]}{.involvedObject.kind}/{.reason}{"\\n"}{end}`,
    ]).split('\n');

  /** As its StatefulSet makes it: with an owner, and the labels of the database from the start or only afterwards. */
  async function make(name: string, isBare: boolean): Promise<void> {
    await eventually(`${name} is made`, () => isMade(name, isBare), true);
  }

  /** The API server, and every replica, take a moment to hear of a new database: until then a pod comes out bare. */
  function isMade(name: string, isBare: boolean): boolean {
    const made = operator.pod('shop', 'fleet', name) as { metadata: object };
    const labels = isBare ? { bare: 'yes' } : { app: 'fleet' };
    done(['create', '--validate=false', '-f', '-'], {
      ...made,
      metadata: { ...made.metadata, labels, ownerReferences: [owner] },
    });
    if (isBare) done(['-n', 'shop', 'label', 'pod', name, 'app=fleet']);
    if (isBare || rawPod(name).spec.initContainers !== undefined) return true;
    done(['-n', 'shop', 'delete', 'pod', name, '--grace-period=0', '--force']);
    return false;
  }

  /** As its kubelet tells it. */
  function tell(name: string, ip: string, container: string, isReady = true): void {
    const status = {
      phase: 'Running',
      podIP: ip,
      podIPs: [{ ip }],
      conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }],
      initContainerStatuses: [
        {
          name: 'pgtape-recorder',
          ready: isReady,
          started: true,
          containerID: `containerd://${container}`,
          image: 'i',
          imageID: '',
          restartCount: 0,
          state: { running: {} },
        },
      ],
    };
    const own =
      rawPod(name).spec.initContainers === undefined ? { ...status, initContainerStatuses: [] } : status;
    done([
      '-n',
      'shop',
      'patch',
      'pod',
      name,
      '--subresource=status',
      '--type=merge',
      '-p',
      JSON.stringify({ status: own }),
    ]);
  }

  async function play(name: string, ip: string, captures = true): Promise<PlayedRecorder> {
    const hash = rawPod(name).metadata.annotations?.['pgtape.dev/config-hash'] ?? '';
    const recorder = await playRecorder(ip, 'shop/fleet', hash, captures);
    played.set(name, recorder);
    return recorder;
  }

  const rollout = (): { failures?: number; active?: { pod: string } } =>
    JSON.parse(get('recdb', 'fleet', '.status.rollout') || '{}') as object;
  const budget = (disruptionsAllowed: number): void => {
    const status = {
      observedGeneration: 1,
      disruptionsAllowed,
      currentHealthy: 2,
      desiredHealthy: 1,
      expectedPods: 2,
    };
    done([
      '-n',
      'shop',
      'patch',
      'pdb',
      'fleet',
      '--subresource=status',
      '--type=merge',
      '-p',
      JSON.stringify({ status }),
    ]);
  };

  return { played, get, rawPod, uidOf, toldOf, make, tell, play, rollout, budget };
}
