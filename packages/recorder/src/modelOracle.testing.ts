/**
 * For the model check: what the tape must say, from what the server said and what it kept. Knows the wire's replies and the table of
 * marks, not the machine under test.
 */
import type { DraftRecord } from '@pgtape/evidence';
import { brief, errorField, type Frame } from './exchange.testing.ts';

type StatementDraft = Extract<DraftRecord, { kind: 'statement' }>;

/** One outcome as the wire shows it. */
interface Outcome {
  /** `C.INSERT_0_1`, `I`, `s`, `V`, `E.42601`. */
  readonly what: string;
  readonly rows: number;
  /** COPY OUT's messages. */
  readonly copied: number;
  /** First column of its last row. */
  readonly value: string;
  /** The same as bytes. */
  readonly bytes: Buffer;
  /** An error's text. */
  readonly message: string;
  /** What the last ReadyForQuery before it says, and the first one behind it. */
  readonly before: string;
  status: string;
}

/** All that ends an execution, in the order of the wire. */
export function wireOutcomes(frames: readonly Frame[]): Outcome[] {
  const outcomes: Outcome[] = [];
  let rows = 0;
  let copied = 0;
  let bytes = Buffer.alloc(0);
  let told = 0;
  let before = 'I';
  for (const frame of frames) {
    const { tag, body } = frame;
    if (tag === 'D') {
      rows += 1;
      bytes = Buffer.from(
        body.readInt16BE(0) === 0 ? '' : body.subarray(6, 6 + Math.max(0, body.readInt32BE(2))),
      );
    } else if (tag === 'd') copied += 1;
    else if (tag === 'Z') {
      before = body.toString();
      for (; told < outcomes.length; told += 1) (outcomes[told] as Outcome).status = body.toString();
    } else if ('CIsVE'.includes(tag)) {
      const message = tag === 'E' ? errorField(body, 'M') : '';
      const value = bytes.toString('utf8');
      outcomes.push({ what: brief(frame), rows, copied, value, bytes, message, before, status: '' });
      rows = 0;
      copied = 0;
      bytes = Buffer.alloc(0);
    }
  }
  return outcomes;
}

function whatOf(draft: StatementDraft): string {
  switch (draft.outcome) {
    case 'completed':
      return draft.protocol === 'function' ? 'V' : `C.${(draft.tag ?? '').replaceAll(' ', '_')}`;
    case 'empty':
      return 'I';
    case 'suspended':
      return 's';
    default:
      return `E.${draft.error?.sqlstate}`;
  }
}

const isStatement = (draft: DraftRecord): draft is StatementDraft => draft.kind === 'statement';
const ran = (draft: StatementDraft): boolean => draft.outcome !== 'skipped' && draft.outcome !== 'lost';

/** Everything the record knows of what ran. */
const textOf = (draft: StatementDraft): string =>
  `${draft.sql ?? ''} ${draft.params?.map(({ v }) => `k${v ?? ''}`).join(' ') ?? ''}`;

/** Its error is told twice: as its own, and as that of the transaction it did not commit. */
const isFailedCommit = ({ stage, error, sql }: StatementDraft, sqlstate: string): boolean =>
  (stage === 'query' || stage === 'execute') &&
  error?.sqlstate === sqlstate &&
  /^(commit|prepare transaction)/.test(sql ?? '');

/** What the decoder may not know, by the words of its gap; anything else is a fault. */
const undecidable =
  /^a (COPY failed before messages|message after a failed COPY) .*may or may not have been read$/;

/** Fate of every statement by its ordinal. @throws Error when one is decided twice or not at all */
function fatesOf(records: readonly DraftRecord[]): Map<number, string> {
  const fates = new Map<number, string>();
  const ordinals = new Set(records.filter(isStatement).map(({ n }) => n));
  const tell = (n: number, fate: string): void => {
    if (fates.has(n)) throw new Error(`record ${n} was decided twice`);
    fates.set(n, fate);
  };
  for (const draft of records) {
    if (isStatement(draft) && draft.fate !== undefined) tell(draft.n, draft.fate);
    if (draft.kind !== 'transaction') continue;
    for (const [first, last] of draft.ranges)
      for (let n = first; n <= last; n += 1) if (ordinals.has(n)) tell(n, draft.outcome);
  }
  for (const n of ordinals) if (!fates.has(n)) throw new Error(`record ${n} was never decided`);
  return fates;
}

