/**
 * Owns a statement's attributes under OpenTelemetry's database conventions, after its line is written.
 * Everything of few values is encoded once per combination and copied. Knows no ids and no transport.
 */
import type { DraftOf } from '@pgtape/evidence';
import { type nameOf, putInt, putString, putStrings } from './attributes.ts';
import * as names from './names.ts';
import { isReading, tagOperation, textOperation, unknownOperation } from './operation.ts';
import { ProtoWriter } from './protoWriter.ts';
import { putErrorStatus, putTraceparentLink, spanKey, spanKind } from './spanParts.ts';
import { putRuns, Surroundings } from './surroundings.ts';

type Draft = DraftOf<'statement'>;

/** Tags and operations kept encoded; a server that invents them only costs time. */
const formsMax = 1024;
/** Tags with fewer rows are kept encoded with their counts. */
const tagRowsMax = 16;

/** Texts of prepared statements kept encoded, and the longest of them in UTF-16 units. */
const textsMax = 512;
const textUnitsMax = 8192;

const outcomes = ['completed', 'empty', 'suspended', 'failed', 'cancelled', 'skipped', 'lost'] as const;

const protocols = ['extended', 'simple', 'function', 'replication'] as const;

/** One number per combination of the closed fields that are told for every statement. */
function shapeOf(draft: Draft): number {
  let shape = draft.outcome === 'completed' ? 0 : outcomes.indexOf(draft.outcome);
  shape = shape * 2 + (draft.timing === 'exact' ? 0 : 1);
  shape = shape * 4 + stateOf(draft.tx_before);
  shape = shape * 4 + stateOf(draft.tx_after);
  shape = shape * 4 + (draft.protocol === 'extended' ? 0 : protocols.indexOf(draft.protocol));
  return shape * 2 + (draft.rows === undefined ? 0 : 1);
}

function stateOf(status: Draft['tx_before']): number {
  return status === 'I' ? 0 : status === 'T' ? 1 : status === 'E' ? 2 : 3;
}

/** The part of a statement's span that its tag, or else its operation, and its closed fields decide. */
function encodeShape(operation: string | undefined, draft: Draft, withTag: boolean): Buffer {
  const out = new ProtoWriter(1024);
  out.string(spanKey.name, operation ?? unknownOperation, names.shortTextBytesMax);
  out.byte(spanKey.kind);
  out.byte(spanKind.client);
  putString(out, names.kind, 'statement');
  if (operation !== undefined) putString(out, names.operation, operation);
  putString(out, names.protocol, draft.protocol);
  putString(out, names.outcome, draft.outcome);
  if (draft.tx_before !== null) putString(out, names.txBefore, draft.tx_before);
  if (draft.tx_after !== null) putString(out, names.txAfter, draft.tx_after);
  putString(out, names.timing, draft.timing);
  if (withTag) putTag(out, operation, draft);
  return out.copy();
}

function putTag(out: ProtoWriter, operation: string | undefined, draft: Draft): void {
  if (draft.tag !== undefined) putString(out, names.commandTag, draft.tag, names.shortTextBytesMax);
  if (draft.rows === undefined || operation === undefined || isReading(operation)) return;
  putInt(out, names.affectedRows, draft.rows);
}

/**
 * What is kept encoded for one tag or, of tags with large counts and where no tag came, for one operation.
 */
interface Form {
  readonly operation: string | undefined;
  readonly withTag: boolean;
  readonly shapes: (Buffer | undefined)[];
}

/** Value slots of the counts every statement has, as offsets of 8-byte padded varints in `counts`. */
const slots = { seq: 0, n: 0, returnedRows: 0, paramsCount: 0 };

function encodeCounts(): Buffer {
  const out = new ProtoWriter(256);
  const slot = (name: ReturnType<typeof nameOf>): number => {
    putInt(out, name, 2 ** 53 - 1);
    return out.pos - 8;
  };
  slots.seq = slot(names.seq);
  slots.n = slot(names.n);
  slots.returnedRows = slot(names.returnedRows);
  slots.paramsCount = slot(names.paramsCount);
  return out.copy();
}

const counts = encodeCounts();

