/**
 * What each step of the transition table does. Knows replies and the message they answer, not how records
 * look.
 */
import type { Instant } from '@pgtape/evidence';
import {
  backendName,
  backendTag,
  readAuthentication,
  readBackendKey,
  readParameterDescription,
  readParameterStatus,
  readReadyForQuery,
} from '@pgtape/wire';
import { inUtf8 } from './charset.ts';
import { completeCopyIn, settledRun } from './copyIn.ts';
import { endExecute, endFunction, endPart, endRest } from './execution.ts';
import { failHead } from './failure.ts';
import { release } from './heldStatement.ts';
import { die, loseDecoding } from './losing.ts';
import { Prepared } from './names.ts';
import { notice, notification } from './notices.ts';
import type { CopyDirection } from './progress.ts';
import { popHead, settleHead } from './queueHead.ts';
import { readyForQuery } from './readyForQuery.ts';
import { errorFields, isFatal, serverError } from './serverErrors.ts';
import type { SessionState } from './sessionState.ts';
import { notSeen } from './sqlText.ts';
import { commandTag } from './tags.ts';
import { tokenKind } from './tokenQueue.ts';
import { headNumber, heads, repliesCount, replyOfTag, type Step, steps, stepTable } from './transitions.ts';
import { WalStream } from './walStream.ts';

const protocolViolation = '08P01';

/** One backend message on its way through the table; one object serves all, for nothing keeps it. */
interface Arrived {
  tag: number;
  body: Uint8Array;
  bodyBytes: number;
  /** Frames and their bytes without headers. */
  frames: number;
  bytes: number;
  at: Instant;
}

type Action = (state: SessionState, message: Arrived) => void;

const noBytes = new Uint8Array(0);
const never: Instant = { wallUs: 0, monoNs: 0 };
const arrived: Arrived = { tag: 0, body: noBytes, bodyBytes: 0, frames: 0, bytes: 0, at: never };
const headerBytes = 5;

/** One typed message of the server. */
export function backendMessage(
  state: SessionState,
  tag: number,
  body: Uint8Array,
  bodyBytes: number,
  at: Instant,
): void {
  arrived.tag = tag;
  arrived.body = body;
  arrived.bodyBytes = bodyBytes;
  arrived.frames = 1;
  arrived.bytes = bodyBytes;
  arrived.at = at;
  take(state, arrived);
}

/** A run of DataRow or CopyData frames; `bytes` with their headers. */
export function backendCounted(
  state: SessionState,
  tag: number,
  frames: number,
  bytes: number,
  at: Instant,
): void {
  arrived.tag = tag;
  arrived.body = noBytes;
  arrived.bodyBytes = 0;
  arrived.frames = frames;
  arrived.bytes = bytes - headerBytes * frames;
  arrived.at = at;
  take(state, arrived);
}

function take(state: SessionState, message: Arrived): void {
  const { tag } = message;
  const step = stepTable[state.head * repliesCount + replyOfTag[tag & 0xff]!]!;
  if (state.held !== null && !staysHeld(tag)) release(state, null, message.at);
  actions[step]!(state, message);
}

/** These may stand between a statement's last reply and the ReadyForQuery that tells of its transaction. */
function staysHeld(tag: number): boolean {
  return (
    tag === backendTag.ReadyForQuery ||
    tag === backendTag.CloseComplete ||
    tag === backendTag.ParameterStatus ||
    tag === backendTag.NoticeResponse ||
    tag === backendTag.NotificationResponse
  );
}

function own(state: SessionState, message: Arrived): void {
  if (state.progress.firstNs < 0) state.progress.firstNs = message.at.monoNs;
}

function lost(state: SessionState, message: Arrived): void {
  const detail = `${backendName(message.tag)} does not fit ${heads[state.head]}`;
  loseDecoding(state, 'decode_lost', detail, message.at);
}

function ready(state: SessionState, message: Arrived): void {
  const status = readReadyForQuery(message.body);
  if (status === null) lost(state, message);
  else readyForQuery(state, status, message.at);
}

function copyBegins(state: SessionState, message: Arrived, direction: CopyDirection): void {
  own(state, message);
  state.progress.direction = direction;
  const token = state.queue.at(0);
  if (direction === 'both') token.replication = true;
  if (token.replication) {
    state.head = headNumber.replication;
    state.progress.wal ??= new WalStream(direction === 'both');
  } else if (token.kind === tokenKind.execute) {
    state.head = direction === 'in' ? headNumber.executeCopyIn : headNumber.executeCopyOut;
  } else state.head = direction === 'in' ? headNumber.queryCopyIn : headNumber.queryCopyOut;
}

function complete(state: SessionState, message: Arrived): void {
  own(state, message);
  const { head } = state;
  const copyIn = head === headNumber.executeCopyIn || head === headNumber.queryCopyIn;
  if (copyIn && !completeCopyIn(state)) {
    lost(state, message);
    return;
  }
  const tag = commandTag(message.body);
  const token = state.queue.at(0);
  if (token.kind === tokenKind.execute) {
    endExecute(state, token, state.names, { outcome: 'completed', tag }, message.at);
    popHead(state);
  } else {
    endPart(state, tag, message.at);
    state.head = headNumber.queryNext;
  }
}

