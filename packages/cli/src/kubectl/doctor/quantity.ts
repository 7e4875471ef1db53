/** Owns quantities as Kubernetes writes them (`500m`, `64Mi`, `1.5`, `2e3`). Pure. */

const multiples: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** null: it is none. */
export function quantityOf(text: string | number): number | null {
  const match = /^([+-]?\d+(?:\.\d*)?|[+-]?\.\d+)(?:([eE][+-]?\d+)|([A-Za-z]*))$/.exec(String(text));
  if (match === null) return null;
  const [, digits = '', exponent = '', suffix = ''] = match;
  const multiple = multiples[suffix];
  return multiple === undefined ? null : Number(`${digits}${exponent}`) * multiple;
}
