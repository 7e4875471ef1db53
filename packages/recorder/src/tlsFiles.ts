/**
 * Owns the certificates of both legs while the recorder runs: read from their files, read again when one of
 * them changed, swapped together. A new set that cannot be used leaves the old one in use. Knows no sockets.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { fileMark } from '@pgtape/process';
import type { RecorderConfig } from './config.ts';
import type { ServedCertificate, UpstreamTls } from './tlsLegs.ts';

/** What a session uses from its start on. */
export interface TlsMaterial {
  /** null: there is no certificate to serve. */
  readonly served: ServedCertificate | null;
  readonly upstream: UpstreamTls;
}

export interface TlsFilesEvents {
  onTrouble(what: string, detail: string): void;
}

type Listening = Pick<RecorderConfig['listen'], 'tls'>;
type Upstream = Pick<RecorderConfig['upstream'], 'host' | 'tls'>;

export class TlsFiles {
  /** Loads that failed. */
  failures = 0;
  readonly #listen: Listening;
  readonly #upstream: Upstream;
  readonly #events: TlsFilesEvents;
  readonly #paths: readonly string[];
  #stamp = '';
  #material: TlsMaterial;

  /** Never throws: a recorder runs without a certificate rather than not at all. */
  constructor(listen: Listening, upstream: Upstream, events: TlsFilesEvents) {
    this.#listen = listen;
    this.#upstream = upstream;
    this.#events = events;
    const { certFile, keyFile, keyPassphraseFile, clientCaFile, clientCrlFile } = listen.tls ?? {};
    const { caFile, crlFile } = upstream.tls;
    this.#paths = [
      ...[certFile, keyFile, keyPassphraseFile, clientCaFile, clientCrlFile],
      ...[caFile, crlFile],
    ].filter((path) => path !== undefined);
    this.#material = { served: null, upstream: this.#upstreamTls() };
    this.reload();
  }

  get material(): TlsMaterial {
    return this.#material;
  }

  /** Reads the files again where one of them is another than at the last look. */
  poll(): void {
    if (this.#paths.length > 0 && this.#look() !== this.#stamp) this.reload();
  }

  /** Reads the files now. */
  reload(): void {
    if (this.#paths.length === 0) return;
    const isFirst = this.#stamp === '';
    this.#stamp = this.#look();
    try {
      this.#material = { served: this.#served(), upstream: this.#upstreamTls() };
      if (!isFirst) this.#events.onTrouble('tls_reloaded', 'certificates were read anew');
    } catch (error) {
      this.failures += 1;
      const why = error instanceof Error ? error.message : String(error);
      const still = this.#material.served === null ? 'there is none to serve' : 'the ones before stay in use';
      this.#events.onTrouble('tls_files', `certificates cannot be used (${why}): ${still}`);
    }
  }

  #look(): string {
    return this.#paths.map(fileMark).join('|');
  }

  /** @throws where a file cannot be read, or certificate and key do not belong together */
  #served(): ServedCertificate | null {
    const { tls } = this.#listen;
    if (tls === undefined) return null;
    const cert = readFileSync(tls.certFile);
    const ca = tls.clientCaFile === undefined ? {} : { ca: readFileSync(tls.clientCaFile) };
    const key = privateKey(tls.keyFile, tls.keyPassphraseFile);
    const context = createSecureContext({ cert, key, ...ca, ...revocations(tls.clientCrlFile) });
    const leaf = new X509Certificate(cert);
    if (/ed25519|ed448/i.test(leaf.signatureAlgorithm ?? '')) {
      const detail = `${tls.certFile} is signed with ${leaf.signatureAlgorithm}: SCRAM-SHA-256-PLUS cannot use it`;
      this.#events.onTrouble('tls_no_channel_binding', detail);
    }
    return { context, leaf: leaf.raw, asksClient: tls.clientCaFile !== undefined };
  }

  #upstreamTls(): UpstreamTls {
    const { host, tls } = this.#upstream;
    const { mode, caFile, crlFile } = tls;
    // As libpq: a configured authority is used also where the mode does not demand it.
    const verify =
      mode === 'verify-full' ? 'full' : mode === 'verify-ca' || caFile !== undefined ? 'ca' : 'none';
    // Before the first load none is trusted, which is what a file that cannot be read then leaves.
    const first = this.#stamp === '' ? [] : undefined;
    const ca = caFile === undefined ? {} : { ca: first ?? readFileSync(caFile) };
    const crl = first === undefined ? revocations(crlFile) : {};
    return { context: createSecureContext({ ...ca, ...crl }), verify, serverName: tls.serverName ?? host };
  }
}

/**
 * The key, opened with its passphrase where it is encrypted.
 * @throws Error that names the file that has to be mended
 */
function privateKey(file: string, passphraseFile: string | undefined): string {
  const pem = readFileSync(file, 'utf8');
  const isEncrypted = /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(pem);
  if (!isEncrypted) return pem;
  if (passphraseFile === undefined)
    throw new Error(`${file} is encrypted: name the file of its passphrase in listen.tls.keyPassphraseFile`);
  const [passphrase = ''] = readFileSync(passphraseFile, 'utf8').split(/\r?\n/);
  try {
    return createPrivateKey({ key: pem, passphrase }).export({ type: 'pkcs8', format: 'pem' }).toString();
  } catch {
    throw new Error(`the passphrase in ${passphraseFile} does not open ${file}`);
  }
}

/** @throws Error that names the file when there is no list in it */
function revocations(file: string | undefined): { readonly crl?: Buffer } {
  if (file === undefined) return {};
  const crl = readFileSync(file);
  try {
    createSecureContext({ crl });
  } catch {
    throw new Error(`${file} holds no certificate revocation list in PEM`);
  }
  return { crl };
}
