/** Speaks HTTP with one vault: connections used again, refusals as errors. Knows nothing of what is asked for. */
import {
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { z } from 'zod';
import { CommandError, exitCode, Stopped } from './exitCode.ts';
import type { StopReason } from './io.ts';
import { printable } from './paint.ts';

/** Where a vault is and as whom we come. Plain data, so that it can be handed to a worker thread; PEM texts. */
export interface VaultAccess {
  readonly url: string;
  readonly token: string | null;
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
  /** Name the vault's certificate must have, where it is not the URL's host. */
  readonly serverName: string | null;
  /** What to do where no vault answers; absent: start or name one. */
  readonly advice?: string;
}

/** A vault answered that it will not. `code` is `VAULT_` and its word. */
export class VaultRefusal extends CommandError {
  /** The vault's word: `grant_expired`, `overloaded` ... */
  readonly reason: string;
  /** When to come again; null: not by itself. */
  readonly retryAfterMs: number | null;

  constructor(reason: string, message: string, act: string, retryAfterMs: number | null) {
    super(`VAULT_${reason.toUpperCase()}`, `the vault refused: ${message}`, {
      exit: reason === 'why_required' || reason === 'bad_request' ? exitCode.usage : exitCode.environment,
      ...adviceFor(reason, act),
    });
    this.reason = reason;
    this.retryAfterMs = retryAfterMs;
  }
}

function adviceFor(reason: string, act: string): { advice?: string } {
  if (reason === 'unauthenticated') {
    const advice = 'Say who you are: --token-file FILE (PGTAPE_TOKEN_FILE), or --cert FILE --key FILE.';
    return { advice };
  }
  return act === 'operator' ? { advice: 'Whoever runs the vault must change it; its log says more.' } : {};
}

export interface Asked {
  readonly method?: 'GET' | 'POST';
  readonly path: string;
  readonly grant?: string;
  readonly body?: object;
  /** Silence is no failure. */
  readonly isPatient?: boolean;
}

/** Requests at once; further ones wait for a connection. */
const connectionsMax = 8;
const refusalBytesMax = 64 * 1024;
const answerMsMax = 60_000;
/** Codes of Node and OpenSSL for a certificate that is not believed. */
const untrusted = /^(ERR_TLS_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_)/;

/** Both ways to read when no vault answers. */
export const waysOut =
  "Start it ('./pgtape up'), name another (--vault URL, PGTAPE_VAULT), or read the archive directly, which " +
  'nobody records: --archive DIRECTORY';

export class VaultClient {
  readonly origin: string;
  readonly #options: RequestOptions;
  readonly #request: typeof httpRequest;
  readonly #token: string | null;
  readonly #advice: string;
  readonly #stop: AbortSignal | null;

  /** `stop` ends what is being asked. @throws CommandError `VAULT_URL` */
  constructor(access: VaultAccess, stop: AbortSignal | null = null) {
    const url = vaultUrl(access.url);
    const { ca, cert, key, serverName: servername } = access;
    const named = Object.entries({ ca, cert, key, servername });
    const tls = Object.fromEntries(named.filter(([, text]) => text !== null));
    const isTls = url.protocol === 'https:';
    const agent = { keepAlive: true, maxSockets: connectionsMax };
    this.origin = url.origin;
    this.#request = isTls ? httpsRequest : httpRequest;
    this.#options = {
      host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: url.port === '' ? (isTls ? 443 : 80) : Number(url.port),
      agent: isTls ? new HttpsAgent({ ...agent, ...tls }) : new HttpAgent(agent),
    };
    this.#token = access.token;
    this.#advice = access.advice ?? waysOut;
    this.#stop = stop;
  }

  /** The answer's body. @throws VaultRefusal, CommandError `VAULT_UNREACHABLE`, `VAULT_TLS`, `VAULT_STRANGE`, Stopped */
  async bytes(asked: Asked): Promise<Buffer> {
    const response = await this.stream(asked);
    try {
      return await bodyOf(response);
    } catch (cause) {
      throw this.#failed(cause);
    }
  }

  /** The answer, held against its shape. @throws as `bytes` */
  async json<T>(asked: Asked, shape: z.ZodType<T>): Promise<T> {
    const bytes = await this.bytes(asked);
    let answer: unknown;
    try {
      answer = JSON.parse(bytes.toString('utf8'));
    } catch {
      throw this.#strange('not JSON');
    }
    const parsed = shape.safeParse(answer);
    if (!parsed.success) throw this.#strange('an answer of another shape');
    return parsed.data;
  }

  /** The answer as it comes. @throws as `bytes` */
  async stream(asked: Asked): Promise<IncomingMessage> {
    let response: IncomingMessage;
    try {
      response = await this.#send(asked).catch((error: Error & { isStale?: boolean }) =>
        // The vault closed an idle connection at the moment it was used again; nothing was answered.
        error.isStale === true ? this.#send(asked) : Promise.reject(error),
      );
    } catch (cause) {
      throw this.#failed(cause);
    }
    const status = response.statusCode ?? 0;
    if (status >= 200 && status < 300) return response;
    throw await this.#refusalOf(response, status);
  }

  #send({ method = 'GET', path, grant, body, isPatient }: Asked): Promise<IncomingMessage> {
    const headers = {
      ...(this.#token === null ? {} : { authorization: `Bearer ${this.#token}` }),
      ...(grant === undefined ? {} : { 'pgtape-grant': grant }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    };
    return new Promise((resolve, reject) => {
      // A live view is silent as long as nothing happens; everything else is answered soon or never.
      const signal = this.#stop === null ? {} : { signal: this.#stop };
      const sent = this.#request({ ...this.#options, ...signal, method, path, headers }, resolve);
      if (isPatient !== true) {
        const late = Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' });
        sent.setTimeout(answerMsMax, () => sent.destroy(late));
      }
      sent.on('error', (error: NodeJS.ErrnoException) => {
        const isStale = sent.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
        reject(Object.assign(error, { isStale }));
      });
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  #failed(cause: unknown): Error {
    if (this.#stop?.aborted === true) return new Stopped(this.#stop.reason as StopReason);
    const why = (cause as NodeJS.ErrnoException).code ?? (cause as Error).message;
    if (untrusted.test(why)) {
      return new CommandError('VAULT_TLS', `the certificate of ${this.origin} is not trusted (${why})`, {
        exit: exitCode.environment,
        advice: 'Name the authority that signed it: --ca FILE (PGTAPE_CA).',
        cause,
      });
    }
    return new CommandError('VAULT_UNREACHABLE', `no vault answers at ${this.origin} (${why})`, {
      exit: exitCode.environment,
      advice: this.#advice,
      cause,
    });
  }

  async #refusalOf(response: IncomingMessage, status: number): Promise<CommandError> {
    const text = (await bodyOf(response, refusalBytesMax).catch(() => Buffer.alloc(0))).toString('utf8');
    try {
      const { error, message, act } = JSON.parse(text) as Record<string, unknown>;
      if (typeof error === 'string' && /^[a-z_]{1,40}$/.test(error)) {
        const after = Number(response.headers['retry-after'] ?? Number.NaN);
        const said = printable(String(message).slice(0, 500));
        return new VaultRefusal(error, said, String(act), Number.isFinite(after) ? after * 1000 : null);
      }
    } catch {
      // Not JSON: not a vault.
    }
    return this.#strange(`HTTP ${status}`);
  }

  #strange(what: string): CommandError {
    return new CommandError('VAULT_STRANGE', `what answers at ${this.origin} is no vault (${what})`, {
      exit: exitCode.environment,
      advice: this.#advice,
    });
  }
}

/** By events: an iterator costs a promise for each chunk, and there are thousands of objects. */
function bodyOf(response: IncomingMessage, bytesMax = Number.POSITIVE_INFINITY): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const whole = (): void => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks));
    response.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes <= bytesMax) return;
      response.destroy();
      whole();
    });
    response.on('end', whole);
    response.on('error', reject);
    // Torn: neither end nor error came before.
    response.on('close', () => reject(Object.assign(new Error('cut off'), { code: 'ECONNRESET' })));
  });
}

function vaultUrl(text: string): URL {
  const advice = 'For example http://127.0.0.1:7417';
  let url: URL;
  try {
    url = new URL(text);
  } catch (cause) {
    throw new CommandError('VAULT_URL', `'${text}' is no URL`, { exit: exitCode.usage, advice, cause });
  }
  if (url.protocol === 'http:' || url.protocol === 'https:') return url;
  throw new CommandError('VAULT_URL', `'${text}' is no http or https URL`, { exit: exitCode.usage, advice });
}
