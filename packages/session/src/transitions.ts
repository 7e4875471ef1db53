/**
 * The total table of the session machine: what each backend message means, by what stands at the head of the
 * queue of messages that wait for replies. Knows no bytes and no records; SPEC.md shows the same table.
 */
import { backendTag } from '@pgtape/wire';

/** The backend's messages; `unknown` is every type byte protocol 3 does not have. */
export const replies = [
  'ParseComplete',
  'BindComplete',
  'CloseComplete',
  'NotificationResponse',
  'CommandComplete',
  'DataRow',
  'ErrorResponse',
  'CopyInResponse',
  'CopyOutResponse',
  'CopyBothResponse',
  'CopyData',
  'CopyDone',
  'EmptyQueryResponse',
  'BackendKeyData',
  'NoticeResponse',
  'Authentication',
  'ParameterStatus',
  'RowDescription',
  'NoData',
  'FunctionCallResponse',
  'PortalSuspended',
  'ParameterDescription',
  'NegotiateProtocolVersion',
  'ReadyForQuery',
  'unknown',
] as const;
export type Reply = (typeof replies)[number];

/** What stands at the head of the queue, and how far its replies have come. */
export const heads = [
  'startup',
  'idle',
  'parse',
  'bind',
  'describeStatement',
  'describeRows',
  'describePortal',
  'close',
  'flush',
  'execute',
  'executeCopyIn',
  'executeCopyOut',
  'executeCopyEnd',
  'sync',
  'syncFailed',
  'settling',
  'query',
  'queryNext',
  'queryRows',
  'queryCopyIn',
  'queryCopyOut',
  'queryCopyEnd',
  'queryEnd',
  'queryFailed',
  'replication',
  'replicationEnd',
  'function',
  'functionEnd',
  'dead',
] as const;
export type Head = (typeof heads)[number];

/** What is done; `lost` is the cell that cannot be: the machine stops decoding and says so. */
export const steps = [
  'lost',
  'ignore',
  'notice',
  'notification',
  'authentication',
  'backendKey',
  'parameter',
  'negotiated',
  'startupFailed',
  'ready',
  'parsed',
  'bound',
  'closed',
  'parameterTypes',
  'described',
  'rowsBegin',
  'row',
  'complete',
  'empty',
  'suspended',
  'copyIn',
  'copyOut',
  'copyBoth',
  'copyData',
  'copyOutEnd',
  'replicationComplete',
  'functionResult',
  'fail',
  'failSync',
  'failAgain',
  'failOutside',
  'behind',
] as const;
export type Step = (typeof steps)[number];

const impossible = Object.fromEntries(replies.map((reply) => [reply, 'lost'])) as Record<Reply, 'lost'>;
/** Notices, notifications and parameter changes may stand between any two messages. */
const live = {
  ...impossible,
  NoticeResponse: 'notice',
  NotificationResponse: 'notification',
  ParameterStatus: 'parameter',
} as const;
const ends = { ...live, ErrorResponse: 'failAgain', ReadyForQuery: 'ready' } as const;
const copyingOut = { ...live, CopyData: 'copyData', CopyDone: 'copyOutEnd', ErrorResponse: 'fail' } as const;
const copied = { ...live, CommandComplete: 'complete', ErrorResponse: 'fail' } as const;
const queryNext = {
  ...live,
  RowDescription: 'rowsBegin',
  CommandComplete: 'complete',
  CopyInResponse: 'copyIn',
  CopyOutResponse: 'copyOut',
  CopyBothResponse: 'copyBoth',
  ErrorResponse: 'fail',
} as const;
/** Walsender commands answer with any number of results, COPY streams and tags; ReadyForQuery ends them. */
const replication = {
  ...live,
  RowDescription: 'rowsBegin',
  DataRow: 'row',
  CopyInResponse: 'copyIn',
  CopyOutResponse: 'copyOut',
  CopyBothResponse: 'copyBoth',
  CopyData: 'copyData',
  CopyDone: 'ignore',
  CommandComplete: 'replicationComplete',
  ErrorResponse: 'fail',
} as const;

