/** Owns when the webhook is served, and with which certificate: as soon as there is one, and whenever it changes. */
import type { AdmissionAnswer, AdmissionRequest } from './admissionReview.ts';
import type { CertificateMaterial } from './certificateMaterial.ts';
import { startWebhookServer, type WebhookServer } from './webhookServer.ts';

export interface WebhookEndpointOptions {
  readonly host: string;
  readonly port: number;
  /** null: not yet; the cluster is not known well enough to answer, or there is no certificate. */
  readonly material: () => CertificateMaterial | null;
  readonly decide: (path: string, request: AdmissionRequest) => AdmissionAnswer;
  readonly answered: (outcome: 'patched' | 'untouched' | 'failed', seconds: number) => void;
  readonly failed: (error: Error) => void;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

export class WebhookEndpoint {
  readonly #options: WebhookEndpointOptions;
  #server: WebhookServer | null = null;
  #served = '';
  #last: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(options: WebhookEndpointOptions) {
    this.#options = options;
  }

  get isServing(): boolean {
    return this.#server !== null;
  }

  /** Serves what there is to serve now; returns at once. */
  update(): void {
    this.#last = this.#last.then(() => this.#serve()).catch((error: Error) => this.#options.failed(error));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#last;
    await this.#server?.close();
    this.#server = null;
  }

  async #serve(): Promise<void> {
    const material = this.#options.material();
    if (material === null || this.#isClosed || material.cert === this.#served) return;
    const { cert, key } = material;
    if (this.#server === null) this.#server = await this.#start({ cert, key });
    else this.#server.replacePair({ cert, key });
    this.#served = cert;
  }

  async #start(pair: { cert: string; key: string }): Promise<WebhookServer> {
    const { host, port, failed, now, answered, decide } = this.#options;
    return await startWebhookServer({
      host,
      port,
      pair,
      failed,
      decide: async (path, request) => {
        const from = now();
        try {
          const answer = decide(path, request);
          answered(answer.patch.length > 0 ? 'patched' : 'untouched', (now() - from) / 1000);
          return answer;
        } catch (error) {
          answered('failed', (now() - from) / 1000);
          throw error;
        }
      },
    });
  }
}
