/** Owns what a parser answers: parsers of this package never throw, a refusal is a value. */

export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | {
      readonly ok: false;
      /** What is wrong, without the text it is wrong in. */
      readonly detail: string;
    };

export function parsed<T>(value: T): Parsed<T> {
  return { ok: true, value };
}

export function malformed(detail: string): { readonly ok: false; readonly detail: string } {
  return { ok: false, detail };
}
