/** A full spool in modes `pause` and `refuse`: who waits, who is turned away, and who passes all the same. */
import { cancelRequest, connectTo, frame, startupMessage, until } from './relayFixture.testing.ts';
import { accounted, type FullRelay, startFull, Teller, told } from './spoolFull.testing.ts';

let full: FullRelay;
const tellers: Teller[] = [];
afterEach(async () => {
  for (const { client } of tellers.splice(0)) client.socket.destroy();
  await full.close();
});

async function open(parameters?: Readonly<Record<string, string>>): Promise<Teller> {
  const teller = await Teller.open(full.relay.port, parameters);
  tellers.push(teller);
  return teller;
}

const walsender = { user: 'ann', replication: 'database' };
const pauseMs = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function level(outboxBytes: number): void {
  full.levels.outboxBytes = outboxBytes;
  full.relay.relay.tick();
}

/** A cancel request reaches the server, on a connection of its own. */
async function cancels(): Promise<void> {
  const before = full.server.connections.length;
  const canceller = await connectTo(full.relay.port);
  canceller.socket.write(cancelRequest(0x1092, Buffer.from('000000ff', 'hex')));
  await until(() => full.server.connections.length === before + 1, 'the cancel request');
  full.server.connections.at(-1)?.end();
  await canceller.ended;
  canceller.socket.destroy();
}

describe('pause', () => {
  it('clients wait until there is room, new ones too; replication and cancel pass; nothing is lost', async () => {
    full = await startFull({ onFull: 'pause' });
    const one = await open();
    const standby = await open(walsender);
    await one.run('a');
    await standby.run('IDENTIFY_SYSTEM');
    level(900);
    expect([full.relay.relay.full, full.relay.relay.gauges.isPaused]).toEqual(['spool_full', true]);
    one.send('b');
    await standby.run('TIMELINE_HISTORY 1');
    await cancels();
    const late = await open();
    late.send('c');
    const other = await open(walsender);
    await other.run('IDENTIFY_SYSTEM');
    await pauseMs(50);
    expect([one.answered, late.answered]).toEqual([1, 0]);
    level(501);
    await pauseMs(20);
    expect([one.answered, late.answered]).toEqual([1, 0]);
    level(500);
    await until(() => one.answered === 2 && late.answered === 1, 'room');
    await standby.run('IDENTIFY_SYSTEM');
    expect(full.relay.relay.gauges.isPaused).toBe(false);
    expect(full.relay.relay.sessionsPassing).toBe(0);
    const records = full.stop();
    expect(accounted(records)).toEqual({ completed: 5, lost: 0, passed: 2 });
    expect(told(records)).toEqual(
      expect.arrayContaining([
        '1 completed b',
        '2 gap spool_full 1',
        '5 gap spool_full 1',
        'reel gap spool_full 0 of 1 sessions',
      ]),
    );
    expect(full.relay.troubles).toEqual(['spool_full', 'spool_over']);
  });

  it('another policy while it is full: those that waited pass, and are recorded again when there is room', async () => {
    full = await startFull({ onFull: 'pause' });
    const one = await open();
    await one.run('a');
    level(900);
    one.send('b');
    await pauseMs(20);
    expect(one.answered).toBe(1);
    const { relay } = full.relay;
    relay.adopt({ ...relay, startupsMax: relay.cancelsMax, onFull: 'pass' });
    await until(() => one.answered === 2, 'it passes');
    expect([relay.sessionsPassing, relay.isSpoolWaiting, relay.gauges.isPaused]).toEqual([1, false, false]);
    level(500);
    await one.run('c');
    level(900);
    relay.adopt({ ...relay, startupsMax: relay.cancelsMax, onFull: 'pause' });
    one.send('d');
    await pauseMs(20);
    expect(one.answered).toBe(3);
    level(500);
    await until(() => one.answered === 4, 'room');
    expect(accounted(full.stop())).toEqual({ completed: 3, lost: 0, passed: 1 });
  });

  it.each(['ENOSPC', 'EIO'])(
    'a journal that fails with %s: replication and cancel pass, all others wait',
    async (code) => {
      full = await startFull({ onFull: 'pause' });
      const one = await open();
      const standby = await open(walsender);
      full.fault.code = code;
      one.send('a');
      await until(() => full.relay.relay.full === 'journal_full', 'full');
      await standby.run('IDENTIFY_SYSTEM', 'IDENTIFY_SYSTEM');
      await cancels();
      const other = await open(walsender);
      await other.run('IDENTIFY_SYSTEM');
      const late = await connectTo(full.relay.port);
      late.socket.write(startupMessage());
      await pauseMs(50);
      expect([one.answered, late.received().length]).toEqual([0, 0]);
      full.fault.code = null;
      await until(() => one.answered === 1 && late.received().length > 0, 'room');
      late.socket.destroy();
      await until(() => full.relay.relay.sessionsOpen === 3, 'late is gone');
      const records = full.stop();
      expect(accounted(records)).toEqual({ completed: 1, lost: 0, passed: 3 });
      expect(told(records)).toEqual(
        expect.arrayContaining([
          '1 completed a',
          '2 gap journal_full 2',
          '4 opened ann',
          '4 gap journal_full 1',
          '5 opened ann',
        ]),
      );
    },
  );
});

