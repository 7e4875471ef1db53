/** The rarer fields of `statement` lines, and those of `running` lines, as text. */
import { cutJson, optionalText, textJson, textsJson } from './jsonText.ts';
import type { DraftOf } from './record.ts';
import type { Notice, Replication, Runs } from './recordParts.ts';

export function runningFields(line: string, d: DraftOf<'running'>): string {
  let text = `${line},"protocol":"${d.protocol}","sql":${d.sql === null ? 'null' : textJson(d.sql)}`;
  if (d.sql_cut !== undefined) text += cutJson(d.sql_cut);
  if (d.redacted !== undefined) text += textsJson(',"redacted":', d.redacted);
  if (d.runs !== undefined) text += runsJson(d.runs);
  return `${text},"start":"${d.start}","duration_ns":${d.duration_ns}}`;
}

/** What follows `protocol` and `sql` up to `role`. */
export function textFields(d: DraftOf<'statement'>): string {
  let text = '';
  if (d.sql_unknown !== undefined) text += `,"sql_unknown":"${d.sql_unknown}"`;
  if (d.sql_cut !== undefined) text += cutJson(d.sql_cut);
  if (d.redacted !== undefined) text += textsJson(',"redacted":', d.redacted);
  if (d.statement !== undefined) text += `,"statement":${textJson(d.statement)}`;
  if (d.portal !== undefined) text += `,"portal":${textJson(d.portal)}`;
  if (d.part !== undefined) text += `,"part":${d.part}`;
  if (d.parts !== undefined) text += `,"parts":${d.parts}`;
  if (d.runs !== undefined) text += runsJson(d.runs);
  if (d.sql_encoding !== undefined) text += `,"sql_encoding":${textJson(d.sql_encoding)}`;
  if (d.sql_raw !== undefined) text += `,"sql_raw":"${d.sql_raw}"`;
  return text;
}

function runsJson({ name, sql, sql_unknown, sql_cut }: Runs): string {
  return (
    `,"runs":{"name":${textJson(name)},"sql":${sql === null ? 'null' : textJson(sql)}` +
    (sql_unknown === undefined ? '' : `,"sql_unknown":"${sql_unknown}"`) +
    `${sql_cut === undefined ? '' : cutJson(sql_cut)}}`
  );
}

/** The same for many statements in a row: the last ones are kept. */
let around: Pick<DraftOf<'statement'>, 'role' | 'session_user' | 'search_path'> = {};
let aroundBytes: Uint8Array = new Uint8Array(0);

/** `role`, `session_user`, `search_path`. */
export function surroundings(d: DraftOf<'statement'>): Uint8Array {
  const { role, session_user, search_path } = d;
  if (role !== around.role || search_path !== around.search_path || session_user !== around.session_user) {
    around = { role, session_user, search_path };
    aroundBytes = Buffer.from(
      optionalText(',"role":', role) +
        optionalText(',"session_user":', session_user) +
        optionalText(',"search_path":', search_path),
    );
  }
  return aroundBytes;
}

export function unsureText(d: DraftOf<'statement'>): string {
  return d.unsure === undefined ? '' : textsJson(',"unsure":', d.unsure);
}

export function noticesJson(notices: readonly Notice[]): string {
  const items = notices.map(
    ({ severity, sqlstate, message }) =>
      `{"severity":${textJson(severity)},"sqlstate":"${sqlstate}","message":${textJson(message)}}`,
  );
  return `,"notices":[${items.join(',')}]`;
}

export function replicationJson(r: Replication): string {
  return (
    `,"replication":{"command":${textJson(r.command)}` +
    optionalText(',"slot":', r.slot) +
    optionalText(',"kind":', r.kind) +
    optionalText(',"from":', r.from) +
    optionalText(',"timeline":', r.timeline) +
    optionalText(',"plugin":', r.plugin) +
    optionalText(',"first":', r.first) +
    optionalText(',"last":', r.last) +
    optionalText(',"flushed":', r.flushed) +
    `,"bytes_from_server":${r.bytes_from_server},"bytes_from_client":${r.bytes_from_client}}`
  );
}
