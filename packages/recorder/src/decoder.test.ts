import type { DraftRecord } from '@pgtape/evidence';
import { defaultLimits, SessionMachine } from '@pgtape/session';
import fc from 'fast-check';
import { ReelDecoder } from './decoder.ts';
import { JournalBuilder, say } from './journalBuilder.testing.ts';
import { JournalReader } from './journalReader.ts';
import { makeSpool } from './pipelineFixture.testing.ts';

/** The records of a journal, and the decoder that made them. */
function decode(
  tape: JournalBuilder,
  heartbeatSeconds = 30,
): { drafts: DraftRecord[]; decoder: ReelDecoder } {
  const drafts: DraftRecord[] = [];
  const decoder = new ReelDecoder({ limits: defaultLimits, heartbeatSeconds }, (draft) => drafts.push(draft));
  const reader = new JournalReader(tape.dir, null, 0);
  for (let found = reader.read(); found !== 'none'; found = reader.read()) {
    if (found === 'damaged') decoder.damaged(reader.damage);
    else decoder.turn(reader.ms, reader.buffer, reader.start, reader.end);
  }
  reader.close();
  return { drafts, decoder };
}

const newTape = (): JournalBuilder => new JournalBuilder(makeSpool().journalDir);
const of = <K extends DraftRecord['kind']>(drafts: DraftRecord[], kind: K) =>
  drafts.filter((draft): draft is Extract<DraftRecord, { kind: K }> => draft.kind === kind);

/** One statement of a session, in two turns. */
function ask(tape: JournalBuilder, session: number, sql = 'select 1'): void {
  tape.client(session, say.query(sql));
  tape.turn();
  tape.server(session, say.complete('SELECT 1'), say.ready('I'));
  tape.turn();
}

