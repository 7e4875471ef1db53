/** For tests of random inputs: where they begin. */
import { randomInt } from 'node:crypto';

/**
 * `PGTAPE_SEED`; without it a new one for each run, so that every run looks elsewhere, but in CI always the same:
 * whether a change lands must not hang on luck.
 */
export function testSeed(env: Readonly<Record<string, string | undefined>>): string {
  if (env.PGTAPE_SEED !== undefined && env.PGTAPE_SEED !== '') return env.PGTAPE_SEED;
  return env.CI === 'true' ? '20261126' : String(randomInt(2 ** 31));
}
