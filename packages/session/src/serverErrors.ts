/**
 * ErrorResponse as records hold it: bounded, and without text where it may echo a secret. Knows no statement.
 */
import type { ServerError } from '@pgtape/evidence';
import { type ErrorFields, readError } from '@pgtape/wire';
import { errorTextMax } from './limits.ts';

/** What stands for an error that could not be read: the server said no, that much is known. */
const unreadable: ErrorFields = { severity: 'ERROR', sqlstate: 'XX000', message: '[undecodable]' };
const sqlstateForm = /^[0-9A-Z]{5}$/;
const nameMax = 256;

/** The fields of an ErrorResponse, of which possibly only the first bytes are here. */
export function errorFields(body: Uint8Array, bodyBytes: number): ErrorFields {
  const whole = body.length >= bodyBytes ? body : Buffer.concat([body, Buffer.of(0, 0)]);
  const read = readError(whole);
  if (read === null) return unreadable;
  return { ...read, sqlstate: sqlstateForm.test(read.sqlstate) ? read.sqlstate : unreadable.sqlstate };
}

/** FATAL and PANIC end the session. */
export function isFatal(fields: ErrorFields): boolean {
  return fields.severity === 'FATAL' || fields.severity === 'PANIC';
}

/** @param secret the statement had something redacted: texts that may quote it are left out */
export function serverError(fields: ErrorFields, secret: boolean): ServerError {
  const { detail, hint, position, schema, table, column, constraint } = fields;
  return {
    severity: fields.severity.slice(0, nameMax),
    sqlstate: fields.sqlstate,
    message: secret ? '[redacted]' : fields.message.slice(0, errorTextMax),
    ...(detail !== undefined && !secret && { detail: detail.slice(0, errorTextMax) }),
    ...(hint !== undefined && !secret && { hint: hint.slice(0, errorTextMax) }),
    ...(position !== undefined && { position: position.slice(0, nameMax) }),
    ...(schema !== undefined && { schema: schema.slice(0, nameMax) }),
    ...(table !== undefined && { table: table.slice(0, nameMax) }),
    ...(column !== undefined && { column: column.slice(0, nameMax) }),
    ...(constraint !== undefined && { constraint: constraint.slice(0, nameMax) }),
  };
}
