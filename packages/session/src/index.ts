export { defaultLimits, type SessionLimits } from './limits.ts';
export type { Passed } from './losing.ts';
export { type SessionEnd, SessionMachine } from './machine.ts';
export type { SessionIdentity } from './opening.ts';
export type { SessionSnapshot } from './snapshot.ts';
export type { SessionSink } from './tape.ts';