function checkOrder(records: readonly DraftRecord[]): void {
  const ordinals = records.map((draft) => ('n' in draft ? draft.n : 0));
  if (ordinals.some((n, place) => n !== place + 1)) throw new Error(`ordinals are ${ordinals.join(' ')}`);
  if (records[0]?.kind !== 'opened') throw new Error('the first record is not opened');
  if (records.filter(({ kind }) => kind === 'closed').length !== 1 || records.at(-1)?.kind !== 'closed')
    throw new Error('the last record is not closed');
}

/** The server says that there is no such statement or portal, and no SQL of the client's asked for it by name. */
function isMissing({ stage, error, sql }: StatementDraft): boolean {
  if (/^[;\s]*(fetch|move|close|execute|deallocate)\b/.test(sql ?? '')) return false;
  if (error?.sqlstate === '34000') return stage === 'execute' || stage === 'describe';
  return error?.sqlstate === '26000' && (stage === 'bind' || stage === 'describe');
}

const decoders: Readonly<Record<string, string>> = {
  LATIN1: 'latin1',
  UTF8: 'utf-8',
  WIN1251: 'windows-1251',
  SJIS: 'shift_jis',
};

/** A value that came back as the very bytes that were sent was sent in the encoding it names: so must the text be read. */
function encodingFault(bytes: Buffer, { sql, unsure }: StatementDraft): string | null {
  const [, name = '', letters = ''] = /^([A-Z0-9]+) (\xc3\xa9\d+)$/.exec(bytes.toString('latin1')) ?? [];
  const label = decoders[name];
  if (label === undefined || sql === null || unsure?.includes('encoding_in_flight')) return null;
  const meant = label === 'latin1' ? letters : new TextDecoder(label).decode(Buffer.from(letters, 'latin1'));
  return sql.includes(meant) ? null : `its text in ${name} is ${meant}, and on tape ${sql}`;
}

function checkOne(seen: Outcome, draft: StatementDraft): string | null {
  if (seen.rows !== draft.returned_rows) return `${draft.returned_rows} rows are told of ${seen.rows}`;
  if (seen.copied > 0 && draft.copy?.direction === 'out' && draft.copy.messages !== seen.copied)
    return `${draft.copy.messages} COPY messages are told of ${seen.copied}`;
  if (draft.tx_after !== null && draft.tx_after !== seen.status)
    return `tx_after is ${draft.tx_after}, ReadyForQuery said ${seen.status}`;
  if (draft.tx_before !== null && draft.tx_before !== seen.before)
    return `tx_before is ${draft.tx_before}, ReadyForQuery said ${seen.before}`;
  if (isMissing(draft) && draft.sql !== null) return `what is not there is told as ${draft.sql}`;
  const text = textOf(draft);
  if (/^k\d+$/.test(seen.value) && /\bk\d+\b/.test(text) && !new RegExp(`\\b${seen.value}\\b`).test(text))
    return `its row says ${seen.value}, its text ${text}`;
  return encodingFault(seen.bytes, draft);
}

/**
 * Every outcome on the wire is one record's, in order; an error that is none of a statement's own is a transaction's, or the end's.
 * @param lost decoding ended amid the session: what came before must hold
 */
function checkOutcomes(seen: readonly Outcome[], records: readonly DraftRecord[], lost: boolean): void {
  const drafts = records.filter(isStatement).filter(ran);
  const errors: string[] = [];
  let place = 0;
  for (const outcome of seen) {
    const draft = drafts[place];
    if (
      draft !== undefined &&
      whatOf(draft) === outcome.what &&
      (draft.error?.message ?? '') === outcome.message
    ) {
      const fault = checkOne(outcome, draft);
      if (fault !== null) throw new Error(`record ${draft.n} (${outcome.what}): ${fault}`);
      place += 1;
    } else if (outcome.what.startsWith('E.')) errors.push(outcome.what.slice(2));
    else if (lost) break;
    else
      throw new Error(
        `the wire says ${outcome.what}, the record ${draft === undefined ? 'nothing' : `${draft.n} ${whatOf(draft)}`}`,
      );
  }
  const rest = drafts.slice(place);
  if (rest.length > 0)
    throw new Error(`record ${rest[0]?.n} tells ${whatOf(rest[0] as StatementDraft)}, which never came`);
  if (lost) return;
  const told = records.flatMap((draft) => {
    if (draft.kind === 'transaction' && draft.error !== undefined) return [draft.error.sqlstate];
    if (draft.kind === 'closed' && draft.error !== undefined)
      return [`${draft.error.sqlstate}.${draft.error.severity}`];
    return [];
  });
  for (const one of told) {
    const at = errors.indexOf(one);
    if (at >= 0) errors.splice(at, 1);
    else if (!drafts.some((draft) => isFailedCommit(draft, one)))
      throw new Error(`${one} is told and never came`);
  }
  // A failed transaction tells the error that failed it; one more of messages nobody can run in it has no record.
  const more = errors.filter((one) => !told.includes(one));
  if (more.length > 0) throw new Error(`no record tells ${more.join(' ')}`);
}

