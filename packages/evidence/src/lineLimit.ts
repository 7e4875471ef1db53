/**
 * Makes a record fit into a line when its texts are too long for one. Knows what may be cut, not how a line
 * is written.
 */
import { hash } from 'node:crypto';
import { HELD_SESSIONS_MAX } from './formatNumbers.ts';
import type { DraftOf, DraftRecord } from './record.ts';
import type { Parameter, Runs, ServerError, TlsFacts } from './recordParts.ts';

/** Bytes left of each text, tried in this order: first of `sql` alone, then of every text. */
const levels = [65_536, 4_096, 256] as const;
/** What a list that itself fills a line is cut to. */
const listItemsMax = 4_096;
const probeResultsMax = 256;
/** UTF-16 units, at most three bytes each, of all objects of a `held` record. */
const heldUnitsMax = 262_144;
/** Entry of `redacted` when parameters were left out because the line had no room for them. */
export const lineLimitRule = 'line_limit';

/**
 * The same record with texts cut, by rules that depend on the record alone, until `fits` says so: `sql` (with
 * `sql_cut`), then all texts (parameters say `cut`), at last `params` as a whole, named by `line_limit` in
 * `redacted`. The limits of sessions are set so that this never happens; it exists because a recorder must
 * write a line whatever was sent.
 */
export function fitDraft(draft: DraftRecord, fits: (draft: DraftRecord) => boolean): DraftRecord {
  let shorter = draft;
  for (const level of levels) {
    shorter = cutSql(draft, level);
    if (fits(shorter)) return shorter;
    shorter = cutTexts(shorter, level);
    if (fits(shorter)) return shorter;
  }
  return dropLists(shorter);
}

function cutSql(draft: DraftRecord, level: number): DraftRecord {
  if ((draft.kind !== 'statement' && draft.kind !== 'running') || draft.sql === null) return draft;
  const sql = prefixOf(draft.sql, level);
  if (draft.runs !== undefined) {
    const { runs, ...rest } = draft;
    return { ...cutSql(rest, level), runs: cutRuns(runs, level) } as DraftRecord;
  }
  if (sql === draft.sql) return draft;
  return {
    ...draft,
    sql,
    sql_cut: draft.sql_cut ?? { len: Buffer.byteLength(draft.sql), sha256: hash('sha256', draft.sql) },
  };
}

function cutRuns(runs: Runs, level: number): Runs {
  if (runs.sql === null) return runs;
  const sql = prefixOf(runs.sql, level);
  if (sql === runs.sql) return runs;
  const whole = { len: Buffer.byteLength(runs.sql), sha256: hash('sha256', runs.sql) };
  return { ...runs, sql, sql_cut: runs.sql_cut ?? whole };
}

function cutTexts(draft: DraftRecord, level: number): DraftRecord {
  switch (draft.kind) {
    case 'statement':
      return cutStatement(draft, level);
    case 'closed':
    case 'transaction':
      return { ...cutTop(draft, level), ...cutError(draft.error, level) };
    case 'opened':
      return {
        ...cutTop(draft, level),
        client: cutTop(draft.client, level),
        server: cutTop(draft.server, level),
        ...(draft.tls_client && { tls_client: cutTls(draft.tls_client, level) }),
        ...(draft.tls_server && { tls_server: cutTls(draft.tls_server, level) }),
      };
    case 'notices':
      return { ...draft, notices: draft.notices.map((notice) => cutTop(notice, level)) };
    case 'hold':
      return { ...cutTop(draft, level), scope: cutTop(draft.scope, level) };
    case 'probe':
      return { ...cutTop(draft, level), results: draft.results.map((result) => cutTop(result, level)) };
    case 'release':
      return { ...cutTop(draft, level), ...(draft.second && { second: cutTop(draft.second, level) }) };
    default:
      return cutTop(draft, level);
  }
}

function cutTls(tls: TlsFacts, level: number): TlsFacts {
  const { certificate } = tls;
  return { ...cutTop(tls, level), ...(certificate && { certificate: cutTop(certificate, level) }) };
}