describe('refuse', () => {
  it('new sessions are told so, old ones go on until there is no room at all, then wait', async () => {
    full = await startFull({ onFull: 'refuse' });
    const one = await open();
    const standby = await open(walsender);
    level(900);
    await one.run('a');
    const late = await connectTo(full.relay.port);
    late.socket.write(startupMessage());
    await late.ended;
    expect(late.received().toString('latin1')).toMatch(/^E.*C53100.*the spool of the recorder is full/s);
    late.socket.destroy();
    await standby.run('IDENTIFY_SYSTEM');
    await (await open(walsender)).run('IDENTIFY_SYSTEM');
    await cancels();
    level(1000);
    one.send('b');
    await pauseMs(50);
    expect(one.answered).toBe(1);
    level(950);
    await pauseMs(20);
    expect(one.answered).toBe(1);
    level(500);
    await until(() => one.answered === 2, 'room');
    await (await open()).run('c');
    expect(Object.fromEntries(full.relay.relay.gauges.refused)).toEqual({ spool_full: 1 });
    const records = full.stop();
    expect(accounted(records)).toEqual({ completed: 3, lost: 0, passed: 2 });
    expect(records.filter(({ kind }) => kind === 'opened')).toHaveLength(4);
  });
});

describe('a journal at its bound', () => {
  it('waits for a worker that is behind; one that seals nothing for two seconds makes the journal full', async () => {
    let backlog = 0;
    let now = 0;
    full = await startFull({
      onFull: 'pass',
      backlogBytes: () => backlog,
      backlogBytesMax: 100,
      monoMs: () => now,
    });
    const one = await open();
    backlog = 150;
    full.relay.relay.tick();
    one.send('a');
    await pauseMs(30);
    expect([full.relay.relay.full, one.answered]).toEqual([null, 0]);
    now = 1999;
    full.relay.relay.tick();
    expect(full.relay.relay.full).toBe(null);
    now = 2000;
    full.relay.relay.tick();
    await until(() => one.answered === 1, 'answered');
    expect(full.relay.relay.full).toBe('journal_full');
    backlog = 40;
    full.relay.relay.tick();
    await one.run('b');
    expect(accounted(full.stop())).toEqual({ completed: 1, lost: 0, passed: 1 });
    expect(full.relay.troubles).toEqual(['backlog', 'journal_full', 'spool_over']);
  });

  it('an outbox that takes nothing is a full spool', async () => {
    let backlog = 0;
    let now = 0;
    full = await startFull({
      onFull: 'pass',
      backlogBytes: () => backlog,
      backlogBytesMax: 100,
      monoMs: () => now,
    });
    full.levels.isOutboxFailing = true;
    backlog = 150;
    full.relay.relay.tick();
    now = 2000;
    full.relay.relay.tick();
    expect(full.relay.relay.full).toBe('spool_full');
    const one = await open();
    await one.run('a');
    one.client.socket.end(frame('X'));
  });
});
