/** Owns the attributes of every kind of record but statements. Knows no ids and no transport. */
import type { DraftOf, DraftRecord, Kind } from '@pgtape/evidence';
import { putBool, putInt, putString, putStrings } from './attributes.ts';
import * as names from './names.ts';
import type { ProtoWriter } from './protoWriter.ts';
import { putErrorStatus, putLink, spanKey, spanKind } from './spanParts.ts';
import type { SessionSpans } from './spanSessions.ts';
import { putRuns } from './surroundings.ts';

type Other = Exclude<Kind, 'statement'>;
type OtherDraft = Exclude<DraftRecord, { kind: 'statement' }>;

const max = names.shortTextBytesMax;

/** Names of spans that people look for; the rest are `pgtape.<kind>`. */
const spanNames: Partial<Record<Other, string>> = {
  opened: 'pg.session.opened',
  closed: 'pg.session.closed',
  stretch: 'pg.session',
};

/** Name, kind and `pgtape.kind` of a span that is no statement's. */
export function putNamed(out: ProtoWriter, kind: string, name = `pgtape.${kind}`): void {
  out.reserve(256);
  out.string(spanKey.name, name, max);
  out.byte(spanKey.kind);
  out.byte(spanKind.internal);
  putString(out, names.kind, kind);
}

/** Appends what follows the line in the span; `shared` are the session's or the reel's attributes. */
export function putRecord(
  out: ProtoWriter,
  draft: OtherDraft,
  seq: number,
  shared: Buffer,
  session: SessionSpans | null,
): void {
  out.reserve(shared.length);
  out.block(shared);
  putNamed(out, draft.kind, spanNames[draft.kind]);
  putInt(out, names.seq, seq);
  if ('n' in draft && draft.n !== undefined) putInt(out, names.n, draft.n);
  switch (draft.kind) {
    case 'opened':
      putOpened(out, draft);
      break;
    case 'closed':
      putClosed(out, draft);
      break;
    case 'stretch':
      putStretch(out, draft, session);
      break;
    case 'running':
      putString(out, names.protocol, draft.protocol);
      if (draft.sql !== null) putString(out, names.queryText, draft.sql, names.queryTextBytesMax);
      if (draft.redacted !== undefined) putStrings(out, names.redacted, draft.redacted);
      putRuns(out, draft);
      break;
    case 'transaction':
      putString(out, names.outcome, draft.outcome);
      putError(out, draft.error);
      break;
    case 'notification':
      putString(out, names.detail, draft.channel, max);
      break;
    case 'notices':
      putInt(out, names.rows, draft.notices.length + draft.notices_more);
      break;
    case 'gap':
      putString(out, names.reason, draft.reason);
      putString(out, names.detail, draft.detail, max);
      break;
    case 'bypass':
      putString(out, names.reason, draft.how);
      putString(out, names.detail, `${draft.user} in ${draft.database}`, max);
      break;
    case 'reel_closed':
      putString(out, names.why, draft.why);
      putInt(out, names.statements, draft.statements);
      break;
    case 'heartbeat':
      putInt(out, names.statements, draft.statements);
      break;
    case 'alert':
      putString(out, names.reason, draft.reason);
      putString(out, names.detail, draft.detail, max);
      break;
    default:
      // Nothing beyond what every record's span says.
      break;
  }
}

function putError(out: ProtoWriter, error: DraftOf<'closed'>['error']): void {
  if (error === undefined) return;
  putString(out, names.statusCode, error.sqlstate);
  putString(out, names.errorType, error.sqlstate);
  putErrorStatus(out, error.message);
}

function putOpened(out: ProtoWriter, draft: DraftOf<'opened'>): void {
  putBool(out, names.tls, draft.tls);
  putString(out, names.protocolVersion, draft.protocol, max);
  putString(out, names.auth, draft.auth, max);
  putString(out, names.serverVersion, draft.server_version, max);
  putInt(out, names.pid, draft.pid);
  putBool(out, names.ready, draft.ready);
  if (draft.replication !== undefined) putString(out, names.replication, draft.replication, max);
}

function putTotals(out: ProtoWriter, draft: DraftOf<'closed'> | DraftOf<'stretch'>): void {
  putInt(out, names.statements, draft.statements);
  putInt(out, names.failed, draft.failed);
  putInt(out, names.rows, draft.rows);
  putInt(out, names.bytes, draft.bytes);
}

function putClosed(out: ProtoWriter, draft: DraftOf<'closed'>): void {
  putString(out, names.why, draft.why);
  if (draft.reason !== undefined) putString(out, names.reason, draft.reason, max);
  putTotals(out, draft);
  putInt(out, names.bytesFromClient, draft.bytes_from_client);
  putInt(out, names.bytesFromServer, draft.bytes_from_server);
  putError(out, draft.error);
}

/** The root span of a stretch, linked to the root of the stretch before. */
function putStretch(out: ProtoWriter, draft: DraftOf<'stretch'>, session: SessionSpans | null): void {
  putInt(out, names.stretch, draft.stretch);
  putInt(out, names.firstN, draft.first_n);
  putTotals(out, draft);
  const before = draft.stretch - 1;
  if (session === null || before < 1) return;
  putLink(out, session.traceId(before), session.rootId(before), 1);
}
