/**
 * Owns the names of the attributes pgtape puts on spans: OpenTelemetry's database conventions (semconv
 * 1.44.0, docs/db/database-spans.md) where they have one, `pgtape.*` where not. Knows no encoding of spans.
 */
import { nameOf } from './attributes.ts';

/** The conventions these names are from, as `schema_url`. */
export const schemaUrl = 'https://opentelemetry.io/schemas/1.44.0';

/** Bytes of SQL text copied into `db.query.text`; the line has the text whole. */
export const queryTextBytesMax = 16_384;
/** Bytes of any other text that comes from a client or a server. */
export const shortTextBytesMax = 1024;

export const kind = nameOf('pgtape.kind');
export const reel = nameOf('pgtape.reel');
export const seq = nameOf('pgtape.seq');
export const n = nameOf('pgtape.n');

export const system = nameOf('db.system.name');
export const namespace = nameOf('db.namespace');
export const operation = nameOf('db.operation.name');
export const queryText = nameOf('db.query.text');
export const statusCode = nameOf('db.response.status_code');
export const returnedRows = nameOf('db.response.returned_rows');
export const errorType = nameOf('error.type');
export const serverAddress = nameOf('server.address');
export const serverPort = nameOf('server.port');
export const clientAddress = nameOf('client.address');
export const clientPort = nameOf('client.port');
export const userName = nameOf('user.name');
export const sessionId = nameOf('session.id');

export const applicationName = nameOf('pgtape.application_name');
export const affectedRows = nameOf('pgtape.affected_rows');
export const commandTag = nameOf('pgtape.command_tag');
export const continues = nameOf('pgtape.continues');
export const fate = nameOf('pgtape.fate');
export const outcome = nameOf('pgtape.outcome');
export const paramsCount = nameOf('pgtape.params.count');
export const part = nameOf('pgtape.part');
export const protocol = nameOf('pgtape.protocol');
export const redacted = nameOf('pgtape.redacted');
export const returnedBytes = nameOf('pgtape.returned_bytes');
export const role = nameOf('pgtape.role');
export const runsName = nameOf('pgtape.runs.name');
export const runsText = nameOf('pgtape.runs.text');
export const searchPath = nameOf('pgtape.search_path');
export const sessionUser = nameOf('pgtape.session_user');
export const sqlUnknown = nameOf('pgtape.sql_unknown');
export const stage = nameOf('pgtape.stage');
export const timing = nameOf('pgtape.timing');
export const unsure = nameOf('pgtape.unsure');
export const txAfter = nameOf('pgtape.tx.after');
export const txBefore = nameOf('pgtape.tx.before');

export const auth = nameOf('pgtape.auth');
export const bytes = nameOf('pgtape.bytes');
export const bytesFromClient = nameOf('pgtape.bytes_from_client');
export const bytesFromServer = nameOf('pgtape.bytes_from_server');
export const detail = nameOf('pgtape.detail');
export const failed = nameOf('pgtape.failed');
export const firstN = nameOf('pgtape.first_n');
export const pid = nameOf('pgtape.pid');
export const protocolVersion = nameOf('pgtape.protocol_version');
export const ready = nameOf('pgtape.ready');
export const reason = nameOf('pgtape.reason');
export const replication = nameOf('pgtape.replication');
export const rows = nameOf('pgtape.rows');
export const segment = nameOf('pgtape.segment');
export const serverVersion = nameOf('pgtape.server_version');
export const statements = nameOf('pgtape.statements');
export const stretch = nameOf('pgtape.stretch');
export const tls = nameOf('pgtape.tls');
export const why = nameOf('pgtape.why');
