/**
 * Owns the attributes of what stands around a statement: effective role, session user, search_path, and the statement behind a name.
 * OpenTelemetry has no names for them: `pgtape.*`.
 */
import type { DraftOf } from '@pgtape/evidence';
import { putString } from './attributes.ts';
import * as names from './names.ts';
import { ProtoWriter } from './protoWriter.ts';

type Around = Pick<DraftOf<'statement'>, 'role' | 'session_user' | 'search_path'>;

/** The same for many statements in a row: the last are kept encoded. */
export class Surroundings {
  #last: Around = {};
  #encoded: Buffer = Buffer.alloc(0);

  put(out: ProtoWriter, { role, session_user, search_path }: Around): void {
    const { role: lastRole, session_user: lastUser, search_path: lastPath } = this.#last;
    if (role !== lastRole || session_user !== lastUser || search_path !== lastPath) {
      this.#last = { role, session_user, search_path };
      const own = new ProtoWriter(256);
      if (role !== undefined) putString(own, names.role, role, names.shortTextBytesMax);
      if (session_user !== undefined)
        putString(own, names.sessionUser, session_user, names.shortTextBytesMax);
      if (search_path !== undefined) putString(own, names.searchPath, search_path, names.shortTextBytesMax);
      this.#encoded = own.copy();
    }
    out.reserve(this.#encoded.length);
    out.block(this.#encoded);
  }
}

/** What EXECUTE, FETCH or an Execute runs by a name of SQL's; its text as short as `db.query.text`. */
export function putRuns(out: ProtoWriter, { runs }: DraftOf<'statement' | 'running'>): void {
  if (runs === undefined) return;
  putString(out, names.runsName, runs.name, names.shortTextBytesMax);
  if (runs.sql !== null) putString(out, names.runsText, runs.sql, names.queryTextBytesMax);
}
