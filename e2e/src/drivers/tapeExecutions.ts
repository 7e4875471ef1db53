/** A taped session's executions in the shape of the server's log, and what the log cannot say of them, by name. */
import type { Parameter } from '@pgtape/evidence';
import type { TapedSession } from '../serverLog.ts';
import type { ArchivedRecord } from '../stack.ts';
import { type Execution, functionText, noParams } from './execution.ts';

/** Every way in which the tape may say more than the server's log, or say it differently. */
export const namedDifferences = {
  skipped_is_not_logged: 'the server swallows what follows an error up to Sync without a word',
  query_is_one_entry: 'the server logs a Query of several statements once, the tape one record a statement',
  empty_execute_is_not_logged: 'the server does not log an Execute of an empty query',
  parameters_not_logged: 'the server logs parameters only of what bound, and one where a value was refused',
  function_arguments_not_logged: 'the server logs which function a FunctionCall runs, not its arguments',
  text_parameter_as_sent:
    "the log prints a text parameter, and the text inside a binary jsonb, as the type's output, the tape as it was sent",
  untold_type_as_bytes:
    "a binary parameter of a type nobody told, or of the database's own (enum, composite), is taped as its bytes",
  long_value_as_prefix: "a value over the tape's bound is taped as a prefix with the SHA-256 of the whole",
} as const;

export type NamedDifference = keyof typeof namedDifferences;

export interface ParameterForm {
  /** `sent`: text, as sent; `printed`: decoded from binary; `bytes`: binary of a type nobody told; `failed`: did not decode. */
  readonly kind: 'sent' | 'printed' | 'bytes' | 'failed';
  /** Of the whole value's wire bytes, where the tape holds a prefix. */
  readonly sha256: string | null;
  /** Type as Parse or ParameterDescription told it, 0 when neither did. */
  readonly oid: number;
}

export interface TapedExecution extends Execution {
  /** The records it was made of, by their ordinals. */
  readonly n: readonly number[];
  /** By parameter number. */
  readonly forms: ReadonlyMap<number, ParameterForm>;
}

export interface TapedAccount {
  readonly executions: readonly TapedExecution[];
  readonly tolerated: readonly NamedDifference[];
}

/** Texts of a Query's statements compare without what stood between them. */
export const withoutGlue = (sql: string): string => sql.replaceAll(/[\s;]+/g, '');

function paramsOf(record: ArchivedRecord): ReadonlyMap<number, string | null> {
  const params = record.params as readonly Parameter[] | undefined;
  if (params === undefined) return noParams;
  return new Map(params.map(({ v }, index) => [index + 1, v]));
}

/** Types whose binary form is text as the client wrote it, which the server parses and prints its own way. */
const textInside = ['jsonb', 'jsonpath'];

function formOf({ enc, format, sha256, type, oid }: Parameter): ParameterForm {
  const whole = sha256 ?? null;
  if (enc !== 'text') return { kind: enc === 'hex' ? 'bytes' : 'failed', sha256: whole, oid };
  const isSent = format === 'text' || textInside.includes(type);
  return { kind: isSent ? 'sent' : 'printed', sha256: whole, oid };
}

function formsOf(record: ArchivedRecord): ReadonlyMap<number, ParameterForm> {
  const params = (record.params ?? []) as readonly Parameter[];
  return new Map(params.map((param, index) => [index + 1, formOf(param)]));
}

function sqlstateOf(record: ArchivedRecord): string | null {
  return (record.error as { readonly sqlstate: string } | undefined)?.sqlstate ?? null;
}

function joined(parts: readonly ArchivedRecord[]): TapedExecution {
  const last = parts.at(-1) as ArchivedRecord;
  return {
    text: parts.map(({ sql }) => withoutGlue(String(sql))).join(''),
    joined: true,
    params: noParams,
    sqlstate: sqlstateOf(last),
    n: parts.map(({ n }) => n as number),
    forms: new Map(),
  };
}

function single(record: ArchivedRecord): TapedExecution {
  const oid = record.function_oid as number | undefined;
  return {
    text: oid === undefined ? (record.sql as string | null) : functionText(oid),
    joined: false,
    params: paramsOf(record),
    sqlstate: sqlstateOf(record),
    n: [record.n as number],
    forms: formsOf(record),
  };
}

/** Statement records and errors of commits, in order, as the server would have logged them. */
export function tapeExecutions({ records }: TapedSession): TapedAccount {
  const executions: TapedExecution[] = [];
  const tolerated: NamedDifference[] = [];
  let parts: ArchivedRecord[] = [];
  for (const record of records) {
    // An explicit COMMIT failed itself; only a commit at Sync has no execution of its own.
    if (record.kind === 'transaction' && record.error !== undefined) {
      if (executions.at(-1)?.sqlstate === sqlstateOf(record)) continue;
      executions.push({ ...single(record), text: null });
      continue;
    }
    if (record.kind !== 'statement') continue;
    if (record.part !== undefined && (record.parts as number) > 1) {
      parts.push(record);
      // What an error kept from running is in the failed part's text.
      if (record.error === undefined && parts.length < (record.parts as number)) continue;
      executions.push(joined(parts));
      parts = [];
      tolerated.push('query_is_one_entry');
    } else if (record.outcome === 'skipped') {
      tolerated.push('skipped_is_not_logged');
    } else if (record.outcome === 'empty' && record.protocol === 'extended') {
      tolerated.push('empty_execute_is_not_logged');
    } else executions.push(single(record));
  }
  if (parts.length > 0) executions.push(joined(parts));
  return { executions, tolerated };
}
