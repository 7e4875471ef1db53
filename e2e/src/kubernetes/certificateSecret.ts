/** A Secret of the release's own namespace that holds certificates, as the operator keeps them, and what is served of it. */
import { X509Certificate } from 'node:crypto';
import { connect } from 'node:tls';
import type { CertificateMaterial, RotationPlan } from '@pgtape/operator';
import { systemNamespace } from './release.ts';
import type { TestCluster } from './testCluster.ts';

interface SecretObject {
  readonly data: Readonly<Record<string, string>>;
}

export function decoded(base64: string | undefined): string {
  return Buffer.from(base64 ?? '', 'base64').toString('utf8');
}

export class CertificateSecret {
  readonly #cluster: TestCluster;
  readonly #name: string;

  constructor(cluster: TestCluster, name: string) {
    this.#cluster = cluster;
    this.#name = name;
  }

  async material(): Promise<CertificateMaterial> {
    const secret = await this.#cluster.get<SecretObject>('secret', this.#name, systemNamespace);
    const [bundle, authorityKey, cert, key] = ['ca.crt', 'ca.key', 'tls.crt', 'tls.key'].map((name) =>
      decoded(secret?.data[name]),
    ) as [string, string, string, string];
    return { authorities: bundle.split(/(?<=-----END CERTIFICATE-----\n)/), authorityKey, cert, key };
  }

  async write({ authorities, authorityKey, cert, key }: CertificateMaterial): Promise<void> {
    const text = { 'ca.crt': authorities.join(''), 'ca.key': authorityKey, 'tls.crt': cert, 'tls.key': key };
    const data = Object.fromEntries(
      Object.entries(text).map(([name, value]) => [name, Buffer.from(value).toString('base64')]),
    );
    const patch = JSON.stringify({ data });
    await this.#cluster.done([
      '-n',
      systemNamespace,
      'patch',
      'secret',
      this.#name,
      '--type=merge',
      '-p',
      patch,
    ]);
  }

  /** For one more authority of that name, which signs for the names that are served now. */
  async planOf(authority: string): Promise<Omit<RotationPlan, 'nowMs'>> {
    const { subjectAltName = '' } = new X509Certificate((await this.material()).cert);
    const names = subjectAltName.split(', ').map((name) => name.replace(/^(DNS|IP Address):/, ''));
    return { authority, names, isBundlePublished: true };
  }
}

/** The certificate that stands there now. */
export async function servedAt(host: string, port: number): Promise<X509Certificate> {
  return await new Promise((resolve, reject) => {
    const socket = connect({ host, port, rejectUnauthorized: false }, () => {
      const certificate = socket.getPeerX509Certificate();
      if (certificate === undefined) reject(new Error('it serves no certificate'));
      else resolve(certificate);
      socket.destroy();
    });
    socket.once('error', reject);
    socket.setTimeout(5000, () => socket.destroy(new Error('it does not answer')));
  });
}

/** Whether the first of the authorities signed it. */
export function isSignedByNewest(
  certificate: X509Certificate,
  { authorities }: CertificateMaterial,
): boolean {
  return certificate.verify(new X509Certificate(authorities[0] as string).publicKey);
}
