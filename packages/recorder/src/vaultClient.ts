/**
 * Owns the connection to the vault as the sender uses it. Certificates are read when it is first needed: one that cannot be read fails
 * the sending by its name, and neither the recording nor the sealing. Retries nothing itself.
 */
import { readFileSync } from 'node:fs';
import { GrpcClient, grpcCode, type UnaryOptions, type UnaryReply } from '@pgtape/otlp';
import type { LastAuthority } from './lastAuthority.ts';
import type { WorkerPlan } from './workerPlan.ts';

type ReadFile = (path: string) => Buffer;

export class VaultClient {
  readonly #vault: WorkerPlan['vault'];
  readonly #last: LastAuthority | null;
  readonly #read: ReadFile;
  #client: GrpcClient | null = null;

  /** `last`: what stands in for authorities whose file is gone. */
  constructor(
    vault: WorkerPlan['vault'],
    last: LastAuthority | null = null,
    read: ReadFile = (path) => readFileSync(path),
  ) {
    this.#vault = vault;
    this.#last = last;
    this.#read = read;
    this.#keepAuthority();
  }

  /** Never rejects; a file that cannot be read is `unavailable`, `ca_unreadable: ...` or `certificate_unreadable: ...`. */
  async unary(path: string, message: Uint8Array, options: UnaryOptions): Promise<UnaryReply> {
    try {
      this.#client ??= this.#open();
    } catch (error) {
      return { code: grpcCode.unavailable, message: (error as Error).message, reply: new Uint8Array(0) };
    }
    const client = this.#client;
    try {
      const reply = await client.unary(path, message, options);
      if (reply.code === grpcCode.unavailable) this.#forget(client);
      return reply;
    } catch (error) {
      // What was read is no certificate.
      this.#forget(client);
      const text = `certificate_unusable: ${(error as Error).message}`;
      return { code: grpcCode.unavailable, message: text, reply: new Uint8Array(0) };
    }
  }

  /** The next call reads the files anew: certificates are replaced while a recorder runs. */
  #forget(client: GrpcClient): void {
    const { caFile, certFile } = this.#vault;
    if (caFile === undefined && certFile === undefined) return;
    this.#client = null;
    void client.close();
  }

  async close(): Promise<void> {
    await this.#client?.close();
  }

  #open(): GrpcClient {
    const { url, caFile, certFile, keyFile } = this.#vault;
    const tls = {
      ...(caFile === undefined ? {} : { ca: this.#authority(caFile) }),
      ...(certFile === undefined ? {} : { cert: this.#pem(certFile, 'certificate_unreadable') }),
      ...(keyFile === undefined ? {} : { key: this.#pem(keyFile, 'certificate_unreadable') }),
    };
    return new GrpcClient(Object.keys(tls).length === 0 ? { url } : { url, tls });
  }

  /** Before it is needed: it may be gone by then. */
  #keepAuthority(): void {
    const { caFile } = this.#vault;
    if (caFile === undefined || this.#last === null) return;
    try {
      this.#last.keep(this.#read(caFile));
    } catch {
      // Told when it is needed.
    }
  }

  #authority(path: string): Buffer {
    try {
      const pem = this.#pem(path, 'ca_unreadable');
      this.#last?.keep(pem);
      return pem;
    } catch (error) {
      const last = this.#last?.read() ?? null;
      if (last === null) throw error;
      return last;
    }
  }

  #pem(path: string, name: string): Buffer {
    try {
      return this.#read(path);
    } catch (error) {
      throw new Error(`${name}: ${(error as Error).message}`);
    }
  }
}
