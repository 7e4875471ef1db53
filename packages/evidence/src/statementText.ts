/** The rarer fields of `statement` lines, and those of `running` lines, as text. */
import { cutJson, textJson, textsJson } from './jsonText.ts';
import type { DraftOf } from './record.ts';

export function runningFields(line: string, d: DraftOf<'running'>): string {
  let text = `${line},"protocol":"${d.protocol}","sql":${d.sql === null ? 'null' : textJson(d.sql)}`;
  if (d.sql_cut !== undefined) text += cutJson(d.sql_cut);
  if (d.redacted !== undefined) text += textsJson(',"redacted":', d.redacted);
  return `${text},"start":"${d.start}","duration_ns":${d.duration_ns}}`;
}

/** What follows `protocol` and `sql` up to `params`. */
export function textFields(d: DraftOf<'statement'>): string {
  let text = '';
  if (d.sql_unknown !== undefined) text += `,"sql_unknown":"${d.sql_unknown}"`;
  if (d.sql_cut !== undefined) text += cutJson(d.sql_cut);
  if (d.redacted !== undefined) text += textsJson(',"redacted":', d.redacted);
  if (d.statement !== undefined) text += `,"statement":${textJson(d.statement)}`;
  if (d.portal !== undefined) text += `,"portal":${textJson(d.portal)}`;
  if (d.part !== undefined) text += `,"part":${d.part}`;
  if (d.parts !== undefined) text += `,"parts":${d.parts}`;
  return text;
}
