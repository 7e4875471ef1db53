/** A vault's status as people read it. Pure: texts of what the vault said. */
import type { StatusAlert, StatusReel, VaultStatus } from '@pgtape/vault';
import { bytesText, durationText, plural } from './format.ts';
import type { Output } from './io.ts';
import { type Paint, printable } from './paint.ts';
import { type Column, fitting, tableText, wrapped } from './table.ts';

const spanText = (ms: number): string => durationText(ms * 1e6);

function skewText({ skew_ms: skew, skew_bound_ms: bound }: StatusReel): string {
  if (skew === null) return '';
  const sign = skew > 0 ? '+' : '';
  return `${sign}${skew} ±${bound ?? 0} ms`;
}

function enrolledText({ enrolled: { method, name } }: StatusReel): string {
  return method === 'none' ? 'no' : `${name} (${method})`;
}

const reelColumns: readonly Column<StatusReel>[] = [
  { title: 'RECORDER', cell: ({ name }) => name },
  {
    title: 'STATE',
    cell: ({ state }) => state,
    colour: ({ state }, text, paint) =>
      state === 'open' ? paint.green(text) : state === 'silent' ? paint.red(text) : paint.yellow(text),
  },
  { title: 'REEL', spare: 2, cell: ({ reel }) => reel },
  { title: 'SEGMENT', right: true, cell: ({ segment }) => String(segment) },
  { title: 'LAST', right: true, cell: ({ quiet_ms: quiet }) => `${spanText(quiet)} ago` },
  { title: 'LAG', right: true, spare: 3, cell: ({ lag_ms: lag }) => (lag === null ? '' : spanText(lag)) },
  { title: 'SKEW', right: true, spare: 4, cell: skewText },
  {
    title: 'MISSING',
    right: true,
    spare: 5,
    cell: ({ missing }) => (missing === null ? '' : String(missing)),
    colour: (_row, text, paint) => paint.red(text),
  },
  {
    title: 'ENROLLED',
    spare: 1,
    cell: enrolledText,
    colour: ({ enrolled }, text, paint) => (enrolled.method === 'none' ? paint.dim(text) : text),
  },
];

function alertText({ reason, reel, detail, since }: StatusAlert, columns: number, paint: Paint): string {
  const about = reel === undefined ? '' : `  reel ${printable(reel)}`;
  const head = `  ${paint.red(printable(reason))}${about}  ${paint.dim(`since ${since.slice(0, 19)}Z`)}\n`;
  return `${head}    ${wrapped(printable(detail), columns - 4, 4)}\n`;
}

function archiveText({ archive, holds }: VaultStatus): string {
  const lock = archive.tamper_evident_only ? 'no lock: tamper-evident only' : `lock ${archive.lock}`;
  const retention = archive.retention === false ? 'no retention' : 'retention';
  const enforced = holds.enforced ? '' : ' that nothing enforces';
  const held = holds.active === 0 ? [] : [`${plural(holds.active, 'legal hold')}${enforced}`];
  return [archive.store, lock, retention, ...held].join(', ');
}

function logText({ log }: VaultStatus): string {
  const age = log.checkpoint_age_ms;
  const checkpoint = age === null ? 'no checkpoint yet' : `checkpoint ${spanText(age)} ago`;
  const leaves = log.size === 1 ? '1 leaf' : `${log.size} leaves`;
  const fenced = log.fenced ? ['fenced: another writer has it'] : [];
  return [log.origin, `${leaves} and ${log.pending} pending`, checkpoint, ...fenced].join(', ');
}

/** The whole of it, for the columns of the output. */
export function statusText(status: VaultStatus, output: Output, paint: Paint): string {
  const { ready, reasons, name, forward, own_reel: own, reels, alerts, holds_lock: holdsLock } = status;
  const state = ready ? paint.green('ready') : paint.red(`not ready: ${reasons.join(', ')}`);
  const facts: [string, string][] = [
    ['vault', `${printable(name)}, ${state}${holdsLock ? '' : paint.red(', another vault has the archive')}`],
    ['archive', printable(archiveText(status))],
    ['log', printable(logText(status))],
  ];
  if (own.waiting > 0) facts.push(['own reel', `${plural(own.waiting, 'record')} wait to be stored`]);
  if (forward !== null) {
    facts.push(['forward', `${printable(forward.url)}, ${bytesText(forward.queue_bytes)} waiting`]);
  }
  const counts = `${reels.open} open, ${reels.silent} silent, ${reels.crashed} crashed`;
  const { columns: kept } = fitting(reels.list, reelColumns, output);
  const columns = output.isTTY ? output.columns : 100;
  return [
    ...facts.map(([title, text]) => `${paint.dim(title.padEnd(9))}${text}\n`),
    `\n${paint.bold('Reels')}  ${counts}\n`,
    reels.list.length === 0 ? '' : tableText(reels.list, kept, output, paint),
    reels.more === 0 ? '' : `${plural(reels.more, 'more reel')} not listed\n`,
    alerts.length === 0
      ? `\n${paint.green('No alert stands.')}\n`
      : `\n${paint.bold(paint.red(plural(alerts.length, 'alert')))}\n`,
    ...alerts.map((alert) => alertText(alert, columns, paint)),
  ].join('');
}
