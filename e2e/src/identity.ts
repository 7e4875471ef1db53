/** The certificate that server and recorder both show, its authority, and where they lie as files. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeCertificate } from '@pgtape/testkit';

export interface Identity {
  readonly certificate: string;
  readonly key: string;
  readonly certFile: string;
  readonly keyFile: string;
  readonly caFile: string;
}

/** A new one, good for 127.0.0.1; both show the same, so that SCRAM's channel binding holds end to end. */
export function makeIdentity(dir: string): Identity {
  const authority = makeCertificate({ name: 'authority of the end-to-end tests' });
  const own = makeCertificate({ name: 'localhost', names: ['localhost', '127.0.0.1'], issuer: authority });
  const write = (name: string, pem: string): string => {
    const file = join(dir, name);
    writeFileSync(file, pem, { mode: 0o600 });
    return file;
  };
  return {
    certificate: own.certificate,
    key: own.key,
    certFile: write('server.crt', own.certificate),
    keyFile: write('server.key', own.key),
    caFile: write('authority.crt', authority.certificate),
  };
}

/** The recorder's configuration for TLS on both legs. */
export function recorderTls({ certFile, keyFile, caFile }: Identity): Readonly<Record<string, unknown>> {
  return {
    listen: { tls: { certFile, keyFile } },
    upstream: { tls: { mode: 'verify-full', caFile } },
  };
}
