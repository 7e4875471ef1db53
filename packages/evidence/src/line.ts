/**
 * Writes records as lines: fields in schema order, bytes exactly as JSON.stringify would write the parsed
 * record. Trusts the types of a draft; does not check what the schema checks.
 */

import { putAscii, putBlock, putCount } from './asciiBytes.ts';
import { FORMAT_VERSION, LINE_BYTES_MAX } from './formatNumbers.ts';
import { errorJson, optionalText, textJson } from './jsonText.ts';
import { fitDraft } from './lineLimit.ts';
import type { DraftOf, DraftRecord, VaultDraft } from './record.ts';
import type { Notice, Replication, ServerError, TlsFacts } from './recordParts.ts';
import { putStatement } from './statementLine.ts';
import { noticesJson, runningFields } from './statementText.ts';
import { isVaultDraft, vaultFields } from './vaultLine.ts';

type RecorderDraft = Exclude<DraftRecord, VaultDraft>;

/** What the sealer adds to a draft. */
export interface SealedFields {
  /** 32 hex digits. */
  readonly reel: string;
  readonly seq: number;
  /** 16 hex digits. */
  readonly salt: string;
}

/** UTF-8 bytes per UTF-16 unit at worst: a control character or lone surrogate becomes `\u001f`. */
const bytesPerUnitMax = 6;
/** More than all field names, numbers, ids and words of any kind together. */
const fixedBytesMax = 1536;
const perParameterBytesMax = 256;
const perRangeBytesMax = 36;
const perOpenSessionBytesMax = 80;
const perNoticeBytesMax = 64;
/** Field names, four positions and two counts. */
const replicationFixedUnits = 64;

/** What `fitDraft` may add to a record while it shortens it. */
const fittingBytesMax = 65_536;

let reelOfStart = '';
let start: Uint8Array = new Uint8Array(0);
const saltPart = Buffer.from(',"salt":"');
const atPart = Buffer.from('","at":"');
const monoPart = Buffer.from('","mono":"');
const kindPart = Buffer.from('","kind":"');

/**
 * Writes one line, without newline, into `out` at `pos` and returns its end. `out` must have
 * `lineBytesBound(draft)` bytes free from there. A record that would be longer than LINE_BYTES_MAX is
 * shortened first: see `fitDraft`.
 */
export function writeLine(draft: DraftRecord, sealed: SealedFields, out: Buffer, pos: number): number {
  const bound = bytesBound(draft);
  if (bound <= LINE_BYTES_MAX) return lineInto(draft, sealed, out, pos);
  const aside = Buffer.allocUnsafeSlow(bound + fittingBytesMax);
  let end = lineInto(draft, sealed, aside, 0);
  if (end > LINE_BYTES_MAX) {
    const fitted = fitDraft(draft, (shorter) => lineInto(shorter, sealed, aside, 0) <= LINE_BYTES_MAX);
    end = lineInto(fitted, sealed, aside, 0);
  }
  out.set(aside.subarray(0, end), pos);
  return pos + end;
}

/** Upper bound of the bytes `writeLine` may take; never over LINE_BYTES_MAX. */
export function lineBytesBound(draft: DraftRecord): number {
  return Math.min(bytesBound(draft), LINE_BYTES_MAX);
}

function bytesBound(draft: DraftRecord): number {
  // Escapes are counted already; a unit is then at most three bytes.
  if (isVaultDraft(draft)) return fixedBytesMax + vaultFields(draft).length * 3;
  return fixedBytesMax + unitsOf(draft) * bytesPerUnitMax + listBytesMax(draft);
}

/** The line whatever its length; `out` has `bytesBound(draft)` bytes from `at` on. */
function lineInto(draft: DraftRecord, sealed: SealedFields, out: Buffer, at: number): number {
  if (sealed.reel !== reelOfStart) {
    reelOfStart = sealed.reel;
    start = Buffer.from(`{"v":${FORMAT_VERSION},"reel":"${sealed.reel}","seq":`);
  }
  let pos = putCount(out, putBlock(out, at, start), sealed.seq);
  pos = putAscii(out, putBlock(out, pos, saltPart), sealed.salt);
  pos = putAscii(out, putBlock(out, pos, atPart), draft.at);
  pos = putAscii(out, putBlock(out, pos, monoPart), draft.mono);
  pos = putBlock(out, pos, kindPart);
  if (draft.kind === 'statement') return putStatement(out, pos, draft);
  return pos + out.write(isVaultDraft(draft) ? vaultFields(draft) : rareFields(draft), pos, 'utf8');
}

