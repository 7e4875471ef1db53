/** Parts that records of several kinds, or one field of them, are made of. */
import { z } from 'zod';
import { count, Digest, sqlstate } from './fields.ts';

export const Cut = z
  .strictObject({ len: count, sha256: Digest })
  .describe(
    "Where a text was longer than the policy's bound: how long it was in bytes, and the hash of the whole.",
  );
export type Cut = z.infer<typeof Cut>;

export const SqlUnknown = z
  .enum(['statement_not_seen', 'portal_not_seen', 'function_call', 'over_inspection_limit', 'undecodable'])
  .describe('Why SQL text is absent though something ran.');
export type SqlUnknown = z.infer<typeof SqlUnknown>;

export const Unsure = z
  .enum([
    'role_hidden',
    'role_not_followed',
    'names_hidden',
    'search_path_hidden',
    'encoding_in_flight',
    'encoding_without_decoder',
    'strings_in_flight',
  ])
  .describe(
    'What the record cannot vouch for. `role_hidden`: a DO block, procedure, FunctionCall or unread text since may have set the role; ' +
      '`role_not_followed`: set_config, or the fate of a block, left it unknown; `names_hidden`: one of those may since have given ' +
      'the name to another statement; `search_path_hidden`: as the role; `encoding_in_flight`, `strings_in_flight`: client_encoding or ' +
      'standard_conforming_strings may have changed in the pipeline before the text; `encoding_without_decoder`: no character set of ' +
      'the record is known for the client encoding.',
  );
export type Unsure = z.infer<typeof Unsure>;

export const Runs = z
  .strictObject({
    name: z.string().describe('Of the prepared statement or cursor.'),
    sql: z.string().nullable(),
    sql_unknown: SqlUnknown.optional(),
    sql_cut: Cut.optional(),
  })
  .describe(
    'The statement behind a name: what EXECUTE, FETCH or MOVE runs, or an Execute of what SQL named with PREPARE or DECLARE.',
  );
export type Runs = z.infer<typeof Runs>;

export const Notice = z
  .strictObject({ severity: z.string(), sqlstate, message: z.string() })
  .describe('NoticeResponse, its message bounded.');
export type Notice = z.infer<typeof Notice>;

export const Parameter = z
  .strictObject({
    v: z.string().nullable(),
    enc: z
      .enum(['text', 'hex', 'failed'])
      .describe(
        '`text`: as PostgreSQL prints it; `hex`: bytes of an unknown or non-text type; `failed`: hex of bytes that did not decode.',
      ),
    format: z.enum(['text', 'binary']),
    type: z.string().describe("PostgreSQL's type name, `unknown` when the OID is not known."),
    oid: count.describe('0 when neither Parse nor ParameterDescription told it.'),
    len: z.int().min(-1),
    cut: z
      .literal(true)
      .optional()
      .describe("`v` holds only a prefix; `sha256` is of the whole value's wire bytes."),
    sha256: Digest.optional(),
  })
  .describe(
    'A parameter value. NULL is `v: null`; empty is `v: ""`; `len` is the length on the wire in bytes, -1 for NULL.',
  );
export type Parameter = z.infer<typeof Parameter>;

export const ServerError = z
  .strictObject({
    severity: z.string(),
    sqlstate,
    message: z.string(),
    detail: z.string().optional(),
    hint: z.string().optional(),
    position: z.string().optional(),
    schema: z.string().optional(),
    table: z.string().optional(),
    column: z.string().optional(),
    constraint: z.string().optional(),
  })
  .describe(
    'ErrorResponse fields by their names in the protocol (V, C, M, D, H, P, s, t, c, n), texts bounded.',
  );
export type ServerError = z.infer<typeof ServerError>;

const Certificate = z
  .strictObject({
    subject: z.string(),
    issuer: z.string(),
    serial: z.string().describe('Hex.'),
    san: z.string().optional().describe('Subject alternative names.'),
  })
  .describe('What the other side showed, in the words of RFC 2253; texts bounded.');

export const TlsFacts = z.strictObject({
  version: z.string().describe('`TLSv1.3`.'),
  cipher: z.string(),
  server_name: z.string().optional().describe('SNI.'),
  alpn: z.string().optional(),
  certificate: Certificate.optional(),
});
export type TlsFacts = z.infer<typeof TlsFacts>;
