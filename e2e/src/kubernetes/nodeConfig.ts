/** What containerd, the kubelet, kube-proxy and the network plugins of the test node are told. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NodePlace } from './nodePlace.ts';

export const nodeName = 'node';
export const containerdSocket = '/run/containerd/containerd.sock';

export interface NodeFiles {
  readonly containerd: string;
  readonly kubelet: string;
  readonly proxy: string;
}

export interface KubeletPair {
  readonly certFile: string;
  readonly keyFile: string;
  readonly caFile: string;
}

/** Paths below /var/lib, /var/log and /run are the node's own: the enclosure mounts them. */
export function writeNodeFiles(
  place: NodePlace,
  pauseImage: string,
  pair: KubeletPair,
  proxyKubeconfig: string,
): NodeFiles {
  const etc = join(place.dir, 'etc');
  const write = (name: string, content: string | object): string => {
    const file = join(etc, name);
    writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
    return file;
  };
  write('resolv.conf', `nameserver ${place.addresses.dnsService}\n`);
  write('pods.conflist', podNetwork(place));
  return {
    containerd: write('containerd.toml', containerdConfig(etc, pauseImage)),
    kubelet: write('kubelet.yaml', kubeletConfig(place, etc, pair)),
    proxy: write('proxy.yaml', proxyConfig(place, proxyKubeconfig)),
  };
}

function podNetwork({ addresses }: NodePlace): object {
  return {
    cniVersion: '1.0.0',
    name: 'pods',
    plugins: [
      {
        type: 'bridge',
        bridge: 'cni0',
        isGateway: true,
        ipMasq: true,
        hairpinMode: true,
        ipam: {
          type: 'host-local',
          dataDir: '/var/lib/cni',
          ranges: [[{ subnet: addresses.pods, gateway: addresses.node }]],
          routes: [{ dst: '0.0.0.0/0' }],
        },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  };
}

function containerdConfig(etc: string, pauseImage: string): string {
  return `
version = 3
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
address = "${containerdSocket}"
[plugins.'io.containerd.internal.v1.opt']
path = "/var/lib/containerd/opt"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = "${pauseImage}"
[plugins.'io.containerd.cri.v1.runtime']
# Without CAP_SYS_RESOURCE a container's oom_score_adj cannot be lowered, and runc would end.
restrict_oom_score_adj = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = ["/usr/lib/cni"]
conf_dir = "${etc}"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
`;
}

function kubeletConfig({ name, addresses }: NodePlace, etc: string, pair: KubeletPair): object {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address: '0.0.0.0',
    containerRuntimeEndpoint: `unix://${containerdSocket}`,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: pair.caFile },
    },
    authorization: { mode: 'Webhook' },
    tlsCertFile: pair.certFile,
    tlsPrivateKeyFile: pair.keyFile,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${name}`,
    failCgroupV1: false,
    failSwapOn: false,
    clusterDNS: [addresses.dnsService],
    clusterDomain: 'cluster.local',
    resolvConf: join(etc, 'resolv.conf'),
    evictionHard: {},
    imageGCHighThresholdPercent: 100,
    oomScoreAdj: 0,
    volumePluginDir: '/var/lib/kubelet/plugins-exec',
    // Secrets and configuration reach volumes as soon as they change, in tests as nowhere else.
    syncFrequency: '2s',
    nodeStatusUpdateFrequency: '2s',
    registryPullQPS: 0,
    eventRecordQPS: 0,
    shutdownGracePeriod: '0s',
  };
}

function proxyConfig({ addresses }: NodePlace, kubeconfig: string): object {
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'iptables',
    clientConnection: { kubeconfig },
    clusterCIDR: addresses.pods,
    hostnameOverride: nodeName,
    healthzBindAddress: '127.0.0.1:10256',
    metricsBindAddress: '127.0.0.1:10249',
    oomScoreAdj: 0,
    // These are the whole machine's, and not the node's to set.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
    iptables: { syncPeriod: '30s', minSyncPeriod: '0s' },
  };
}
