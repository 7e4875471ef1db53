/** Owns how requests reach the server: time-outs, attempts, connections, certificates. It refuses to know objects. */
import { readFileSync } from 'node:fs';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';
import { S3Client } from '@aws-sdk/client-s3';
import type { S3Address } from '../storeAddress.ts';
import { StoreError } from '../storeError.ts';
import { s3Error, wordOf } from './s3Errors.ts';

/** Of one request. Objects have a few MiB at most: what takes longer hangs. */
const CONNECTION_MS = 5000;
const REQUEST_MS = 30_000;
/** Of one call, by the SDK: throttling, 5xx, broken connections, with growing pauses. Beyond, the caller decides. */
const ATTEMPTS = 4;
const SOCKETS = 32;
/** Of a conditional write that met another one at the same moment. */
const CONFLICT_ATTEMPTS = 6;
const CONFLICT_PAUSE_MS = 50;

/** Credentials by the SDK's default chain: environment, profile, web identity, container or instance role. */
export function makeClient(address: S3Address): S3Client {
  const agent = { keepAlive: true, maxSockets: SOCKETS };
  const ca = address.caFile === undefined ? {} : { ca: readAuthorities(address.caFile) };
  return new S3Client({
    ...(address.endpoint === undefined ? {} : { endpoint: address.endpoint }),
    ...(address.region === undefined ? {} : { region: address.region }),
    forcePathStyle: address.pathStyle,
    maxAttempts: ATTEMPTS,
    retryMode: 'standard',
    requestHandler: {
      connectionTimeout: CONNECTION_MS,
      requestTimeout: REQUEST_MS,
      throwOnRequestTimeout: true,
      socketTimeout: REQUEST_MS,
      httpAgent: new HttpAgent(agent),
      httpsAgent: new HttpsAgent({ ...agent, ...ca }),
    },
  });
}

function readAuthorities(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new StoreError('STORE_ADDRESS', `caFile ${path} cannot be read`, { cause: error });
  }
}

/**
 * Runs a request and turns what it throws into StoreError; `what` goes into the message. A conflict with
 * another conditional write is no answer: the same request is made again.
 */
export async function request<T>(what: string, run: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await run();
    } catch (error) {
      const again = wordOf(error) === 'ConditionalRequestConflict' && attempt < CONFLICT_ATTEMPTS;
      if (!again) throw s3Error(what, error);
      await delay(CONFLICT_PAUSE_MS * attempt * (0.5 + Math.random()));
    }
  }
}
