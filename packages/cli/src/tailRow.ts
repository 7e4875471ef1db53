/** One record of a vault's live view as a row for people. Pure. */
import { durationText, wallText } from './format.ts';
import { type Paint, printable } from './paint.ts';
import { fit, widthOf } from './table.ts';

/** The fields of a record that a row shows, or how many records were left out. */
export interface TailRecord {
  readonly kind?: string;
  readonly at?: string;
  readonly session?: string;
  readonly n?: number;
  readonly sql?: string | null;
  readonly tag?: string;
  readonly outcome?: string;
  readonly user?: string;
  readonly database?: string;
  readonly why?: string;
  readonly reason?: string;
  readonly duration_ns?: number;
  readonly error?: { readonly sqlstate: string; readonly message: string };
  readonly lagged?: number;
}

function whatOf(record: TailRecord): string {
  const spoken = (text: string | undefined): string => (text ?? '').replaceAll('_', ' ');
  switch (record.kind) {
    case 'statement':
      return record.error?.sqlstate ?? record.tag ?? spoken(record.outcome);
    case 'opened':
      return `opened by ${record.user} in ${record.database}`;
    case 'closed':
      return `closed: ${spoken(record.why)}`;
    case 'gap':
      return `NOT RECORDED: ${record.reason}`;
    case 'bypass':
      return `NOT RECORDED: bypass by ${record.user || 'somebody'} in ${record.database ?? ''}`;
    case 'transaction':
      return spoken(record.outcome);
    default:
      return spoken(record.kind);
  }
}

/** What most results and spans need, so that rows stand in columns. */
const resultWidth = 12;
const tookWidth = 7;

const shownKinds = new Set(['opened', 'statement', 'running', 'closed', 'gap', 'bypass', 'transaction']);

/** The row with a newline; null for kinds that a row would tell nothing of. `columns` null: nothing is cut. */
export function tailRow(record: TailRecord, columns: number | null, paint: Paint): string | null {
  if (record.lagged !== undefined)
    return `${paint.yellow(`-- ${record.lagged} records left out: this view is too slow`)}\n`;
  if (record.kind === undefined || !shownKinds.has(record.kind)) return null;
  const ordinal = record.session === undefined ? 'reel' : `${record.session}#${record.n ?? ''}`;
  const head = `${wallText(record.at ?? '0')}  ${ordinal}  `;
  const took =
    record.duration_ns === undefined ? '' : `  ${durationText(record.duration_ns).padStart(tookWidth)}`;
  const what = printable(whatOf(record)).padEnd(took === '' ? 0 : resultWidth) + took;
  const sql = record.sql === undefined ? '' : (record.sql ?? '(text unknown)').replaceAll(/\s+/g, ' ');
  const shown = printable(sql);
  const room = columns === null ? shown.length : Math.max(20, columns - widthOf(head) - widthOf(what) - 2);
  let colour = paint.cyan;
  if (record.kind === 'statement') colour = record.error === undefined ? paint.green : paint.red;
  else if (record.kind === 'gap' || record.kind === 'bypass') colour = paint.yellow;
  const text = shown === '' ? '' : `  ${columns === null ? shown : fit(shown, room)}`;
  return `${paint.dim(head)}${colour(what)}${text}\n`;
}
