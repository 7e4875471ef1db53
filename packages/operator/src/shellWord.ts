/** Owns one word of a command that people are told to run: a shell takes it as it is. Pure. */

/** Names of owners are whatever who makes the pod wrote; `'`, spaces and `;` among them. */
export function shellWord(text: string): string {
  return /^[A-Za-z0-9._/:=@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