/** Fates of what was prepared, by what the session did with it afterwards; what it left is not kept. */
function preparedFates(records: readonly DraftRecord[], fates: Map<number, string>): void {
  const decided = records.filter(
    (draft): draft is StatementDraft =>
      isStatement(draft) && /^(COMMIT|ROLLBACK) PREPARED$/.test(draft.tag ?? '') && ran(draft),
  );
  for (const [n, fate] of fates) {
    if (fate !== 'prepared') continue;
    const end = decided.find((draft) => draft.n > n);
    const isKept = end !== undefined && end.tag === 'COMMIT PREPARED';
    fates.set(n, isKept ? 'committed' : 'rolled_back');
  }
}

/** The mark that a statement keeps, where it keeps one. */
const keeper =
  /^[;\s]*(?:insert into mark.*? values \((?<value>\d+)\)|insert into mark|call (?<called>keep(?:_commit)?)\((?<k>\d+)\))/;

/** What is durable is what the records call committed. */
function checkMarks(
  records: readonly DraftRecord[],
  fates: Map<number, string>,
  durable: Map<number, number>,
): void {
  const bounds = new Map<number, [number, number]>();
  const add = (k: number, low: number, high: number): void => {
    const [lowest, highest] = bounds.get(k) ?? [0, 0];
    bounds.set(k, [lowest + low, highest + high]);
  };
  preparedFates(records, fates);
  for (const draft of records.filter(isStatement).filter(ran)) {
    const fate = fates.get(draft.n);
    const failing = /^[;\s]*call keep_fail\((\d+)\)/.exec(draft.sql ?? '')?.[1];
    // It may have committed its mark before it failed.
    if (failing !== undefined) add(Number(failing), 0, fate === 'rolled_back' ? 0 : 1);
    const found = keeper.exec(draft.sql ?? '');
    const done = draft.outcome === 'completed' || draft.outcome === 'suspended';
    if (!done || draft.continues !== undefined || found === null) continue;
    // An Execute of a portal that is done is told as completed with nothing done.
    const k = Number(found.groups?.value ?? found.groups?.k ?? draft.params?.[0]?.v);
    add(k, fate === 'committed' ? 1 : 0, fate === 'rolled_back' ? 0 : 1);
  }
  // What EXECUTE runs may be one of them, prepared by a Parse.
  const executed = records.filter(
    (draft) => isStatement(draft) && /^[;\s]*execute /.test(draft.sql ?? ''),
  ).length;
  for (const k of new Set([...bounds.keys(), ...durable.keys()])) {
    const [low, high] = bounds.get(k) ?? [0, 0];
    const kept = durable.get(k) ?? 0;
    if (kept < low || kept > high + executed)
      throw new Error(`mark ${k} is kept ${kept} times, told ${low} to ${high} times`);
  }
}

/** How much of a session could be held against the server. */
export interface Checked {
  /** Decoding ended where nobody can say what the server read. */
  readonly lost: boolean;
  readonly statements: number;
  /** Statements whose fate the tape calls unknown. */
  readonly unknown: number;
}

/** @throws Error that says in what the records differ from what the server did */
export function checkTape(
  frames: readonly Frame[],
  records: readonly DraftRecord[],
  sentExecutes: number,
  durable: Map<number, number>,
): Checked {
  checkOrder(records);
  const gaps = records.filter((draft) => draft.kind === 'gap');
  const faults = gaps.filter((gap) => gap.kind === 'gap' && !undecidable.test(gap.detail));
  if (faults.length > 0) throw new Error(`gaps: ${JSON.stringify(faults)}`);
  const lost = gaps.length > 0;
  const fates = fatesOf(records);
  checkOutcomes(wireOutcomes(frames), records, lost);
  const checked = {
    lost,
    statements: fates.size,
    unknown: [...fates.values()].filter((fate) => fate === 'unknown').length,
  };
  if (lost) return checked;
  const executes = records.filter(isStatement).filter(({ stage }) => stage === 'execute').length;
  if (executes !== sentExecutes) throw new Error(`${executes} Executes are told of ${sentExecutes}`);
  checkMarks(records, fates, durable);
  return checked;
}