/** From the kind's name to the end of the line. */
function rareFields(d: Exclude<RecorderDraft, { kind: 'statement' }>): string {
  switch (d.kind) {
    case 'running':
      return runningFields(`running","session":"${d.session}","n":${d.n}`, d);
    case 'transaction':
      return transactionFields(d);
    case 'opened':
      return openedFields(d);
    case 'closed':
      return closedFields(d);
    case 'stretch':
      return stretchFields(d);
    case 'heartbeat':
      return heartbeatFields(d);
    case 'notification':
      return notificationFields(d);
    case 'notices':
      return (
        `notices","session":"${d.session}","n":${d.n}${noticesJson(d.notices)}` +
        `,"notices_more":${d.notices_more}}`
      );
    case 'gap':
      return gapFields(d);
    case 'reel_opened':
      return reelOpenedFields(d);
    case 'bypass':
      return bypassFields(d);
    case 'configured':
      return (
        `configured","config":${textJson(d.config)},"policy":"${d.policy}"` +
        `,"changed":${JSON.stringify(d.changed)},"restart_needed":${JSON.stringify(d.restart_needed)}}`
      );
    case 'reel_closed':
      return `reel_closed","why":"${d.why}","sessions":${d.sessions},"statements":${d.statements}}`;
  }
}

function transactionFields(d: DraftOf<'transaction'>): string {
  return (
    `transaction","session":"${d.session}","n":${d.n},"outcome":"${d.outcome}","implicit":${d.implicit}` +
    `,"ranges":[${d.ranges.map(([from, to]) => `[${from},${to}]`).join(',')}]` +
    optionalText(',"savepoint":', d.savepoint) +
    optionalText(',"gid":', d.gid) +
    optionalError(d.error) +
    '}'
  );
}

function openedFields(d: DraftOf<'opened'>): string {
  return (
    `opened","session":"${d.session}","n":${d.n},"start":"${d.start}"` +
    `,"client":{"address":${textJson(d.client.address)},"port":${d.client.port}}` +
    `,"server":{"address":${textJson(d.server.address)},"port":${d.server.port}}` +
    `,"tls":${d.tls},"protocol":${textJson(d.protocol)},"user":${textJson(d.user)},"database":${textJson(d.database)}` +
    `,"application_name":${textJson(d.application_name)},"auth":${textJson(d.auth)}` +
    `,"server_version":${textJson(d.server_version)},"pid":${d.pid}` +
    optionalText(',"replication":', d.replication) +
    optionalTls(',"tls_client":', d.tls_client) +
    optionalTls(',"tls_server":', d.tls_server) +
    optionalText(',"cancels":', d.cancels) +
    (d.clamped ? ',"clamped":true' : '') +
    `,"ready":${d.ready}}`
  );
}

function optionalTls(name: string, tls: TlsFacts | undefined): string {
  if (tls === undefined) return '';
  const { certificate } = tls;
  const shown =
    certificate === undefined
      ? ''
      : `,"certificate":{"subject":${textJson(certificate.subject)},"issuer":${textJson(certificate.issuer)}` +
        `,"serial":${textJson(certificate.serial)}${optionalText(',"san":', certificate.san)}}`;
  return (
    `${name}{"version":${textJson(tls.version)},"cipher":${textJson(tls.cipher)}` +
    `${optionalText(',"server_name":', tls.server_name)}${optionalText(',"alpn":', tls.alpn)}${shown}}`
  );
}

function closedFields(d: DraftOf<'closed'>): string {
  return (
    `closed","session":"${d.session}","n":${d.n},"why":"${d.why}"` +
    optionalText(',"reason":', d.reason) +
    optionalError(d.error) +
    `,"duration_ns":${d.duration_ns}${totals(d)}` +
    `,"bytes_from_client":${d.bytes_from_client},"bytes_from_server":${d.bytes_from_server}}`
  );
}

function stretchFields(d: DraftOf<'stretch'>): string {
  return (
    `stretch","session":"${d.session}","n":${d.n},"stretch":${d.stretch},"first_n":${d.first_n}` +
    `,"start":"${d.start}","duration_ns":${d.duration_ns}${totals(d)}}`
  );
}

function totals(d: DraftOf<'closed'> | DraftOf<'stretch'>): string {
  return `,"statements":${d.statements},"failed":${d.failed},"rows":${d.rows},"bytes":${d.bytes}`;
}

function heartbeatFields(d: DraftOf<'heartbeat'>): string {
  const open = d.open.map((s) => `{"session":"${s.session}","n":${s.n}}`).join(',');
  return `heartbeat","opened":${d.opened},"closed":${d.closed},"statements":${d.statements},"open":[${open}]}`;
}

function notificationFields(d: DraftOf<'notification'>): string {
  return (
    `notification","session":"${d.session}","n":${d.n},"channel":${textJson(d.channel)},"pid":${d.pid}` +
    `,"payload":${textJson(d.payload)},"payload_len":${d.payload_len}}`
  );
}

function gapFields(d: DraftOf<'gap'>): string {
  return (
    'gap"' +
    (d.session === undefined ? '' : `,"session":"${d.session}"`) +
    (d.n === undefined ? '' : `,"n":${d.n}`) +
    `,"reason":"${d.reason}","detail":${textJson(d.detail)}` +
    (d.bytes === undefined ? '' : `,"bytes":${d.bytes}`) +
    (d.statements === undefined ? '' : `,"statements":${d.statements}`) +
    (d.sessions === undefined ? '' : `,"sessions":${d.sessions}`) +
    '}'
  );
}