function endedWithout(state: SessionState, message: Arrived, outcome: 'empty' | 'suspended'): void {
  own(state, message);
  const token = state.queue.at(0);
  if (token.kind === tokenKind.execute) {
    endExecute(state, token, state.names, { outcome }, message.at);
    popHead(state);
  } else {
    endRest(state, { outcome }, message.at);
    state.head = headNumber.queryEnd;
  }
}

function parameterTypes(state: SessionState, message: Arrived): void {
  const { name } = state.queue.at(0);
  const described = readParameterDescription(message.body)?.slice(0, state.limits.paramsMax) ?? null;
  const prepared = state.names.statement(name);
  if (prepared !== null) prepared.described = described;
  else state.names.setStatement(new Prepared(name, notSeen, [], described));
  state.head = headNumber.describeRows;
}

/** A reply that only a message behind the Syncs at the head can have: those were swallowed in copy mode. */
function behind(state: SessionState, message: Arrived): void {
  let isViolation = false;
  if (message.tag === backendTag.ErrorResponse) {
    const fields = errorFields(inUtf8(state.settings.charset, message.body), message.bodyBytes);
    if (isFatal(fields)) {
      die(state, fields, message.at);
      return;
    }
    isViolation = fields.sqlstate === protocolViolation;
  }
  const run = settledRun(state, isViolation);
  if (run < 0) {
    lost(state, message);
    return;
  }
  for (let place = 0; place < run; place += 1) state.queue.pop();
  state.slack = 0;
  settleHead(state);
  take(state, message);
}

/** Ends the session when the error is FATAL; else hands it to `other`. */
function error(
  other: (state: SessionState, message: Arrived, fields: ReturnType<typeof errorFields>) => void,
): Action {
  return (state, message) => {
    const fields = errorFields(inUtf8(state.settings.charset, message.body), message.bodyBytes);
    if (isFatal(fields)) die(state, fields, message.at);
    else other(state, message, fields);
  };
}

const actionOf: Record<Step, Action> = {
  lost,
  ignore: () => {},
  notice: (state, message) => notice(state, message.body, message.bodyBytes),
  notification: (state, message) => notification(state, message.body, message.bodyBytes, message.at),
  authentication: (state, message) => state.opening.authentication(readAuthentication(message.body) ?? -1),
  backendKey: (state, message) => {
    state.opening.pid = readBackendKey(message.body) ?? 0;
  },
  parameter: (state, message) => {
    if (state.head === headNumber.startup) state.opening.parameter(message.body);
    const told = readParameterStatus(message.body);
    if (told !== null) state.settings.reported(told.name, told.value);
  },
  negotiated: (state, message) => state.opening.negotiated(message.body),
  startupFailed: (state, message) => {
    state.opening.fatal ??= serverError(
      errorFields(inUtf8(state.settings.charset, message.body), message.bodyBytes),
      false,
    );
    state.opening.tell(state.tape, state.identity, false, message.at);
    state.head = headNumber.dead;
  },
  ready,
  parsed: (state) => {
    const { prepared } = state.queue.at(0);
    if (prepared !== null) state.names.setStatement(prepared);
    popHead(state);
  },
  bound: (state) => {
    const token = state.queue.at(0);
    state.names.setPortal(token.name, token.statement, token.bound);
    popHead(state);
  },
  closed: (state) => {
    const token = state.queue.at(0);
    if (token.kind === tokenKind.closeStatement) state.names.dropStatement(token.name);
    else state.names.dropPortal(token.name);
    popHead(state);
  },
  parameterTypes,
  described: popHead,
  rowsBegin: (state, message) => {
    own(state, message);
    if (!state.queue.at(0).replication) state.head = headNumber.queryRows;
  },
  row: (state, message) => {
    own(state, message);
    state.progress.rows += message.frames;
    state.progress.bytes += message.bytes;
  },
  complete,
  empty: (state, message) => endedWithout(state, message, 'empty'),
  suspended: (state, message) => endedWithout(state, message, 'suspended'),
  copyIn: (state, message) => copyBegins(state, message, 'in'),
  copyOut: (state, message) => copyBegins(state, message, 'out'),
  copyBoth: (state, message) => copyBegins(state, message, 'both'),
  copyData: (state, message) => {
    state.progress.copyMessages += message.frames;
    state.progress.copyBytes += message.bytes;
    state.progress.wal?.sent(message.body, message.bytes);
  },
  copyOutEnd: (state) => {
    state.head =
      state.head === headNumber.executeCopyOut ? headNumber.executeCopyEnd : headNumber.queryCopyEnd;
  },
  replicationComplete: (state, message) => {
    own(state, message);
    state.progress.tag = commandTag(message.body).tag;
    state.head = headNumber.replicationEnd;
  },
  functionResult: (state, message) => {
    own(state, message);
    const { body } = message;
    const result = body.length < 4 ? -1 : Buffer.from(body.buffer, body.byteOffset, 4).readInt32BE();
    endFunction(state, state.queue.at(0), { outcome: 'completed', result }, message.at);
    state.head = headNumber.functionEnd;
  },
  fail: error((state, message, fields) => failHead(state, fields, message.at)),
  failSync: error((state, _message, fields) => {
    state.fate.fail(serverError(fields, false));
    state.settings.failed();
    state.head = headNumber.syncFailed;
  }),
  failAgain: error((state, message) => lost(state, message)),
  failOutside: error((state, message) => lost(state, message)),
  behind,
};
const actions: readonly Action[] = steps.map((step) => actionOf[step]);
