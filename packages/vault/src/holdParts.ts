/** Owns joining holds and retention to the store, the vault's own reel and the clocks. It starts nothing. */
import { randomBytes } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { SystemClock } from '@pgtape/process';
import type { Store } from '@pgtape/store';
import type { Logger } from 'pino';
import { stateDirOf } from './archivePlace.ts';
import type { VaultConfig } from './config.ts';
import type { HoldIndexFile } from './holdIndex.ts';
import type { HoldSources } from './holdRoutes.ts';
import { type HoldEvents, Holds } from './holds.ts';
import { vaultIdOf } from './ownReels.ts';
import { ProtectedObjects } from './protectedObjects.ts';
import { retentionRules } from './retention.ts';
import { extendRetention } from './retentionExtension.ts';
import { SessionMemory } from './sessionFacts.ts';
import type { AppendOwn } from './vaultReel.ts';

export interface HoldPartsOptions {
  readonly config: VaultConfig;
  readonly store: Store;
  readonly append: AppendOwn;
  readonly clock: SystemClock;
  readonly log: Logger;
  /** The store let a hold be taken away. */
  readonly removed: (detail: string) => void;
}

/** What the paths of the API need, beside who asks. */
export type Holding = Omit<HoldSources, 'authenticator'>;

export interface HoldParts {
  readonly holds: Holds;
  readonly holding: Holding;
  readonly objects: ProtectedObjects;
}

const HOUR_MS = 3_600_000;
/** Hidden, so that no file store takes it for an object. */
const HOLD_INDEX_FILE = '.holds.json';

export function holdParts(options: HoldPartsOptions): HoldParts {
  const { config, store, append, clock } = options;
  const memory = new SessionMemory(config.limits.sessionsMax);
  const wallMs = (): number => clock.wallUs() / 1000;
  const { releaseHours, formerNames, ...rules } = config.holds;
  const holds = new Holds({
    store,
    append,
    memory,
    ownIds: [...formerNames, config.name].map(vaultIdOf),
    archive: config.archive.store,
    index: indexFile(join(stateDirOf(config), HOLD_INDEX_FILE)),
    rules: { ...rules, validMs: releaseHours * HOUR_MS },
    events: holdEvents(options),
    newId: () => randomBytes(16).toString('hex'),
    wallMs,
    // A vault that ends does not wait for the next attempt.
    sleep: (ms) => delay(ms, undefined, { ref: false }),
    after: (ms, run) => {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
  });
  const retention = retentionRules(config.archive.retention);
  const objects = new ProtectedObjects({
    store,
    retention,
    holds,
    memory,
    vaultId: vaultIdOf(config.name),
    wallMs,
  });
  const extend: HoldSources['extend'] = (request, who) =>
    extendRetention({ store, append, wallMs }, request, who);
  return { holds, objects, holding: { holds, extend, wallMs } };
}

function indexFile(path: string): HoldIndexFile {
  return {
    read: () => readFile(path, 'utf8'),
    async write(text) {
      const partial = `${path}.partial`;
      await writeFile(partial, text, { mode: 0o600 });
      await rename(partial, path);
    },
  };
}

function holdEvents({ log, removed }: HoldPartsOptions): HoldEvents {
  return {
    failed: (error) => log.error({ err: error }, 'a legal hold was not carried out yet; trying again'),
    removed: (hold, objects) => {
      log.error({ hold, objects }, 'objects of a legal hold were no longer held; they are again');
      removed(`${objects} objects of hold ${hold} were no longer held`);
    },
    unreadable: (key) =>
      log.error({ object: key }, 'an object cannot be read; it is held, whatever is in it'),
    releaseRefused: (hold) =>
      log.error(
        { hold },
        'a release in the archive does not count, for nobody known signed it; the hold goes on',
      ),
  };
}