export const transitions = {
  startup: {
    ...live,
    // Nobody has listened yet, and `opened` is the first record.
    NotificationResponse: 'ignore',
    Authentication: 'authentication',
    BackendKeyData: 'backendKey',
    NegotiateProtocolVersion: 'negotiated',
    ErrorResponse: 'startupFailed',
    ReadyForQuery: 'ready',
  },
  idle: { ...live, ErrorResponse: 'failOutside' },
  parse: { ...live, ParseComplete: 'parsed', ErrorResponse: 'fail' },
  bind: { ...live, BindComplete: 'bound', ErrorResponse: 'fail' },
  describeStatement: { ...live, ParameterDescription: 'parameterTypes', ErrorResponse: 'fail' },
  describeRows: { ...live, RowDescription: 'described', NoData: 'described', ErrorResponse: 'fail' },
  describePortal: { ...live, RowDescription: 'described', NoData: 'described', ErrorResponse: 'fail' },
  close: { ...live, CloseComplete: 'closed', ErrorResponse: 'fail' },
  flush: { ...live, ErrorResponse: 'fail' },
  execute: {
    ...live,
    DataRow: 'row',
    CommandComplete: 'complete',
    EmptyQueryResponse: 'empty',
    PortalSuspended: 'suspended',
    CopyInResponse: 'copyIn',
    CopyOutResponse: 'copyOut',
    ErrorResponse: 'fail',
  },
  executeCopyIn: copied,
  executeCopyOut: copyingOut,
  executeCopyEnd: copied,
  sync: { ...live, ErrorResponse: 'failSync', ReadyForQuery: 'ready' },
  syncFailed: ends,
  settling: {
    ...live,
    ParseComplete: 'behind',
    BindComplete: 'behind',
    CloseComplete: 'behind',
    CommandComplete: 'behind',
    DataRow: 'behind',
    ErrorResponse: 'behind',
    CopyInResponse: 'behind',
    CopyOutResponse: 'behind',
    CopyBothResponse: 'behind',
    EmptyQueryResponse: 'behind',
    RowDescription: 'behind',
    NoData: 'behind',
    FunctionCallResponse: 'behind',
    PortalSuspended: 'behind',
    ParameterDescription: 'behind',
    ReadyForQuery: 'ready',
  },
  query: { ...queryNext, EmptyQueryResponse: 'empty' },
  queryNext: { ...queryNext, ReadyForQuery: 'ready' },
  queryRows: {
    ...live,
    RowDescription: 'rowsBegin',
    DataRow: 'row',
    CommandComplete: 'complete',
    ErrorResponse: 'fail',
  },
  queryCopyIn: copied,
  queryCopyOut: copyingOut,
  queryCopyEnd: copied,
  queryEnd: ends,
  queryFailed: ends,
  replication,
  replicationEnd: { ...replication, ReadyForQuery: 'ready' },
  function: { ...live, FunctionCallResponse: 'functionResult', ErrorResponse: 'fail' },
  functionEnd: ends,
  dead: Object.fromEntries(replies.map((reply) => [reply, 'ignore'])) as Record<Reply, 'ignore'>,
} as const satisfies Record<Head, Record<Reply, Step>>;

function numbered<K extends string>(names: readonly K[]): Readonly<Record<K, number>> {
  return Object.fromEntries(names.map((name, number) => [name, number])) as Record<K, number>;
}

/** The names' numbers: what the machine keeps and compares. */
export const headNumber = numbered(heads);
export const stepNumber = numbered(steps);
const replyNumber = numbered(replies);

/** Reply number of each type byte. */
export const replyOfTag: Uint8Array = new Uint8Array(256).fill(replyNumber.unknown);
for (const [name, tag] of Object.entries(backendTag)) {
  replyOfTag[tag] = replyNumber[name as Reply] ?? replyNumber.unknown;
}

/** `stepTable[head * repliesCount + reply]`. */
export const repliesCount = replies.length;
export const stepTable: Uint8Array = Uint8Array.from(
  heads.flatMap((head) => replies.map((reply) => stepNumber[transitions[head][reply]])),
);