/** A varint of 8 bytes whatever its value, below 2^53. */
function putPadded8(buf: Uint8Array, pos: number, value: number): void {
  let rest = value;
  let at = pos;
  while (rest >= 0x80000000) {
    buf[at++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  const last = pos + 7;
  while (at < last) {
    buf[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  buf[at] = rest & 0x7f;
}

export class StatementSpans {
  readonly #tags = new Map<string, Form>();
  readonly #operations = new Map<string, Form>();
  readonly #texts = new Map<string, Buffer>();
  readonly #surroundings = new Surroundings();

  /**
   * Appends what follows the line in the span; `shared` are the session's attributes. What varies most stands
   * first.
   */
  write(out: ProtoWriter, draft: Draft, seq: number, shared: Buffer): void {
    const form = this.#formOf(draft);
    const encoded = shapedBy(form, draft);
    out.reserve(counts.length + shared.length + encoded.length);
    const at = out.pos;
    out.block(counts);
    const buf = out.buf;
    putPadded8(buf, at + slots.seq, seq);
    putPadded8(buf, at + slots.n, draft.n);
    putPadded8(buf, at + slots.returnedRows, draft.returned_rows);
    putPadded8(buf, at + slots.paramsCount, draft.params === undefined ? 0 : draft.params.length);
    out.block(shared);
    out.block(encoded);
    if (!form.withTag) putTag(out, form.operation, draft);
    if (draft.sql !== null) this.#putText(out, draft.protocol, draft.sql);
    this.#surroundings.put(out, draft);
    writeRare(out, draft);
  }

  /** Prepared statements repeat their text. */
  #putText(out: ProtoWriter, protocol: Draft['protocol'], sql: string): void {
    if (protocol !== 'extended' || sql.length > textUnitsMax) {
      putString(out, names.queryText, sql, names.queryTextBytesMax);
      return;
    }
    let encoded = this.#texts.get(sql);
    if (encoded === undefined) {
      const own = new ProtoWriter(1024);
      putString(own, names.queryText, sql, names.queryTextBytesMax);
      encoded = own.copy();
      if (this.#texts.size >= textsMax) this.#texts.clear();
      this.#texts.set(sql, encoded);
    }
    out.reserve(encoded.length);
    out.block(encoded);
  }

  #formOf(draft: Draft): Form {
    const { tag } = draft;
    if (tag !== undefined) {
      const found = this.#tags.get(tag);
      if (found !== undefined) return found;
    }
    const operation = tag !== undefined ? tagOperation(tag) : textOperation(draft.sql);
    if (tag !== undefined && (draft.rows ?? 0) < tagRowsMax) return addForm(this.#tags, tag, operation, true);
    return (
      this.#operations.get(operation ?? '') ?? addForm(this.#operations, operation ?? '', operation, false)
    );
  }
}

function addForm(
  forms: Map<string, Form>,
  key: string,
  operation: string | undefined,
  withTag: boolean,
): Form {
  if (forms.size >= formsMax) forms.clear();
  const form: Form = { operation: operation === '' ? undefined : operation, withTag, shapes: [] };
  forms.set(key, form);
  return form;
}

function shapedBy(form: Form, draft: Draft): Buffer {
  const shape = shapeOf(draft);
  const found = form.shapes[shape];
  if (found !== undefined) return found;
  const encoded = encodeShape(form.operation, draft, form.withTag);
  form.shapes[shape] = encoded;
  return encoded;
}

/** What most statements do not have. */
function writeRare(out: ProtoWriter, draft: Draft): void {
  const { error } = draft;
  if (error !== undefined) {
    putString(out, names.statusCode, error.sqlstate);
    putString(out, names.errorType, error.sqlstate);
  } else if (draft.outcome === 'lost') {
    putString(out, names.errorType, 'lost');
  }
  if (draft.outcome === 'failed' || draft.outcome === 'cancelled') {
    putErrorStatus(out, error === undefined ? draft.outcome : error.message);
  }
  if (draft.outcome !== 'completed') putString(out, names.stage, draft.stage);
  if (draft.returned_bytes > 0) putInt(out, names.returnedBytes, draft.returned_bytes);
  if (draft.sql_unknown !== undefined) putString(out, names.sqlUnknown, draft.sql_unknown);
  if (draft.redacted !== undefined) putStrings(out, names.redacted, draft.redacted);
  putRuns(out, draft);
  if (draft.unsure !== undefined) putStrings(out, names.unsure, draft.unsure);
  if (draft.part !== undefined) putInt(out, names.part, draft.part);
  if (draft.fate !== undefined) putString(out, names.fate, draft.fate);
  if (draft.continues !== undefined) putInt(out, names.continues, draft.continues);
  if (draft.traceparent !== undefined) putTraceparentLink(out, draft.traceparent);
}
