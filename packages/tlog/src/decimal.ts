/** Sizes, indexes and times as ASCII decimal without leading zeroes, as C2SP writes them. */

const shape = /^(?:0|[1-9]\d{0,15})$/;

/** Null for anything else, and above 2^53 - 1, which no number here reaches. */
export function decimal(text: string): number | null {
  if (!shape.test(text)) return null;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : null;
}