function bypassFields(d: DraftOf<'bypass'>): string {
  return (
    `bypass","how":"${d.how}","sessions":${d.sessions},"pid":${d.pid},"user":${textJson(d.user)}` +
    `,"database":${textJson(d.database)},"address":${textJson(d.address)},"port":${d.port}` +
    `,"application":${textJson(d.application)},"started":"${d.started}"}`
  );
}

function reelOpenedFields(d: DraftOf<'reel_opened'>): string {
  return (
    `reel_opened","recorder":"${d.recorder}","name":${textJson(d.name)},"version":${textJson(d.version)}` +
    `,"upstream":${textJson(d.upstream)},"listen":${textJson(d.listen)},"journal":"${d.journal}"` +
    `,"trust_upstream":${d.trust_upstream},"policy":"${d.policy}"}`
  );
}

function optionalError(error: ServerError | undefined): string {
  return error === undefined ? '' : errorJson(error);
}

/** UTF-16 units of all texts of a draft that have no fixed bound. */
function unitsOf(d: RecorderDraft): number {
  switch (d.kind) {
    case 'statement':
      return (
        lengthOf(d.sql) +
        lengthOf(d.statement) +
        lengthOf(d.portal) +
        lengthOf(d.tag) +
        lengthOf(d.traceparent) +
        lengthOf(d.role) +
        lengthOf(d.session_user) +
        lengthOf(d.search_path) +
        lengthOf(d.sql_encoding) +
        lengthOf(d.sql_raw) +
        (d.replication === undefined ? 0 : replicationUnits(d.replication)) +
        runsUnits(d) +
        errorUnits(d)
      );
    case 'running':
      return lengthOf(d.sql) + runsUnits(d);
    case 'transaction':
      return lengthOf(d.savepoint) + lengthOf(d.gid) + errorUnits(d);
    case 'opened':
      return (
        d.client.address.length +
        d.server.address.length +
        d.protocol.length +
        d.user.length +
        d.database.length +
        d.application_name.length +
        d.auth.length +
        d.server_version.length +
        lengthOf(d.replication)
      );
    case 'closed':
      return lengthOf(d.reason) + errorUnits(d);
    case 'notification':
      return d.channel.length + d.payload.length;
    case 'gap':
      return d.detail.length;
    case 'reel_opened':
      return d.name.length + d.version.length + d.upstream.length + d.listen.length;
    case 'bypass':
      return d.user.length + d.database.length + d.address.length + d.application.length;
    case 'configured':
      return d.config.length;
    case 'stretch':
    case 'heartbeat':
    case 'notices':
    case 'reel_closed':
      return 0;
  }
}

function listBytesMax(d: RecorderDraft): number {
  if (d.kind === 'heartbeat') return d.open.length * perOpenSessionBytesMax;
  if (d.kind === 'transaction') return d.ranges.length * perRangeBytesMax;
  if (d.kind === 'notices') return noticesBytesMax(d.notices);
  if (d.kind === 'configured') return namesBytesMax(d.changed) + namesBytesMax(d.restart_needed);
  if (d.kind !== 'statement' && d.kind !== 'running') return 0;
  let bytes = d.kind === 'statement' && d.notices !== undefined ? noticesBytesMax(d.notices) : 0;
  if (d.redacted !== undefined) bytes += namesBytesMax(d.redacted);
  if (d.kind === 'running' || d.params === undefined) return bytes;
  for (let i = 0; i < d.params.length; i++) {
    const p = d.params[i]!;
    bytes += perParameterBytesMax + (lengthOf(p.v) + p.type.length) * bytesPerUnitMax;
  }
  return bytes;
}

function namesBytesMax(names: readonly string[]): number {
  let bytes = 0;
  for (const name of names) bytes += name.length * bytesPerUnitMax + 3;
  return bytes;
}

function runsUnits({ runs }: DraftOf<'statement' | 'running'>): number {
  return runs === undefined ? 0 : runs.name.length + lengthOf(runs.sql);
}

function replicationUnits(r: Replication): number {
  return (
    r.command.length + lengthOf(r.slot) + lengthOf(r.timeline) + lengthOf(r.plugin) + replicationFixedUnits
  );
}

function noticesBytesMax(notices: readonly Notice[]): number {
  let bytes = 0;
  for (const { severity, message } of notices) {
    bytes += perNoticeBytesMax + (severity.length + message.length) * bytesPerUnitMax;
  }
  return bytes;
}

function errorUnits(d: DraftOf<'statement'> | DraftOf<'transaction'> | DraftOf<'closed'>): number {
  const e = d.error;
  if (e === undefined) return 0;
  return (
    e.severity.length +
    e.message.length +
    lengthOf(e.detail) +
    lengthOf(e.hint) +
    lengthOf(e.position) +
    lengthOf(e.schema) +
    lengthOf(e.table) +
    lengthOf(e.column) +
    lengthOf(e.constraint)
  );
}

function lengthOf(text: string | null | undefined): number {
  return text === undefined || text === null ? 0 : text.length;
}
