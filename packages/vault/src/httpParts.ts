/** Owns joining the HTTP API's parts: callers, grants, what serves objects. It starts nothing. */
import { randomBytes } from 'node:crypto';
import { reviewToken, type TokenReview } from '@pgtape/kube';
import { type SystemClock, systemClock } from '@pgtape/process';
import type { Store } from '@pgtape/store';
import type { Logger } from 'pino';
import { Authenticator } from './authenticator.ts';
import { CallerFiles } from './callerFiles.ts';
import type { Cluster } from './cluster.ts';
import { type GrantSources, Grants } from './grants.ts';
import { type HttpEvents, isLoopback } from './http.ts';
import type { HttpConfig } from './httpConfig.ts';
import type { Reading } from './objectRoutes.ts';
import { ReadBudget } from './readBudget.ts';
import { ReaderTokens } from './readerTokens.ts';
import { ReviewBudget } from './reviewBudget.ts';
import type { VaultMetrics } from './vaultMetrics.ts';

export interface HttpParts {
  readonly reading: Reading;
  readonly events: HttpEvents;
}

/** Whether a caller is known by what the API server says. */
export function asksCluster({ callers }: HttpConfig): boolean {
  return callers.some(({ serviceAccount, group }) => serviceAccount !== undefined || group !== undefined);
}

function readerTokens(
  config: HttpConfig,
  cluster: Cluster | null,
  { reviewed }: VaultMetrics,
  clock: SystemClock,
): ReaderTokens | null {
  if (cluster === null || !asksCluster(config)) return null;
  const review = (token: string, audience: string): Promise<TokenReview> =>
    reviewToken(cluster.connection, token, [audience]);
  const budget = new ReviewBudget({
    now: () => clock.monoMs(),
    counted: (outcome) => reviewed('reader', outcome),
  });
  return new ReaderTokens({ audience: config.audience, review, budget, nowMs: () => clock.wallUs() / 1000 });
}

/** @throws VaultError `CALLERS` */
export function makeHttpParts(
  config: HttpConfig,
  store: Store,
  record: GrantSources['record'],
  metrics: VaultMetrics,
  cluster: Cluster | null,
  log: Logger,
): HttpParts {
  const clock = systemClock();
  const now = (): number => clock.monoMs();
  const files = new CallerFiles(config.callers, now, (problem) => {
    log.error({ problem }, 'a caller is not let in by token until this is corrected');
  });
  const grants = new Grants(
    {
      grantMs: config.grantSeconds * 1000,
      perCallerMax: config.grantsMax,
      perMinute: config.grantsPerMinute,
      whyRequired: config.whyRequired,
    },
    {
      now,
      newId: () => randomBytes(16).toString('hex'),
      record: (access) =>
        record(access).catch((error: unknown) => {
          log.error({ err: error }, 'a reading could not be recorded; it was refused');
          throw error;
        }),
    },
  );
  const reading: Reading = {
    authenticator: new Authenticator({
      rules: () => files.rules(),
      isLoopback: isLoopback(config.host),
      tokens: readerTokens(config, cluster, metrics, clock),
    }),
    grants,
    store,
    budget: new ReadBudget(config.readBytesMax),
    stallMs: config.stallSeconds * 1000,
    wallOf: (monoMs) => clock.wallUs() / 1000 + monoMs - now(),
    onGranted: ({ action }) => metrics.granted(action),
    onServed: (bytes) => metrics.served(bytes),
  };
  const events: HttpEvents = {
    refused: (reason, path, remote) => {
      metrics.httpRefused(reason);
      log.debug({ reason, path, remote }, 'an HTTP request was refused');
    },
    failed: (error) => log.error({ err: error }, 'an HTTP request failed'),
  };
  return { reading, events };
}
