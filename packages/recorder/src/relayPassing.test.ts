/** A full spool in mode `pass`: everybody is served, and what was not recorded is counted in signed gaps. */
import { createHash } from 'node:crypto';
import { testSeed } from '@pgtape/testkit';
import { frame, ready, until } from './relayFixture.testing.ts';
import { accounted, type FullRelay, startFull, Teller, told } from './spoolFull.testing.ts';

let full: FullRelay;
const tellers: Teller[] = [];
afterEach(async () => {
  for (const { client } of tellers.splice(0)) client.socket.destroy();
  await full.close();
});

async function open(): Promise<Teller> {
  const teller = await Teller.open(full.relay.port);
  tellers.push(teller);
  return teller;
}

function fill(): void {
  full.levels.outboxBytes = 900;
  full.relay.relay.tick();
  expect(full.relay.relay.full).toBe('spool_full');
}

function empty(): void {
  full.levels.outboxBytes = 500;
  full.relay.relay.tick();
  expect(full.relay.relay.full).toBe(null);
}

const pauseMs = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function gone(sessions: number): Promise<void> {
  await until(() => full.relay.relay.sessionsOpen === sessions, 'the session is over');
}

describe('pass: the spool is at its bound', () => {
  beforeEach(async () => {
    full = await startFull({ onFull: 'pass' });
  });

  it('an idle session is recorded again at once, with what passed in a gap', async () => {
    const one = await open();
    await one.run('a');
    fill();
    await one.run('b', 'c');
    expect(full.relay.relay.sessionsPassing).toBe(1);
    empty();
    expect(full.relay.relay.sessionsPassing).toBe(0);
    await one.run('d');
    one.client.socket.end(frame('X'));
    await gone(0);
    expect(told(full.stop())).toEqual([
      ...['1 opened ann', '1 completed a', 'reel gap spool_full 0 of 0 sessions', '1 gap spool_full 2'],
      ...['1 completed d', '1 closed terminated'],
    ]);
  });

  it('a session through which nothing passed has no gap, in a transaction or not', async () => {
    const one = await open();
    await one.run('a');
    fill();
    empty();
    await one.run('b');
    expect(told(full.stop())).toEqual([
      '1 opened ann',
      '1 completed a',
      '1 completed b',
      '1 closed recorder_stopped',
    ]);
  });

  it('a session that came meanwhile is told of, with when it came', async () => {
    fill();
    const one = await open();
    await one.run('a', 'b', 'c');
    await pauseMs(50);
    empty();
    await one.run('d');
    const records = full.stop();
    expect(told(records)).toEqual([
      ...['reel gap spool_full 0 of 0 sessions', '1 opened ann', '1 gap spool_full 3', '1 completed d'],
      '1 closed recorder_stopped',
    ]);
    const [opened, closed] = [
      records.find(({ kind }) => kind === 'opened'),
      records.find(({ kind }) => kind === 'closed'),
    ];
    expect(opened).toMatchObject({ ready: true, pid: 0x1092, server_version: '18.6' });
    expect(Number(closed?.mono) - Number(opened?.mono)).toBeGreaterThanOrEqual(0);
    expect(BigInt((closed as unknown as { duration_ns: string }).duration_ns)).toBeGreaterThan(50_000_000n);
  });

  it('sessions that came and went are counted in the gap of the reel', async () => {
    fill();
    for (const texts of [['a'], ['b', 'c'], []]) {
      const one = await open();
      await one.run(...texts);
      one.client.socket.end(frame('X'));
      await gone(0);
    }
    empty();
    expect(told(full.stop())).toEqual(['reel gap spool_full 3 of 3 sessions']);
  });

  it('a session that ended meanwhile has its gap and its end, at the time of that', async () => {
    const one = await open();
    await one.run('a');
    fill();
    await one.run('b');
    one.client.socket.end(frame('X'));
    await gone(0);
    await pauseMs(40);
    empty();
    const two = await open();
    const records = full.stop();
    expect(two.answered).toBe(0);
    expect(told(records)).toEqual([
      ...['1 opened ann', '1 completed a', '1 gap spool_full 1', '1 closed terminated'],
      ...['reel gap spool_full 0 of 0 sessions', '2 opened ann', '2 closed recorder_stopped'],
    ]);
    const at = (kind: string): number => Number(records.find((record) => record.kind === kind)?.mono);
    const second = records.filter(({ kind }) => kind === 'opened')[1];
    expect(Number(second?.mono) - at('closed')).toBeGreaterThan(30e6);
  });

  it('what is in flight when recording stops is lost, when it goes on it stays unrecorded to its end', async () => {
    const held: (() => void)[] = [];
    await full.close();
    full = await startFull({ onFull: 'pass' }, (socket) => {
      let isOpen = false;
      socket.on('data', () => {
        const answer = isOpen
          ? Buffer.concat([frame('C', 'SELECT 1\0'), ready])
          : Buffer.concat([frame('R', Buffer.alloc(4)), ready]);
        if (isOpen) held.push(() => socket.write(answer));
        else socket.write(answer);
        isOpen = true;
      });
    });
    const one = await open();
    one.send('a');
    await until(() => held.length === 1, 'a');
    fill();
    held[0]?.();
    await until(() => one.answered === 1, 'answer to a');
    one.send('b');
    await until(() => held.length === 2, 'b');
    empty();
    expect(full.relay.relay.sessionsPassing).toBe(1);
    one.send('c');
    await until(() => held.length === 3, 'c');
    held[1]?.();
    await until(() => one.answered === 2, 'answer to b');
    // c is under way: the answer to b is no idle moment.
    expect(full.relay.relay.sessionsPassing).toBe(1);
    held[2]?.();
    await until(() => one.answered === 3, 'answer to c');
    expect(full.relay.relay.sessionsPassing).toBe(0);
    one.send('d');
    await until(() => held.length === 4, 'd');
    held[3]?.();
    await until(() => one.answered === 4, 'answer to d');
    expect(told(full.stop())).toEqual([
      ...[
        '1 opened ann',
        'reel gap spool_full 0 of 0 sessions',
        '1 gap spool_full 2',
        '1 lost a',
        '1 completed d',
      ],
      '1 closed recorder_stopped',
    ]);
  });

  it('statements prepared before are sql_unknown, prepared behind they are known', async () => {
    const one = await open();
    const { socket } = one.client;
    const execute = (name: string): Buffer =>
      Buffer.concat([frame('B', `\0${name}\0\0\0\0\0\0\0`), frame('E', '\0\0\0\0\0'), frame('S')]);
    socket.write(Buffer.concat([frame('P', 's\0select 1\0\0\0'), execute('s')]));
    await until(() => one.answered === 1, 'prepared');
    fill();
    socket.write(execute('s'));
    await until(() => one.answered === 2, 'passed');
    empty();
    socket.write(execute('s'));
    await until(() => one.answered === 3, 'unknown');
    socket.write(Buffer.concat([frame('P', 't\0select 2\0\0\0'), execute('t')]));
    await until(() => one.answered === 4, 'known');
    expect(told(full.stop())).toEqual([
      ...[
        '1 opened ann',
        '1 completed select 1',
        'reel gap spool_full 0 of 0 sessions',
        '1 gap spool_full 1',
      ],
      ...['1 completed statement_not_seen', '1 completed select 2', '1 closed recorder_stopped'],
    ]);
  });

  it('a recorder that is killed: the next start tells what had passed until the last second', async () => {
    const one = await open();
    fill();
    await one.run('a', 'b');
    full.relay.relay.tick();
    await one.run('c');
    full.relay.relay.turn.run();
    const records = full.killed();
    expect(told(records)).toEqual([
      ...['1 opened ann', '1 closed recorder_crashed', 'reel gap spool_full 2 of 0 sessions'],
      'reel gap recorder_crashed ?',
    ]);
  });

  it('stopped while it is full: all is told', async () => {
    const one = await open();
    fill();
    await one.run('a');
    const two = await open();
    await two.run('b');
    const records = full.stop();
    expect(accounted(records)).toEqual({ completed: 0, lost: 0, passed: 2 });
    expect(told(records)).toEqual([
      ...[
        '1 opened ann',
        '1 gap spool_full 1',
        '1 closed recorder_stopped',
        'reel gap spool_full 1 of 1 sessions',
      ],
    ]);
  });
});

