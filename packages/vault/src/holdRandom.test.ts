/** Random tapes and holds: whenever a hold is placed, in the end it covers what its words say, no more and no less. */
import type { DraftRecord, HoldScope } from '@pgtape/evidence';
import { testSeed } from '@pgtape/testkit';
import { segmentOf, TestTape, TestVault } from './holds.testing.ts';
import { lockedDisk, lockingStore } from './lockingStore.testing.ts';
import type { TestSegment } from './segments.testing.ts';

const seed = Number(testSeed(process.env));
const cases = 30;

/** mulberry32: the same numbers from the same seed. */
function numbers(from: number): (below: number) => number {
  let state = from;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const words = ['alpha', 'beta', 'gamma'];
const users = ['ann', 'bob'];
const databases = ['x', 'y'];
const atNs = (second: number): string => `${second}000000000`;

interface Sent {
  readonly sent: TestSegment;
  readonly key: string;
}

function tapes(random: (below: number) => number): Sent[] {
  const made = [new TestTape(), new TestTape()];
  const opened = [new Set<number>(), new Set<number>()];
  const numbersOf = [0, 0];
  return Array.from({ length: 4 + random(10) }, (_, segment) => {
    const which = random(2);
    const tape = made[which]!;
    const drafts: DraftRecord[] = [];
    for (let line = 0; line <= random(4); line += 1) {
      tape.atSecond(1000 + segment * 10 + line);
      const session = 1 + random(5);
      if (!opened[which]!.has(session)) {
        opened[which]!.add(session);
        drafts.push(tape.opened(session, users[random(2)]!, databases[random(2)]));
      } else drafts.push(tape.statement(session, `select ${words[random(3)]}`));
    }
    numbersOf[which]! += 1;
    return { sent: tape.reel.next(drafts), key: tape.key(numbersOf[which]!) };
  });
}

function scopeOf(random: (below: number) => number, segments: readonly Sent[]): HoldScope {
  const some = segmentOf(segments[random(segments.length)]!.sent).segment.records;
  const maybe = <T>(value: () => T): T | undefined => (random(3) === 0 ? value() : undefined);
  const [since, until] = [1000 + random(100), 1000 + random(150)];
  const scope = {
    sessions: maybe(() => [some[0]!.session!]),
    user: maybe(() => users[random(2)]!),
    database: maybe(() => databases[random(2)]!),
    since: maybe(() => atNs(Math.min(since, until))),
    until: maybe(() => atNs(Math.max(since, until))),
    search: maybe(() => (random(2) === 0 ? words[random(3)]! : `/^SELECT ${words[random(3)]}$/i`)),
  };
  const isEmpty = Object.values(scope).every((part) => part === undefined);
  return isEmpty ? { user: 'ann' } : scope;
}

/** What the words of docs/formats/hold.md say, read off all lines at once. */
function covered(segments: readonly Sent[], scope: HoldScope): string[] {
  const records = segments.map(({ sent }) => segmentOf(sent).segment.records);
  const { sessions, user, database, since = '0', until = '9'.repeat(19), search } = scope;
  const [from, to] = [BigInt(since), BigInt(until)];
  const regex = search?.startsWith('/') === true ? new RegExp(search.slice(1, -2), 'i') : null;
  const isFound = (sql: string): boolean => regex?.test(sql) ?? sql.includes(search as string);
  const fits = (session: string): boolean => {
    const lines = records.flat().filter((record) => record.session === session);
    const opening = lines.find(({ kind }) => kind === 'opened')!;
    return (
      (sessions?.includes(session) ?? true) &&
      (user === undefined || opening.user === user) &&
      (database === undefined || opening.database === database) &&
      BigInt(opening.start as string) <= to &&
      lines.some(({ at }) => BigInt(at) >= from) &&
      (search === undefined ||
        lines.some(
          ({ kind, sql, at }) =>
            kind === 'statement' && isFound(sql as string) && BigInt(at) >= from && BigInt(at) <= to,
        ))
    );
  };
  const keys = segments.flatMap(({ key }, i) =>
    records[i]!.some(({ session }) => fits(session!)) ? [key] : [],
  );
  return keys.sort();
}

async function heldAfter(segments: readonly Sent[], scope: HoldScope, placedAt: number, restartAt: number) {
  const disk = lockedDisk();
  let vault = new TestVault({ store: lockingStore({ disk }) });
  for (let i = 0; i <= segments.length; i += 1) {
    if (i === placedAt) await vault.holds.create({ case: 'c', reason: 'r', scope }, 'olga');
    if (i === restartAt) {
      await vault.holds.idle();
      vault = new TestVault({ store: lockingStore({ disk }) });
      vault.holds.start();
      await vault.holds.idle();
    }
    if (i < segments.length) await vault.receive(segments[i]!.sent);
  }
  await vault.holds.idle();
  const keys = new Set(segments.map(({ key }) => key));
  return lockingStore({ disk })
    .held()
    .filter((key) => keys.has(key));
}

describe(`${cases} random holds, PGTAPE_SEED=${seed}`, () => {
  it.each(Array.from({ length: cases }, (_, index) => ({ name: seed + index })))(
    '$name',
    async ({ name }) => {
      const random = numbers(name);
      const segments = tapes(random);
      const scope = scopeOf(random, segments);
      const wanted = covered(segments, scope);
      for (const placedAt of [0, random(segments.length), segments.length]) {
        const restartAt = placedAt + random(segments.length + 1 - placedAt);
        expect({
          scope,
          placedAt,
          restartAt: -1,
          held: await heldAfter(segments, scope, placedAt, -1),
        }).toEqual({
          scope,
          placedAt,
          restartAt: -1,
          held: wanted,
        });
        expect({
          scope,
          placedAt,
          restartAt,
          held: await heldAfter(segments, scope, placedAt, restartAt),
        }).toEqual({
          scope,
          placedAt,
          restartAt,
          held: wanted,
        });
      }
    },
  );
});
