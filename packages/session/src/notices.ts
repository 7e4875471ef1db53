/**
 * What the server says unasked: notices, told with the statement they came during, and notifications. Bounds
 * both; knows the head of the queue, not what it answers.
 */
import type { DraftOf, Instant, Notice } from '@pgtape/evidence';
import { readNotification } from '@pgtape/wire';
import { inUtf8 } from './charset.ts';
import { allPartsEnded } from './execution.ts';
import { release, type StatementDraft } from './heldStatement.ts';
import { noticesMax, noticeTextMax, notificationsHeldMax, notificationTextMax } from './limits.ts';
import { errorFields } from './serverErrors.ts';
import type { SessionState } from './sessionState.ts';
import { tokenKind } from './tokenQueue.ts';
import { headNumber } from './transitions.ts';

/** Notices that have no record yet: the first ones, and how many more came. */
export interface PendingNotices {
  readonly first: Notice[];
  more: number;
}

export function notice(state: SessionState, body: Uint8Array, bodyBytes: number): void {
  const fields = errorFields(inUtf8(state.settings.charset, body), bodyBytes);
  const one: Notice = {
    severity: fields.severity.slice(0, 64),
    sqlstate: fields.sqlstate,
    message: mayEcho(state) ? '[redacted]' : fields.message.slice(0, noticeTextMax),
  };
  const { held } = state;
  // What comes after a statement's own reply, and before another's, is of its commit.
  if (held !== null && isBetween(state)) {
    const secret = held.draft.redacted !== undefined;
    addNotices(held.draft, [secret ? { ...one, message: '[redacted]' } : one], 0);
    return;
  }
  state.notices ??= { first: [], more: 0 };
  if (state.notices.first.length < noticesMax) state.notices.first.push(one);
  else state.notices.more += 1;
}

function isBetween(state: SessionState): boolean {
  switch (state.head) {
    case headNumber.queryNext:
      return allPartsEnded(state);
    case headNumber.queryEnd:
    case headNumber.queryFailed:
    case headNumber.functionEnd:
    case headNumber.sync:
    case headNumber.syncFailed:
    case headNumber.settling:
      return true;
    default:
      return false;
  }
}

/** The statement that is being answered had something redacted: the server may repeat it. */
function mayEcho(state: SessionState): boolean {
  if (state.queue.size === 0) return false;
  const token = state.queue.at(0);
  switch (token.kind) {
    case tokenKind.query:
      return token.text?.redacted != null;
    case tokenKind.parse:
      return token.prepared?.text.redacted != null;
    case tokenKind.bind:
      return token.bound?.secret === true || state.names.statement(token.statement)?.text.redacted != null;
    case tokenKind.function:
      return token.bound?.secret === true;
    case tokenKind.execute:
    case tokenKind.describePortal: {
      const portal = state.names.portal(token.name);
      return portal?.prepared.text.redacted != null || portal?.bound?.secret === true;
    }
    default:
      return false;
  }
}

function addNotices(draft: StatementDraft, notices: readonly Notice[], more: number): void {
  const before = draft.notices ?? [];
  const all = [...before, ...notices];
  draft.notices = all.slice(0, noticesMax);
  const dropped = (draft.notices_more ?? 0) + more + all.length - draft.notices.length;
  if (dropped > 0) draft.notices_more = dropped;
}

/** The notices that came during a statement go into its record. */
export function takeNotices(state: SessionState, draft: StatementDraft): void {
  const { notices } = state;
  if (notices === null) return;
  state.notices = null;
  addNotices(draft, notices.first, notices.more);
}

/** Those that came during none get a record of their own. */
export function tellNotices(state: SessionState, at: Instant): void {
  const { notices, tape } = state;
  if (notices === null) return;
  state.notices = null;
  const draft: DraftOf<'notices'> = {
    kind: 'notices',
    ...tape.head(at),
    notices: notices.first,
    notices_more: notices.more,
  };
  tape.put(draft, at.wallUs, at.monoNs);
}

/** Put out at once, or right behind the statement that is held. */
export function notification(state: SessionState, body: Uint8Array, bodyBytes: number, at: Instant): void {
  const told = body.length < bodyBytes ? null : readNotification(body);
  if (told === null) return;
  const payloadBytes = body.length - 6 - Buffer.byteLength(told.channel);
  const { charset } = state.settings;
  const texts = Buffer.from(inUtf8(charset, body.subarray(4)))
    .toString()
    .split('\0');
  state.notifications.push({
    channel: (texts[0] ?? '').slice(0, notificationTextMax),
    pid: told.pid,
    payload: (texts[1] ?? '').slice(0, notificationTextMax),
    payload_len: Math.max(0, payloadBytes),
    at,
  });
  if (state.held === null) tellNotifications(state);
  else if (state.notifications.length > notificationsHeldMax) release(state, null, at);
}

export function tellNotifications(state: SessionState): void {
  const { notifications, tape } = state;
  if (notifications.length === 0) return;
  state.notifications = [];
  for (const { at, ...told } of notifications) {
    const draft: DraftOf<'notification'> = { kind: 'notification', ...tape.head(at), ...told };
    tape.put(draft, at.wallUs, at.monoNs);
  }
}
