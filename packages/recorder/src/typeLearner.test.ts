import type { LearnedType } from '@pgtape/wire';
import type { TypesEntry } from './journalFormat.ts';
import { TypeLearner, TypeLookupError } from './typeLearner.ts';

type Ask = (database: string, oids: readonly number[] | null, most: number) => Promise<LearnedType[]>;

const enumOf = (oid: number): LearnedType => ({ oid, name: `public.e${oid}`, kind: 'enum', of: 0 });
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

/** A learner whose clock stands still until it is set. */
function learner(ask: Ask) {
  const asked: [string, readonly number[] | null][] = [];
  const entries: TypesEntry[] = [];
  const failed: string[] = [];
  const clock = { ms: 0 };
  const made = new TypeLearner({
    ask: (database, oids, most) => {
      asked.push([database, oids]);
      return ask(database, oids, most);
    },
    nowMs: () => clock.ms,
    learned: (entry) => entries.push(entry),
    failed: (database, reason) => failed.push(`${database}: ${reason}`),
  });
  return { made, asked, entries, failed, clock };
}

describe('TypeLearner', () => {
  it('asks one question at a time, a database’s own types first, and never again for what it was told', async () => {
    let isAsking = false;
    const { made, asked, entries } = learner(async (_database, oids) => {
      expect(isAsking).toBe(false);
      isAsking = true;
      await settle();
      isAsking = false;
      return oids === null ? [enumOf(20_001), enumOf(23)] : oids.map(enumOf);
    });
    made.want('shop', 20_002);
    made.want('shop', 0);
    made.want('shop', 20_001);
    made.want('till', 20_001);
    for (let i = 0; i < 10; i += 1) await settle();
    for (const oid of [0, 20_001, 20_002]) made.want('shop', oid);
    await settle();
    expect(asked).toEqual([
      ['shop', [20_002]],
      ['shop', null],
      ['till', [20_001]],
    ]);
    expect(entries).toEqual([
      { database: 'shop', types: [enumOf(20_002)] },
      // 23 is built in.
      { database: 'shop', types: [enumOf(20_001)] },
      { database: 'till', types: [enumOf(20_001)] },
    ]);
    expect([made.types, [...made.lookups]]).toEqual([3, [['answered', 3]]]);
    made.stop();
  });

  it('asks again for what nobody knew after half a minute: it may be committed by then', async () => {
    const { made, asked, clock } = learner(async () => []);
    made.want('shop', 20_001);
    await settle();
    made.want('shop', 20_001);
    clock.ms = 29_999;
    made.want('shop', 20_001);
    await settle();
    expect(asked).toHaveLength(1);
    clock.ms = 30_000;
    made.want('shop', 20_001);
    await settle();
    expect(asked).toHaveLength(2);
    made.stop();
  });

  it('waits longer after each failure, for that database alone, up to five minutes', async () => {
    const { made, asked, failed, clock } = learner((database) =>
      database === 'shop' ? Promise.reject(new TypeLookupError('unreachable', 'no')) : Promise.resolve([]),
    );
    made.want('shop', 0);
    await settle();
    made.want('till', 0);
    await settle();
    expect(failed).toEqual(['shop: unreachable']);
    expect(asked.map(([database]) => database)).toEqual(['shop', 'till']);
    const ofShop = (): number => asked.filter(([database]) => database === 'shop').length;
    const waits: number[] = [];
    let last = 0;
    for (let round = 0; round < 11; round += 1) {
      const before = ofShop();
      while (ofShop() === before) {
        clock.ms += 1000;
        // Whatever is wanted of another database lets it look at what is due.
        made.want('till', clock.ms);
        await settle();
      }
      waits.push(clock.ms - last);
      last = clock.ms;
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300].map((seconds) => seconds * 1000));
    made.stop();
  });

  it('is bounded: types in all, databases, and OIDs that wait', async () => {
    const many = Array.from({ length: 10_000 }, (_, at) => enumOf(20_000 + at));
    const { made, entries, failed } = learner(async (_database, _oids, most) => many.slice(0, most));
    made.want('shop', 0);
    await settle();
    expect(entries.map(({ types }) => types.length)).toEqual(Array(20).fill(500));
    made.want('till', 0);
    await settle();
    expect(failed).toEqual(['till: types_max']);
    for (let at = 0; at < 1500; at += 1) made.want(`d${at}`, 0);
    expect(made.lookups.get('databases_max')).toBe(502);
    made.stop();
  });
});
