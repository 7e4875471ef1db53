/** Owns where segments go and what goes with them, which may be another vault from one segment to the next. Retries nothing. */
import type { GrpcClient } from '@pgtape/otlp';
import { allMetadata, enroller, type SegmentMetadata } from './enrolment.ts';
import { tokenBearer } from './vaultToken.ts';
import type { WorkerPlan } from './workerPlan.ts';

type Vault = WorkerPlan['vault'];
export type VaultWay = Pick<GrpcClient, 'unary' | 'close'>;

export class VaultTarget implements VaultWay {
  #vault: Vault;
  #client: VaultWay;
  #metadata: SegmentMetadata;
  readonly #open: (vault: Vault) => VaultWay;
  readonly #readSecret: (path: string) => string;

  constructor(vault: Vault, open: (vault: Vault) => VaultWay, readSecret: (path: string) => string) {
    this.#vault = vault;
    this.#open = open;
    this.#readSecret = readSecret;
    this.#client = open(vault);
    this.#metadata = this.#metadataOf(vault);
  }

  get timeoutMs(): number {
    return this.#vault.timeoutMs;
  }

  readonly metadata: SegmentMetadata = (segment, bytes) => this.#metadata(segment, bytes);

  /** What is under way ends as it will: an answer that does not come is tried again there. */
  configure(vault: Vault): void {
    const before = this.#client;
    this.#vault = vault;
    this.#client = this.#open(vault);
    this.#metadata = this.#metadataOf(vault);
    void before.close();
  }

  unary(...call: Parameters<VaultWay['unary']>): ReturnType<VaultWay['unary']> {
    return this.#client.unary(...call);
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  #metadataOf(vault: Vault): SegmentMetadata {
    return allMetadata([tokenBearer(vault, this.#readSecret), enroller(vault.enrolment, this.#readSecret)]);
  }
}
