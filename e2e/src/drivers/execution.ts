/** One execution as an account of it says: the server's log and the tape are both turned into these. */

export interface Execution {
  /** SQL as sent; `function <OID>` of a FunctionCall; null where there is none: an error raised by the commit itself. */
  readonly text: string | null;
  /** Several statements of one Query: `text` is then their texts joined, without what stood between them. */
  readonly joined: boolean;
  /** Values by their number from 1, as printed by PostgreSQL; the server logs fewer where binding failed. */
  readonly params: ReadonlyMap<number, string | null>;
  readonly sqlstate: string | null;
}

export const noParams: ReadonlyMap<number, string | null> = new Map();

export const functionText = (oid: string | number): string => `function ${oid}`;
