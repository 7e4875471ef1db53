/** The corpus, and new inputs, by testSeed.ts of testkit; `make fuzz` runs five million. */

import { testSeed } from '@pgtape/testkit';
import { readCorpus } from './fuzzCorpus.testing.ts';
import { inputOf } from './fuzzInputs.testing.ts';
import { runInput, targetOf, targets } from './fuzzTargets.testing.ts';

const corpus = readCorpus();

describe('fuzz', () => {
  it('the corpus has inputs for every target', () => {
    expect(targets.filter((target) => !corpus.some(({ input }) => targetOf(input) === target))).toEqual([]);
  });

  it.each(corpus)('$name', ({ input }) => {
    expect(() => runInput(input)).not.toThrow();
  });

  const seed = Number(testSeed(process.env));
  it(`30,000 inputs, PGTAPE_SEED=${seed}`, () => {
    const inputs = corpus.map(({ input }) => input);
    for (let index = 0; index < 30_000; index += 1) runInput(inputOf(seed, index, inputs));
  });

  it('a throw is seen: an input that breaks a rule is told from one that does not', () => {
    const odd = Buffer.concat([
      Buffer.of(targets.indexOf('session')),
      Buffer.from([0x10, 0x51, 0, 5]),
      Buffer.from('abc\0'),
    ]);
    expect(() => runInput(odd)).not.toThrow();
    expect(() => runInput(null as never)).toThrow();
  });
});
