/**
 * Owns how client-node's configuration (kubeconfig, exec plugins, OIDC, the service account of a pod) becomes what
 * requests need. Refuses to send any. client-node is loaded here and nowhere else, on first use: it is large.
 */

import type { RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import type { KubeAccess, KubeCredentials } from './connection.ts';

export interface AccessSource {
  /** Path of a kubeconfig; absent: KUBECONFIG's, `~/.kube/config`, or the pod's service account, in that order. */
  readonly kubeconfig?: string;
  readonly context?: string;
}

/** `namespace`: the current context's, `default` where it names none. */
export interface ConfiguredAccess extends KubeAccess {
  readonly namespace: string;
}

/** The defaults of kubectl. Rejects when there is no usable configuration. */
export async function kubeConfigAccess(source: AccessSource = {}): Promise<ConfiguredAccess> {
  const { KubeConfig: Configuration } = await import('@kubernetes/client-node');
  const load = (): KubeConfig => {
    const config = new Configuration();
    if (source.kubeconfig === undefined) config.loadFromDefault();
    else config.loadFromFile(source.kubeconfig);
    if (source.context !== undefined) config.setCurrentContext(source.context);
    return config;
  };
  return accessOf(load);
}

/**
 * @param load reads the configuration; called again after a 401, because tokens and certificates in files are
 *   remembered inside it
 */
export function accessOf(load: () => KubeConfig): ConfiguredAccess {
  let config = load();
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error('the kubeconfig has no current cluster: set its current-context');
  return {
    server: new URL(cluster.server),
    namespace: config.getContextObject(config.getCurrentContext())?.namespace ?? 'default',
    async credentials(anew) {
      if (anew) config = load();
      const options: RequestOptions = {};
      await config.applyToHTTPSOptions(options);
      return credentialsOf(options, cluster.tlsServerName);
    },
  };
}

function pem(value: RequestOptions['ca'] | RequestOptions['key']): string | undefined {
  if (typeof value === 'string') return value;
  return Buffer.isBuffer(value) ? value.toString('utf8') : undefined;
}

function credentialsOf(options: RequestOptions, serverName: string | undefined): KubeCredentials {
  const ca = pem(options.ca);
  const cert = pem(options.cert);
  const key = pem(options.key);
  const headers = options.headers as Record<string, unknown> | undefined;
  const authorization = headers?.Authorization;
  const login = options.auth;
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(serverName === undefined ? {} : { serverName }),
    ...(options.rejectUnauthorized === false ? { insecure: true } : {}),
    ...(typeof authorization === 'string' ? { authorization } : {}),
    ...(typeof login === 'string' ? { authorization: `Basic ${Buffer.from(login).toString('base64')}` } : {}),
  };
}