function cutStatement(draft: DraftOf<'statement'>, level: number): DraftOf<'statement'> {
  return {
    ...cutTop(draft, level),
    ...cutError(draft.error, level),
    ...(draft.params && { params: draft.params.map((param) => cutParameter(param, level)) }),
    ...(draft.replication && { replication: cutTop(draft.replication, level) }),
    ...(draft.notices && { notices: draft.notices.map((notice) => cutTop(notice, level)) }),
  };
}

function cutError(error: ServerError | undefined, level: number): { error?: ServerError } {
  return error === undefined ? {} : { error: cutTop(error, level) };
}

function cutParameter(param: Parameter, level: number): Parameter {
  const type = prefixOf(param.type, level);
  if (param.v === null) return { ...param, type };
  const v = prefixOf(param.v, level);
  if (v === param.v) return { ...param, type };
  return { ...param, v, type, cut: true, ...wholeDigest(param, param.v) };
}

/** The hash of a parameter's wire bytes where its printed value still has them all. */
function wholeDigest(param: Parameter, v: string): { sha256?: string } {
  if (param.sha256 !== undefined || param.cut) return {};
  const wire = Buffer.from(v, param.enc === 'text' ? 'utf8' : 'hex');
  const isWire = wire.length === param.len && (param.enc !== 'text' || param.format === 'text');
  return isWire ? { sha256: hash('sha256', wire) } : {};
}

function dropLists(draft: DraftRecord): DraftRecord {
  switch (draft.kind) {
    case 'statement': {
      const { params: _, notices: __, ...rest } = draft;
      return { ...rest, redacted: [...namedRules(draft.redacted), lineLimitRule] };
    }
    case 'running':
      return { ...draft, redacted: [...namedRules(draft.redacted), lineLimitRule] };
    case 'heartbeat':
      return { ...draft, open: draft.open.slice(0, listItemsMax) };
    case 'transaction':
      return {
        ...draft,
        outcome: 'unknown',
        ranges: [
          [
            draft.ranges.reduce((least, [from]) => Math.min(least, from), draft.n),
            draft.ranges.reduce((most, [, to]) => Math.max(most, to), 1),
          ],
        ],
      };
    case 'held':
      return cutHeld(draft);
    case 'hold': {
      const { sessions } = draft.scope;
      if (sessions === undefined) return draft;
      return { ...draft, scope: { ...draft.scope, sessions: sessions.slice(0, HELD_SESSIONS_MAX) } };
    }
    case 'probe':
      return { ...draft, results: draft.results.slice(0, probeResultsMax) };
    default:
      return draft;
  }
}

/** As many objects as have room for sure; the rest are counted. */
function cutHeld(draft: DraftOf<'held'>): DraftOf<'held'> {
  let units = 0;
  const until = draft.objects.findIndex((object) => {
    units += JSON.stringify(object).length;
    return units > heldUnitsMax;
  });
  if (until === -1) return draft;
  const more = draft.objects.length - until + (draft.objects_more ?? 0);
  return { ...draft, objects: draft.objects.slice(0, until), objects_more: more };
}

function namedRules(redacted: readonly string[] | undefined): string[] {
  return (redacted ?? []).slice(0, 64).map((rule) => prefixOf(rule, 256));
}

/**
 * Every text of the top level that is longer than `level`, cut; ids and words are shorter than the smallest
 * level.
 */
function cutTop<T extends object>(value: T, level: number): T {
  const cut: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(value)) {
    cut[name] = typeof field === 'string' ? prefixOf(field, level) : field;
  }
  return cut as T;
}

/** The longest prefix of at most `bytesMax` UTF-8 bytes that ends between code points. */
function prefixOf(text: string, bytesMax: number): string {
  if (text.length * 3 <= bytesMax) return text;
  const bytes = Buffer.from(text);
  if (bytes.length <= bytesMax) return text;
  let end = bytesMax;
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end--;
  return bytes.toString('utf8', 0, end);
}
