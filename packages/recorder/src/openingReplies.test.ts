import { OpeningReplies } from './openingReplies.ts';
import { authentication, frame, ready } from './relayFixture.testing.ts';

const key = frame('K', Buffer.from([0, 0, 0, 7, 1, 2, 3, 4]));
const parameter = frame('S', 'server_version\x0018\x00');
const sasl = authentication(10, Buffer.from('SCRAM-SHA-256\0\0'));
const version = frame('v', Buffer.from([0, 3, 0, 2, 0, 0, 0, 0]));
const row = frame('D', 'later');

/** What passes and what was asked about, the bytes coming in these pieces. */
function opened(pieces: readonly Buffer[], replace: Readonly<Record<string, Buffer>> = {}): unknown {
  const asked: string[] = [];
  const replies = new OpeningReplies((tag, body, message) => {
    asked.push(`${String.fromCharCode(tag)} ${body.toString('hex')}`);
    return replace[String.fromCharCode(tag)] ?? message;
  });
  const passed = Buffer.concat(pieces.map((piece) => replies.push(piece)));
  return {
    passed: passed.toString('hex'),
    asked,
    isOver: replies.isOver,
    held: replies.drain().toString('hex'),
  };
}

const hex = (...parts: readonly Buffer[]): string => Buffer.concat(parts).toString('hex');
const whole = [version, sasl, parameter, key, ready, row];

describe('OpeningReplies', () => {
  const bodies = [version, sasl, key].map(
    (one) => `${String.fromCharCode(one[0] as number)} ${one.toString('hex', 5)}`,
  );
  const all = { passed: hex(...whole), asked: bodies, isOver: true, held: '' };

  it('asks about what it knows and passes all, at every split', () => {
    const bytes = Buffer.concat(whole);
    expect(opened([bytes])).toEqual(all);
    for (let cut = 1; cut < bytes.length; cut += 1) {
      expect(opened([bytes.subarray(0, cut), bytes.subarray(cut)])).toEqual(all);
    }
    expect(opened(Array.from(bytes, (_, at) => bytes.subarray(at, at + 1)))).toEqual(all);
  });

  it.each([
    {
      name: 'replaced',
      replace: { R: parameter },
      passed: hex(version, parameter, parameter, key, ready, row),
    },
    { name: 'withheld', replace: { v: Buffer.alloc(0) }, passed: hex(sasl, parameter, key, ready, row) },
  ])('a message may be $name', ({ replace, passed }) => {
    expect(opened([Buffer.concat(whole)], replace)).toEqual({ ...all, passed });
  });

  it.each([
    {
      name: 'a message that never ends is held back, and given when asked',
      bytes: key.subarray(0, 9),
      passed: '',
      held: hex(key.subarray(0, 9)),
    },
    {
      name: 'one too long to hold passes as it comes',
      bytes: frame('R', Buffer.alloc(20_000, 9)).subarray(0, 9000),
      passed: hex(frame('R', Buffer.alloc(20_000, 9)).subarray(0, 9000)),
      held: '',
    },
  ])('$name', ({ bytes, passed, held }) => {
    expect(opened([bytes])).toEqual({ passed, asked: [], isOver: false, held });
  });

  it.each([-1, 0, 3])('what is no message ends it: length %d', (length) => {
    const bad = frame('R', 'xxxx');
    bad.writeInt32BE(length, 1);
    expect(opened([parameter, bad, key])).toEqual({
      passed: hex(parameter, bad, key),
      asked: [],
      isOver: true,
      held: '',
    });
  });
});