describe('ReelDecoder', () => {
  it('opens and closes the reel with what its journal says of it', () => {
    const tape = newTape();
    tape.begin(1);
    ask(tape, 1);
    tape.close(1);
    tape.end();
    const { drafts } = decode(tape);
    const { reel } = tape;
    expect(drafts[0]).toEqual({
      kind: 'reel_opened',
      at: `${reel.wallUs}000`,
      mono: '0',
      recorder: reel.recorder,
      name: reel.name,
      version: reel.version,
      upstream: reel.upstream,
      listen: reel.listen,
      journal: 'memory',
      trust_upstream: false,
      policy: reel.policy,
    });
    expect(drafts.at(-1)).toEqual({
      kind: 'reel_closed',
      at: `${reel.wallUs + 7000}000`,
      mono: '7000000',
      why: 'stopped',
      sessions: 1,
      statements: 1,
    });
  });

  it('names the open sessions in a heartbeat every so many ticks', () => {
    const tape = newTape();
    tape.begin(1);
    tape.begin(2);
    ask(tape, 2);
    tape.turn(7500);
    const beats = of(decode(tape, 3).drafts, 'heartbeat');
    const id = (number: number): string => `${tape.reel.reel.slice(0, 16)}-${number}`;
    expect(beats.map(({ opened, closed, statements }) => ({ opened, closed, statements }))).toEqual(
      Array(2).fill({ opened: 2, closed: 0, statements: 1 }),
    );
    expect(beats[0]!.open).toEqual([
      { session: id(1), n: 1 },
      { session: id(2), n: 2 },
    ]);
  });

  it('follows the wall clock when it is set, and not before', () => {
    const tape = newTape();
    tape.begin(1);
    ask(tape, 1);
    const jump = Object.assign(tape, { reel: { ...tape.reel, wallUs: tape.reel.wallUs + 3_600_000_000 } });
    jump.turn(1000);
    ask(jump, 1);
    const [before, after] = of(decode(tape).drafts, 'statement');
    const wallUs = tape.reel.wallUs - 3_600_000_000;
    expect(before!.start).toBe(`${wallUs + 5000}000`);
    expect(Number(after!.start.slice(0, -3)) - wallUs).toBeGreaterThan(3_600_000_000);
    expect(BigInt(after!.mono) - BigInt(before!.mono)).toBeLessThan(2_000_000_000n);
  });

  // R8.
  it('gives up a session whose machine throws, and no other', () => {
    const tape = newTape();
    tape.begin(1);
    tape.begin(2);
    for (let i = 0; i < 3; i += 1) {
      ask(tape, 1, `select 'poison ${i}'`);
      ask(tape, 2);
    }
    tape.close(1);
    tape.close(2);
    tape.end();
    const original = SessionMachine.prototype.frontend;
    SessionMachine.prototype.frontend = function (tag, body, bodyBytes, sha256, at) {
      if (Buffer.from(body).includes('poison 1')) throw new RangeError('a fault of ours');
      original.call(this, tag, body, bodyBytes, sha256, at);
    };
    try {
      const { drafts, decoder } = decode(tape);
      const [gap, ...others] = of(drafts, 'gap');
      expect({ gap: gap?.reason, detail: gap?.detail, others }).toEqual({
        gap: 'decode_lost',
        detail: 'the decoder failed: RangeError: a fault of ours',
        others: [],
      });
      expect(gap!.session).toMatch(/-1$/);
      expect(of(drafts, 'statement').map(({ session }) => session.slice(-2))).toEqual([
        '-1',
        '-2',
        '-2',
        '-2',
      ]);
      expect(of(drafts, 'closed')).toHaveLength(2);
      expect(decoder.totals.decodeLost).toBe(1);
    } finally {
      SessionMachine.prototype.frontend = original;
    }
  });

  it('says of the reel what a machine that fails altogether can no longer say', () => {
    const tape = newTape();
    tape.begin(1);
    ask(tape, 1);
    tape.begin(2);
    ask(tape, 2);
    tape.close(2);
    tape.end();
    const { frontend, lost } = SessionMachine.prototype;
    SessionMachine.prototype.frontend = function (tag, body, bodyBytes, sha256, at) {
      if (this.lastN === 1 && tag === 0x51 && at.monoNs < 6e6) throw new Error('first');
      frontend.call(this, tag, body, bodyBytes, sha256, at);
    };
    SessionMachine.prototype.lost = () => {
      throw new Error('second');
    };
    try {
      const { drafts } = decode(tape);
      const gaps = of(drafts, 'gap');
      expect(gaps.map(({ reason, detail, session }) => ({ reason, detail, session }))).toEqual([
        {
          reason: 'decode_lost',
          detail: 'session 1: the decoder failed twice: Error: second',
          session: undefined,
        },
      ]);
      expect(of(drafts, 'statement')).toHaveLength(1);
      expect(drafts.at(-1)!.kind).toBe('reel_closed');
    } finally {
      Object.assign(SessionMachine.prototype, { frontend, lost });
    }
  });

  // R8: whatever comes, records of the others are as if nothing had been.
  it('keeps other sessions untouched by arbitrary frames', () => {
    const bytes = fc.uint8Array({ maxLength: 60 });
    const frames = fc.array(
      fc.oneof(
        fc.tuple(fc.constantFrom(...'QPBDECSHXdcfFpRTKZ123nstIGHWNA'), bytes).map(([tag, body]) => {
          const head = Buffer.alloc(5);
          head.write(tag, 'latin1');
          head.writeUInt32BE(body.length + 4, 1);
          return Buffer.concat([head, body]);
        }),
        bytes.map((raw) => Buffer.from(raw)),
      ),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(frames, frames, (fromClient, fromServer) => {
        const tape = newTape();
        tape.begin(1);
        tape.begin(2);
        for (let i = 0; i < 12; i += 1) {
          if (fromClient[i] !== undefined) tape.client(1, fromClient[i]!);
          if (fromServer[i] !== undefined) tape.server(1, fromServer[i]!);
          if (i % 4 === 0) ask(tape, 2);
          tape.turn(300);
        }
        tape.end();
        const { drafts } = decode(tape);
        const ids = of(drafts, 'statement').filter(({ session }) => session.endsWith('-2'));
        expect(ids.map(({ outcome }) => outcome)).toEqual(['completed', 'completed', 'completed']);
        expect(drafts.at(-1)!.kind).toBe('reel_closed');
        const byN = drafts.filter((draft) => 'session' in draft && draft.session?.endsWith('-1'));
        expect(byN.map((draft) => (draft as { n: number }).n)).toEqual(byN.map((_, index) => index + 1));
      }),
      { numRuns: 60 },
    );
  });

  it.each([
    {
      name: 'of a session',
      session: 1,
      reason: 'bad_framing',
      expected: { reason: 'bad_framing', session: '-1' },
    },
    {
      name: 'of the reel',
      session: 0,
      reason: 'journal_full',
      expected: { reason: 'journal_full', session: '' },
    },
    {
      name: 'of a session unknown',
      session: 9,
      reason: 'bad_framing',
      expected: { reason: 'bad_framing', session: '' },
    },
    {
      name: 'of a word unknown',
      session: 0,
      reason: 'later',
      expected: { reason: 'decode_lost', session: '' },
    },
  ])('makes a record of a gap entry $name', ({ session, reason, expected }) => {
    const tape = newTape();
    tape.begin(1);
    tape.gap(session, { reason, detail: 'because', bytes: 7 });
    tape.turn();
    ask(tape, 1);
    const { drafts } = decode(tape);
    const [gap] = of(drafts, 'gap');
    expect({ reason: gap!.reason, session: gap!.session?.slice(-2) ?? '' }).toEqual(expected);
    // What ends a session's decoding ends it; what is the reel's does not.
    expect(of(drafts, 'statement')).toHaveLength(session === 1 ? 0 : 1);
  });
});
