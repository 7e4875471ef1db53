/** What a session keeps of itself while nothing is recorded, and what it then tells; without sockets. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FrameCutter } from '@pgtape/wire';
import { Gauges } from './gauges.ts';
import { JournalWriter } from './journalWriter.ts';
import {
  authentication,
  frame,
  readJournal,
  ready,
  startupMessage,
  testReel,
} from './relayFixture.testing.ts';
import { type Recording, SessionJournal } from './sessionJournal.ts';
import type { FullReason } from './spoolLevel.ts';
import { Unrecorded } from './unrecorded.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'pgtape-session-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

class Bench {
  full: FullReason | null = null;
  now = 0;
  readonly journal: JournalWriter;
  readonly unrecorded = new Unrecorded();
  readonly session: SessionJournal;
  readonly client: FrameCutter;
  readonly server: FrameCutter;
  #bytes = 0;

  constructor() {
    this.journal = new JournalWriter({
      dir,
      reel: testReel,
      nowMs: () => this.now,
      progress: new Float64Array(2),
    });
    let sessions = 0;
    const bench = this;
    const recording: Recording = {
      journal: this.journal,
      gauges: new Gauges(),
      unrecorded: this.unrecorded,
      monoMs: () => this.now,
      get full() {
        return bench.full;
      },
      nextSession: () => {
        sessions += 1;
        return sessions;
      },
      gapTold: () => {},
    };
    this.session = new SessionJournal(recording, () => this.#bytes);
    this.client = new FrameCutter('frontend', 65_536, this.session.sink('frontend'));
    this.server = new FrameCutter('backend', 65_536, this.session.sink('backend'));
    this.session.cutBy(this.client, this.server);
  }

  open(): this {
    const peer = { address: '', port: 1 };
    this.session.open({ client: peer, server: peer, tls: false });
    this.session.startup(startupMessage());
    return this;
  }

  says(...frames: Buffer[]): this {
    return this.#push(this.client, frames);
  }

  hears(...frames: Buffer[]): this {
    return this.#push(this.server, frames);
  }

  close(): this {
    this.session.close({ why: 'terminated', bytesFromClient: 0, bytesFromServer: 0 });
    return this;
  }

  /** Kinds of the journal's entries, and what gaps say. */
  told(): string[] {
    this.journal.flush();
    return readJournal(dir)
      .filter(({ session }) => session > 0)
      .map(({ kind, body }) => {
        if (kind !== 'gap') return kind;
        const { reason, statements, bytes } = JSON.parse(body.toString());
        return `gap ${reason} ${statements} ${bytes}`;
      });
  }

  #push(cutter: FrameCutter, frames: Buffer[]): this {
    for (const bytes of frames) {
      this.#bytes += bytes.length;
      cutter.push(bytes);
      if (this.session.isPassing) this.session.settle();
    }
    return this;
  }
}

const query = frame('Q', 'select 1\0');
const answer = [frame('C', 'SELECT 1\0'), ready];
const opening = [authentication(0), frame('S', 'server_version\x0018\0'), ready];

it('tells what the server said of its settings meanwhile, the last of each name', () => {
  const bench = new Bench().open().hears(...opening);
  bench.full = 'spool_full';
  bench.session.pass('spool_full');
  const said = (value: string): Buffer => frame('S', `client_encoding\0${value}\0`);
  bench.says(query).hears(said('LATIN1'), said('WIN1252'), ...answer);
  bench.full = null;
  expect(bench.session.settle()).toBe(true);
  bench.journal.flush();
  const last = readJournal(dir).at(-1);
  expect([last?.kind, last?.body]).toEqual(['backend', said('WIN1252')]);
});

it('of too many settings the first are kept, and of each the last value, or none where that is too long', () => {
  const bench = new Bench().open().hears(...opening);
  bench.full = 'spool_full';
  bench.session.pass('spool_full');
  const said = (name: string, value: string): Buffer => frame('S', `${name}\0${value}\0`);
  const names = Array.from({ length: 65 }, (_, index) => `a.n${index}`);
  bench.says(query).hears(...names.map((name) => said(name, 'old')));
  bench.hears(said('a.n1', 'new'), said('a.n2', 'x'.repeat(2000)), ...answer);
  bench.full = null;
  expect(bench.session.settle()).toBe(true);
  bench.journal.flush();
  const entries = readJournal(dir);
  const told = entries.slice(entries.findLastIndex(({ kind }) => kind === 'gap') + 1);
  const kept = names.slice(0, 64).filter((name) => name !== 'a.n1' && name !== 'a.n2');
  expect(Buffer.concat(told.map(({ body }) => body)).toString('latin1')).toBe(
    Buffer.concat([...kept.map((name) => said(name, 'old')), said('a.n1', 'new')]).toString('latin1'),
  );
});