describe('pass: the journal cannot be written', () => {
  it.each([
    { code: 'ENOSPC', isShort: false },
    { code: 'ENOSPC', isShort: true },
    { code: 'EIO', isShort: false },
    { code: 'EIO', isShort: true },
  ])(
    '$code, after half a write: $isShort; all is answered, and told when it can be written',
    async ({ code, isShort }) => {
      full = await startFull({ onFull: 'pass' });
      const one = await open();
      await one.run('a');
      Object.assign(full.fault, { code, isShort });
      await one.run('b', 'c');
      const two = await open();
      await two.run('d');
      expect(full.relay.relay.full).toBe('journal_full');
      full.fault.code = null;
      await until(() => full.relay.relay.full === null, 'room');
      await one.run('e');
      await two.run('f');
      const records = full.stop();
      const { completed, lost, passed } = accounted(records);
      expect({ sum: completed + lost + passed, lost: lost <= 2 }).toEqual({ sum: 6, lost: true });
      expect(records.filter((record) => record.kind === 'gap').map(({ reason }) => reason)).not.toContain(
        'journal_damaged',
      );
      expect(told(records)).toEqual(
        expect.arrayContaining(['1 completed a', '1 completed e', '2 completed f', '2 opened ann']),
      );
    },
  );

  it.each(
    (['pass', 'pause'] as const).flatMap((onFull) =>
      ['ENOSPC', 'EIO'].flatMap((code) => [true, false].map((isShort) => ({ onFull, code, isShort }))),
    ),
  )(
    '$onFull: each write fails in its turn, $code, half of it written: $isShort',
    async ({ onFull, code, isShort }) => {
      let reached = true;
      for (let after = 0; reached; after += 1) {
        full = await startFull({ onFull });
        Object.assign(full.fault, { code, isShort, after, times: 2 });
        const one = await open();
        for (const text of ['a', 'b', 'c']) await one.run(text);
        one.client.socket.end(frame('X'));
        await gone(0);
        full.relay.relay.turn.run();
        reached = full.fault.times < 2;
        await until(() => full.relay.relay.full === null, 'room');
        // Whether it ends in order or is killed here: the last write may be torn, no other.
        const killed = accounted(full.killed());
        const { completed, lost, passed } = accounted(full.stop());
        const sums = [killed.completed + killed.lost + killed.passed, completed + lost + passed];
        expect({ after, sums, passes: onFull === 'pass' || passed === 0 }).toEqual({
          after,
          sums: [3, 3],
          passes: true,
        });
        await full.close();
      }
      full = await startFull({ onFull });
    },
  );

  const seed = testSeed(process.env);
  it(`at random, with all of it at once: what was answered is recorded or counted (seed ${seed})`, async () => {
    full = await startFull({ onFull: 'pass' });
    let draws = 0;
    const draw = (below: number): number => {
      draws += 1;
      return createHash('sha256').update(`${seed} ${draws}`).digest().readUInt32BE(0) % below;
    };
    let answered = 0;
    const live: Teller[] = [];
    for (let step = 0; step < 300; step += 1) {
      const what = draw(10);
      if (what === 0 && live.length < 6) live.push(await open());
      else if (what === 1) full.levels.outboxBytes = draw(2) === 0 ? 900 : 400;
      else if (what === 2) full.fault.code = draw(2) === 0 ? null : 'EIO';
      else if (what === 3) Object.assign(full.fault, { code: 'ENOSPC', isShort: true });
      else if (what === 4 && live.length > 0) {
        const [one] = live.splice(draw(live.length), 1);
        answered += one!.answered;
        one!.client.socket.end(frame('X'));
        await gone(live.length);
      } else if (what === 5) full.relay.relay.tick();
      else if (live.length > 0) {
        await live[draw(live.length)]!.run(...Array.from({ length: 1 + draw(4) }, (_, i) => `${step}.${i}`));
      }
    }
    Object.assign(full.fault, { code: null, isShort: false });
    full.levels.outboxBytes = 0;
    await until(() => !full.relay.relay.turn.isFailing, 'the journal works');
    full.relay.relay.tick();
    expect(full.relay.relay.sessionsPassing).toBe(0);
    for (const one of live) {
      await one.run('last');
      answered += one.answered;
    }
    const { completed, lost, passed } = accounted(full.stop());
    expect({ seed, sum: completed + lost + passed }).toEqual({ seed, sum: answered });
  });
});
