/**
 * Owns looking for a hold's text in statements, within a bound of time: a regular expression may take for
 * ever, and the vault must not stand still for it. It refuses to know whose statements they are.
 */
import { createContext, Script } from 'node:vm';
import { type ParsedRecord, parsePattern } from '@pgtape/evidence';

export interface TextSearch {
  /** For each list of texts, whether one of them has what is looked for. */
  anyOf(texts: readonly (readonly string[])[]): readonly boolean[];
  /** How often the bound was passed; then everything counts as found. */
  readonly timeouts: number;
}

/** For one segment's texts. */
const SEARCH_MS_MAX = 500;
/** After so many times an expression is not tried any more: everything counts as found (`search_too_slow`). */
export const SEARCH_TIMEOUTS_MAX = 5;

/** Texts of a record that a search reads: the statement, the one it runs, its parameters. */
export function textsOf(record: ParsedRecord): string[] {
  const { sql, runs, params } = record as ParsedRecord & {
    readonly sql?: string | null;
    readonly runs?: { readonly sql?: string | null };
    readonly params?: readonly { readonly v: string | null }[];
  };
  const texts = [sql, runs?.sql, ...(params ?? []).map(({ v }) => v)];
  return texts.filter((text): text is string => typeof text === 'string');
}

/**
 * `pattern` as `pgtape search` takes it: `/a.*b/i` is a regular expression, everything else is text.
 * @throws SyntaxError when it is no regular expression of JavaScript
 */
export function textSearch(
  pattern: string,
  bound = { ms: SEARCH_MS_MAX, times: SEARCH_TIMEOUTS_MAX },
): TextSearch {
  const { text, regex } = parsePattern(pattern, false);
  if (regex === null) {
    return {
      anyOf: (lists) => lists.map((list) => list.some((each) => each.includes(text as string))),
      timeouts: 0,
    };
  }
  return new RegexSearch(new RegExp(regex.source, regex.flags), bound);
}

/** A regular expression cannot be interrupted but by ending the script it runs in. */
class RegexSearch implements TextSearch {
  readonly #context: { lists: readonly (readonly string[])[]; found: boolean[]; regex: RegExp };
  readonly #script = new Script(
    'found = []; for (const list of lists) found.push(list.some((text) => regex.test(text)));',
  );
  readonly #bound: { readonly ms: number; readonly times: number };
  #timeouts = 0;

  constructor(regex: RegExp, bound: { readonly ms: number; readonly times: number }) {
    this.#context = { lists: [], found: [], regex };
    createContext(this.#context);
    this.#bound = bound;
  }

  get timeouts(): number {
    return this.#timeouts;
  }

  anyOf(lists: readonly (readonly string[])[]): readonly boolean[] {
    if (this.#timeouts >= this.#bound.times) return lists.map(() => true);
    if (lists.length === 0) return [];
    this.#context.lists = lists;
    try {
      this.#script.runInContext(this.#context, { timeout: this.#bound.ms });
      return [...this.#context.found];
    } catch {
      // What was found before is found; of the rest nothing is known.
      this.#timeouts += 1;
      const { found } = this.#context;
      return lists.map((_list, index) => found[index] ?? true);
    } finally {
      this.#context.lists = [];
      this.#context.found = [];
    }
  }
}
