/** Owns the certificates of a test cluster: one authority, and what it signs. By the openssl command; nothing is kept. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Pair {
  readonly certFile: string;
  readonly keyFile: string;
}

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** An authority in `dir` and what it signs; names in `subject` are RFC 4514's, written as openssl wants them: `/O=a/CN=b`. */
export class Authority {
  readonly caFile: string;
  readonly #dir: string;
  readonly #keyFile: string;

  constructor(dir: string) {
    this.#dir = dir;
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    this.caFile = join(dir, 'ca.crt');
    this.#keyFile = join(dir, 'ca.key');
    openssl(
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=pgtape-test',
      '-keyout',
      this.#keyFile,
      '-out',
      this.caFile,
    );
  }

  get ca(): string {
    return readFileSync(this.caFile, 'utf8');
  }

  /** `names`: `DNS:localhost`, `IP:127.0.0.1`. */
  issue(name: string, subject: string, names: readonly string[] = []): Pair {
    const pair = { certFile: join(this.#dir, `${name}.crt`), keyFile: join(this.#dir, `${name}.key`) };
    const request = join(this.#dir, `${name}.csr`);
    const extensions = join(this.#dir, `${name}.ext`);
    const alternative = names.length === 0 ? '' : `subjectAltName=${names.join(',')}\n`;
    writeFileSync(extensions, `${alternative}extendedKeyUsage=serverAuth,clientAuth\n`);
    openssl(
      'req',
      '-new',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-subj',
      subject,
      '-keyout',
      pair.keyFile,
      '-out',
      request,
    );
    openssl(
      'x509',
      '-req',
      '-in',
      request,
      '-CA',
      this.caFile,
      '-CAkey',
      this.#keyFile,
      '-CAcreateserial',
      '-days',
      '2',
      '-extfile',
      extensions,
      '-out',
      pair.certFile,
    );
    return pair;
  }

  /** An RSA pair that signs service-account tokens. */
  signingKey(): { readonly privateFile: string; readonly publicFile: string } {
    const [privateFile, publicFile] = [join(this.#dir, 'sa.key'), join(this.#dir, 'sa.pub')];
    openssl('genrsa', '-out', privateFile, '2048');
    openssl('rsa', '-in', privateFile, '-pubout', '-out', publicFile);
    return { privateFile, publicFile };
  }
}
