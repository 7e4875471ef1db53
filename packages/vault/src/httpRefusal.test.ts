import { readFileSync } from 'node:fs';
import { type HttpReason, HttpRefusal, httpReasons } from './httpRefusal.ts';

const docs = readFileSync(new URL('../../../docs/http.md', import.meta.url), 'utf8');

/** Status and actor of each word in the table of refusals. */
function documented(): Record<string, { status: number; act: string }> {
  const rows = docs.matchAll(/^\| (\d{3}) \| ([^|]+) \| (\w+) \|/gm);
  return Object.fromEntries(
    [...rows].flatMap(([, status, words = '', act = '']) =>
      [...words.matchAll(/`(\w+)`/g)].map(([, word]) => [word, { status: Number(status), act }]),
    ),
  );
}

describe('HttpRefusal', () => {
  it('has the words, statuses and actors that docs/http.md tells', () => {
    expect(documented()).toEqual(httpReasons);
  });

  it.each(Object.keys(httpReasons) as HttpReason[])('%s says who must act', (reason) => {
    const { status, act } = httpReasons[reason];
    expect(new HttpRefusal(reason, 'why', 3)).toMatchObject({ reason, status, act, retryAfterSeconds: 3 });
  });
});
