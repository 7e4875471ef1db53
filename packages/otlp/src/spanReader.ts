/**
 * Owns finding the attributes pgtape reads in a span of an ExportTraceServiceRequest. What stands there is
 * someone's claim: it is bounded here and believed nowhere.
 */
import { ProtoReader } from './protoReader.ts';
import { recordKey } from './spanHead.ts';

/** ExportTraceServiceRequest.resource_spans, ResourceSpans.scope_spans, ScopeSpans.spans, Span.attributes. */
export const field = { resourceSpans: 1, scopeSpans: 2, spans: 2, attributes: 9 } as const;

const recordName = Buffer.from(recordKey, 'latin1');
const kindName = Buffer.from('pgtape.kind', 'latin1');

function equals(bytes: Uint8Array, from: number, to: number, name: Uint8Array): boolean {
  if (to - from !== name.length) return false;
  for (let i = 0; i < name.length; i++) if (bytes[from + i] !== name[i]) return false;
  return true;
}

/**
 * The attribute is a key of another length than pgtape's two, then a value that fills the rest, as every
 * encoder writes it: nothing to look for. False says only that it must be read field by field.
 */
function isPlain(bytes: Uint8Array, from: number, to: number): boolean {
  const keyBytes = bytes[from + 1] as number;
  if (bytes[from] !== 0x0a || keyBytes > 0x7f) return false;
  if (keyBytes === recordName.length || keyBytes === kindName.length) return false;
  const value = from + 2 + keyBytes;
  if (value + 2 > to || bytes[value] !== 0x12) return false;
  const valueBytes = bytes[value + 1] as number;
  return valueBytes <= 0x7f && value + 2 + valueBytes === to;
}

/**
 * Reads one span after the other; what was found in the last one stands in its fields, as byte ranges, -1 for
 * none.
 */
export class SpanReader {
  readonly #span = new ProtoReader(recordName);
  readonly #pair = new ProtoReader(recordName);
  readonly #value = new ProtoReader(recordName);
  /** The line. */
  recordFrom = -1;
  recordTo = -1;
  /** The line's whole attribute, key included. */
  attributeFrom = -1;
  attributeTo = -1;
  /** Text of `pgtape.kind`. */
  kindFrom = -1;
  kindTo = -1;

  /** Reads the span in [start, end); a reason when it is malformed, else null. */
  read(bytes: Uint8Array, start: number, end: number): string | null {
    this.recordFrom = this.recordTo = this.attributeFrom = this.attributeTo = -1;
    this.kindFrom = this.kindTo = -1;
    const span = this.#span;
    span.reset(bytes, start, end);
    while (span.next()) {
      if (!span.is(field.attributes)) continue;
      const problem = this.#attribute(bytes, span);
      if (problem !== null) return problem;
    }
    return span.failed ? 'span' : null;
  }

  /** KeyValue{key=1, value=2}; only the two names of pgtape are looked into further. */
  #attribute(bytes: Uint8Array, span: ProtoReader): string | null {
    if (isPlain(bytes, span.from, span.to)) return null;
    const pair = this.#pair;
    pair.reset(bytes, span.from, span.to);
    let keyFrom = -1;
    let keyTo = -1;
    let valueFrom = -1;
    let valueTo = -1;
    while (pair.next()) {
      if (pair.is(1)) {
        if (keyFrom >= 0) return 'attribute';
        keyFrom = pair.from;
        keyTo = pair.to;
      } else if (pair.is(2)) {
        if (valueFrom >= 0) return 'attribute';
        valueFrom = pair.from;
        valueTo = pair.to;
      }
    }
    if (pair.failed) return 'attribute';
    if (equals(bytes, keyFrom, keyTo, recordName)) return this.#record(bytes, span, valueFrom, valueTo);
    if (equals(bytes, keyFrom, keyTo, kindName) && this.#isText(bytes, valueFrom, valueTo)) {
      this.kindFrom = this.#value.from;
      this.kindTo = this.#value.to;
    }
    return null;
  }

  #record(bytes: Uint8Array, span: ProtoReader, from: number, to: number): string | null {
    if (!this.#isText(bytes, from, to)) return 'record_not_text';
    if (this.recordFrom >= 0) return 'record_twice';
    this.recordFrom = this.#value.from;
    this.recordTo = this.#value.to;
    this.attributeFrom = span.start;
    this.attributeTo = span.to;
    return null;
  }

  /** AnyValue.string_value = 1, alone. */
  #isText(bytes: Uint8Array, from: number, to: number): boolean {
    const value = this.#value;
    if (from < 0) return false;
    value.reset(bytes, from, to);
    return value.next() && value.is(1) && value.to === to;
  }
}
