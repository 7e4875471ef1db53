/** Of each pod of testdata/pods, what doctor says of it. */
import type { KubeObject } from '@pgtape/kube';
import type { RecordedDatabaseSpec } from '@pgtape/operator';
import { podFindings } from './podChecks.ts';
import { podObject, podView, specFor } from './pods.testing.ts';

const namespace = (level: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: 'shop', labels: { 'pod-security.kubernetes.io/enforce': level } },
});

type Facts = Parameters<typeof podView>[2];

function said(object: KubeObject, spec: RecordedDatabaseSpec, facts: Facts = {}): Record<string, string> {
  const findings = podFindings(podView(object, spec, facts), spec);
  return Object.fromEntries(findings.map(({ check, state, message }) => [check, `${state}: ${message}`]));
}

describe('podFindings', () => {
  it('of a plain pod that is not recorded yet name its owner’s command, and all else is well', () => {
    const pod = podObject('plain');
    const { recorder_injected: injected, ...rest } = said(pod, specFor(pod));
    expect(injected).toMatch(/^fail: it has no recorder; kubectl /);
    expect(rest).toEqual({
      host_network: expect.stringMatching(/^ok/),
      capture_mode: 'ok: AddressSwap',
      pod_security: 'ok: the namespace admits AddressSwap',
      port_owner: expect.stringMatching(/^ok: Plain/),
      mesh: expect.stringMatching(/^ok/),
      qos: expect.stringMatching(/^ok/),
      sidecar_restart: expect.stringMatching(/^ok/),
      probe_socket: expect.stringMatching(/^ok/),
    });
  });

  it.each<[string, string, object, Facts, string, RegExp]>([
    ['the node’s network', 'host-network', {}, {}, 'host_network', /^fail/],
    ['the node’s network', 'host-network', {}, {}, 'capture_mode', /^fail: .*network of its node/],
    [
      'a command of its own in a restricted namespace',
      'custom-command',
      {},
      { namespace: namespace('restricted') },
      'capture_mode',
      /^warn: Service, the weakest that there is.*AddressSwap is not possible.*Redirect is not possible: Pod Security/,
    ],
    [
      'Redirect that Pod Security refuses',
      'plain',
      { capture: { mode: 'Redirect' } },
      { namespace: namespace('baseline') },
      'pod_security',
      /^fail: .*must be privileged/,
    ],
    [
      'Auto that gets less because of Pod Security',
      'custom-command',
      {},
      { namespace: namespace('restricted') },
      'pod_security',
      /^warn: .*; Service is used/,
    ],
    [
      'another operator',
      'cloudnative-pg',
      { capture: { mode: 'Service' } },
      {},
      'port_owner',
      /^warn: CloudNativePG owns/,
    ],
    [
      'another operator, redirected',
      'cloudnative-pg',
      { capture: { mode: 'Redirect' } },
      {},
      'port_owner',
      /^ok: CloudNativePG owns.*Redirect/,
    ],
    [
      'another operator, whose replicas log in with certificates',
      'cloudnative-pg',
      {},
      {},
      'capture_mode',
      /^warn: Service, the weakest that there is.*Redirect is not chosen: its replicas.*spec\.capture\.rawPeers/,
    ],
    ['a mesh', 'mesh', {}, {}, 'mesh', /^ok: (Istio|Linkerd)/],
    [
      'a mesh that redirects too',
      'mesh',
      { capture: { mode: 'Redirect' } },
      {},
      'mesh',
      /^warn: (Istio|Linkerd)/,
    ],
    ['Guaranteed', 'official-guaranteed', {}, {}, 'qos', /^ok: Guaranteed$/],
    ['BestEffort', 'best-effort', {}, {}, 'qos', /^ok: BestEffort$/],
    ['no pod of a wrong mode', 'custom-command', { capture: { mode: 'AddressSwap' } }, {}, 'qos', /^unknown/],
    ['a node nobody may list', 'plain', {}, { kubeletVersion: '' }, 'sidecar_restart', /^unknown/],
  ])('%s (%s): %j', (_, name, more, facts, check, wanted) => {
    const pod = podObject(name);
    const spec = specFor(pod, more);
    expect(said(pod, spec, facts)[check]).toMatch(wanted);
  });

  it('of a pod with a recorder say so, and whether its image was pulled', () => {
    const pod = podObject('plain') as KubeObject & { spec: object };
    const image = 'registry.example/pgtape@sha256:0';
    const recorded = {
      ...pod,
      metadata: {
        ...pod.metadata,
        annotations: { 'pgtape.dev/recorded-by': 'shop/orders', 'pgtape.dev/capture-mode': 'AddressSwap' },
      },
      spec: { ...pod.spec, initContainers: [{ name: 'pgtape-recorder', image, restartPolicy: 'Always' }] },
      status: {
        initContainerStatuses: [
          {
            name: 'pgtape-recorder',
            image,
            state: { waiting: { reason: 'ErrImagePull', message: 'denied' } },
          },
        ],
        containerStatuses: [
          { name: 'postgres', image: 'theirs', state: { waiting: { reason: 'ErrImagePull' } } },
        ],
      },
    };
    expect(said(recorded, specFor(pod))).toMatchObject({
      recorder_injected: 'ok: it has a recorder',
      capture_mode: 'ok: AddressSwap',
      image_pull: `fail: ${image}: ErrImagePull: denied`,
    });
  });

  it('warn of a kubelet that leaves crashed containers down beside a probed sidecar', () => {
    const pod = podObject('plain') as KubeObject & { spec: object };
    const sidecar = { name: 'other', restartPolicy: 'Always', startupProbe: { tcpSocket: { port: 1 } } };
    const probed = { ...pod, spec: { ...pod.spec, initContainers: [sidecar] } };
    const spec = specFor(pod);
    expect(said(probed, spec, { kubeletVersion: 'v1.35.2' }).sidecar_restart).toMatch(/^warn: .*\(other\)/);
    expect(said(probed, spec, { kubeletVersion: 'v1.35.4' }).sidecar_restart).toMatch(/^ok/);
    expect(said(pod, spec, { kubeletVersion: 'v1.35.2' }).sidecar_restart).toMatch(/^ok/);
  });

  it.each([
    ['AddressSwap', '-h 127.0.0.1', /^ok/],
    ['Service', '-h 127.0.0.1', /^warn: the probe of postgres .*give its command -h 127\.0\.0\.1 -p 6432$/],
    ['Service', '-h 127.0.0.1 -p 6432', /^ok/],
    [
      'AddressSwap',
      '-U postgres',
      /^warn: the probe of postgres .* unix socket.*give its command -h 127\.0\.0\.1$/,
    ],
  ])('in %s, of a probe with %s, whether it goes past the recorder', (mode, options, wanted) => {
    const pod = podObject('plain') as KubeObject & { spec: { containers: object[] } };
    const readinessProbe = { exec: { command: ['pg_isready', ...options.split(' ')] } };
    const containers = pod.spec.containers.map((one) => ({ ...one, readinessProbe }));
    const probed = { ...pod, spec: { ...pod.spec, containers } };
    expect(said(probed, specFor(pod, { capture: { mode } })).probe_socket).toMatch(wanted);
  });
});