it('an opening too long to be kept is never recorded: the session counts as one that came and went', () => {
  const bench = new Bench();
  bench.full = 'spool_full';
  bench.open().hears(frame('N', 'x'.repeat(20_000)), ...opening);
  bench.full = null;
  bench.says(query).hears(...answer);
  expect(bench.session.isPassing).toBe(true);
  bench.close();
  expect(bench.told()).toEqual([]);
  expect(bench.unrecorded.waiting([])).toMatchObject({ sessions: 1, statements: 1 });
  expect(bench.unrecorded.heldBytes).toBe(0);
});

it('a message that was cut in two when recording stopped is counted, one that was whole is not', () => {
  const bench = new Bench().open().hears(...opening);
  bench.says(query).hears(...answer);
  const long = frame('Q', `${'x'.repeat(100)}\0`);
  bench.says(long.subarray(0, 50));
  bench.full = 'journal_full';
  bench.session.pass('journal_full');
  bench.says(long.subarray(50)).hears(...answer);
  bench.full = null;
  expect(bench.session.settle()).toBe(true);
  const passed = long.length - 50 + answer[0]!.length + ready.length;
  expect(bench.told().at(-1)).toBe(`gap journal_full 1 ${passed}`);
});

it('a session that is relayed unread has its own gap alone, and is told of to its end', () => {
  const bench = new Bench().open();
  bench.session.gap({ reason: 'raw_lane', detail: '' });
  bench.session.pass('spool_full');
  bench.full = 'spool_full';
  // Nothing of it is cut any more.
  expect(bench.session.passed).toEqual({ statements: 0, bytes: 0 });
  bench.full = null;
  bench.close();
  expect(bench.told()).toEqual(['open', 'startup', 'gap raw_lane undefined undefined', 'close']);
});

it('stops and goes on at any byte of both streams: every statement is recorded whole, or counted', () => {
  const script: [boolean, Buffer][] = [
    ...opening.map((bytes): [boolean, Buffer] => [false, bytes]),
    ...[1, 2, 3].flatMap((): [boolean, Buffer][] => [
      [true, query],
      ...answer.map((bytes): [boolean, Buffer] => [false, bytes]),
    ]),
  ];
  const pieces = script.flatMap(([isClient, bytes]) =>
    Array.from(bytes, (byte): [boolean, Buffer] => [isClient, Buffer.of(byte)]),
  );
  for (let stop = 0; stop < pieces.length; stop += 1) {
    for (const length of [1, 7, 20, 60]) {
      const bench = new Bench().open();
      for (const [at, [isClient, byte]] of pieces.entries()) {
        if (at === stop) {
          bench.full = 'spool_full';
          bench.session.pass('spool_full');
        }
        if (at === stop + length) {
          bench.full = null;
          bench.session.settle();
        }
        if (isClient) bench.says(byte);
        else bench.hears(byte);
      }
      bench.full = null;
      bench.session.settle();
      bench.close();
      bench.journal.flush();
      const own = readJournal(dir).filter(({ session }) => session > 0);
      const text = Buffer.concat(own.filter(({ kind }) => kind === 'frontend').map(({ body }) => body));
      const whole = text.toString('latin1').split(query.toString('latin1')).length - 1;
      const counted = own
        .filter(({ kind }) => kind === 'gap')
        .reduce((sum, { body }) => sum + Number(JSON.parse(body.toString()).statements), 0);
      expect({ stop, length, sum: whole + counted, kinds: own.at(-1)?.kind }).toEqual({
        ...{ stop, length },
        sum: 3,
        kinds: 'close',
      });
      bench.journal.dispose();
      rmSync(dir, { recursive: true });
      dir = mkdtempSync(join(tmpdir(), 'pgtape-session-'));
    }
  }
});
