/** What one check of `doctor` found. Pure. */
import type { Actor } from '../conditionAct.ts';

export type FindingState = 'ok' | 'warn' | 'fail' | 'unknown';

export interface Finding {
  /** snake_case, stable: scripts wait for it. */
  readonly check: string;
  readonly state: FindingState;
  /** Object it is about: `node/a`, `shop/orders-0`. */
  readonly about: string;
  readonly message: string;
  readonly act: Actor;
}

/** What a check says about one object. */
export interface Judge {
  ok(message: string): Finding;
  warn(message: string, act: Actor): Finding;
  fail(message: string, act: Actor): Finding;
  /** It could not be looked at; `act` may grant it. */
  unknown(message: string, act?: Actor): Finding;
}

export function judge(check: string, about: string): Judge {
  const finding = (state: FindingState, message: string, act: Actor): Finding => ({
    check,
    state,
    about,
    message,
    act,
  });
  return {
    ok: (message) => finding('ok', message, 'nobody'),
    warn: (message, act) => finding('warn', message, act),
    fail: (message, act) => finding('fail', message, act),
    unknown: (message, act = 'nobody') => finding('unknown', message, act),
  };
}
