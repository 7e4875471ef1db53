/** Asks a vault about legal holds and retention, and waits for what it does behind its answers. */
import { HoldId, HoldScope } from '@pgtape/evidence';
import { z } from 'zod';
import { CommandError, exitCode, throwIfStopped } from './exitCode.ts';
import type { Io } from './io.ts';
import { type Paint, printable } from './paint.ts';
import { type VaultClient, VaultRefusal } from './vaultClient.ts';
import { namedVault, type WayFlags } from './vaultWay.ts';

const nanoseconds = z.string().regex(/^\d{1,20}$/);
const count = z.int().nonnegative();

/** As the vault shows a hold; docs/formats/hold.md says what its words mean. */
export const ShownHold = z.looseObject({
  hold: HoldId,
  case: z.string(),
  reason: z.string(),
  who: z.string(),
  at: nanoseconds.describe('Wall ns.'),
  scope: HoldScope,
  dual_control: z.boolean(),
  state: z.enum(['applying', 'active', 'releasing', 'released']),
  notes: z.array(z.string()).readonly(),
  objects: count,
  objects_seen: count,
  release: z
    .looseObject({ reason: z.string(), who: z.string(), at: nanoseconds, second: z.string().nullable() })
    .nullable(),
});
export type ShownHold = z.infer<typeof ShownHold>;

const ShownHolds = z.looseObject({ holds: z.array(ShownHold) });

/** What a refusal of the vault means here: the person asked for something it does not do, or must do more first. */
export class HoldClient {
  readonly #client: VaultClient;

  /** @throws CommandError `NO_VAULT`, `CREDENTIALS` */
  constructor(io: Io, flags: WayFlags) {
    this.#client = namedVault(io, flags);
  }

  /** The answer, held against its shape. @throws as VaultClient */
  async get<T>(path: string, shape: z.ZodType<T>): Promise<T> {
    return await this.#client.json({ path }, shape);
  }

  async post<T>(path: string, body: object, shape: z.ZodType<T>): Promise<T> {
    try {
      return await this.#client.json({ method: 'POST', path, body }, shape);
    } catch (error) {
      // A hold or a retention that is refused for itself is for the person who asked, not for who runs the vault.
      if (!(error instanceof VaultRefusal) || !refusedForItself.has(error.reason)) throw error;
      const code = error.reason.toUpperCase();
      throw new CommandError(code, error.message, { exit: exitCode.usage, cause: error });
    }
  }

  async holds(): Promise<readonly ShownHold[]> {
    return (await this.get('/v1/holds', ShownHolds)).holds;
  }

  /** The hold a person means by its id or the start of it. @throws CommandError `NO_HOLD`, `AMBIGUOUS_HOLD` */
  async find(wanted: string): Promise<ShownHold> {
    const fitting = (await this.holds()).filter(({ hold }) => wanted !== '' && hold.startsWith(wanted));
    const [found] = fitting;
    if (found === undefined) {
      throw new CommandError('NO_HOLD', `no hold '${printable(wanted)}'`, {
        exit: exitCode.found,
        advice: "'pgtape hold list --all' lists them; the start of an id is enough.",
      });
    }
    if (fitting.length === 1) return found;
    throw new CommandError('AMBIGUOUS_HOLD', `'${wanted}' fits ${fitting.length} holds`, {
      exit: exitCode.usage,
    });
  }

  /** Until the vault has done to every object what the hold or its release means. @throws Stopped */
  async settled(io: Io, hold: ShownHold, paint: Paint): Promise<ShownHold> {
    let shown = hold;
    for (let wait = firstWaitMs; isGoingOn(shown); wait = Math.min(wait * 2, longestWaitMs)) {
      throwIfStopped(io);
      await new Promise((resolve) => setTimeout(resolve, wait));
      shown = await this.get(`/v1/holds/${hold.hold}`, ShownHold);
      if (io.err.isTTY)
        io.err.write(`\r${paint.dim(`${shown.state}: ${shown.objects_seen} objects seen`)}\u001b[K`);
    }
    if (io.err.isTTY) io.err.write('\r\u001b[K');
    return shown;
  }
}

const firstWaitMs = 50;
const longestWaitMs = 2000;

function isGoingOn({ state }: ShownHold): boolean {
  return state === 'applying' || state === 'releasing';
}

const refusedForItself: ReadonlySet<string> = new Set([
  ...['scope_empty', 'scope_time', 'scope_pattern', 'holds_full', 'hold_unknown', 'already_released'],
  ...['second_missing', 'second_same', 'second_unknown', 'second_key', 'second_signature'],
  ...['release_expired', 'release_early', 'would_shorten', 'until_past', 'until_far', 'nothing_found'],
  'retention_unsupported',
]);
