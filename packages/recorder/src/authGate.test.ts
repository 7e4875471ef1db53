import fc from 'fast-check';
import { AuthGate, type AuthPhase } from './authGate.ts';
import { authentication, frame } from './relayFixture.testing.ts';

interface Outcome {
  readonly phase: AuthPhase;
  readonly forward: string;
}

/** Pushes the pieces between the cuts, each in a buffer of its own. */
function pushAll(bytes: Buffer, cuts: readonly number[]): Outcome {
  const gate = new AuthGate();
  const out: Buffer[] = [];
  let phase: AuthPhase = 'waiting';
  const edges = [0, ...cuts, bytes.length];
  for (let index = 0; index + 1 < edges.length; index += 1) {
    const step = gate.push(Buffer.from(bytes.subarray(edges[index], edges[index + 1])));
    out.push(Buffer.from(step.forward));
    phase = step.phase;
    if (gate.isRefusal) break;
  }
  return { phase, forward: Buffer.concat(out).toString('hex') };
}

const ok = authentication(0);
const sasl = authentication(10, Buffer.from('SCRAM-SHA-256\0\0'));
const saslContinue = authentication(11, Buffer.from('r=abc,s=def,i=4096'));
const saslFinal = authentication(12, Buffer.from('v=ghi'));
const notice = frame('N', 'SNOTICE\0\0');
const negotiate = frame('v', Buffer.alloc(8));
const refused = frame('E', 'SFATAL\0C28P01\0Mno\0\0');
const session = Buffer.concat([frame('S', 'a\0b\0'), frame('K', Buffer.alloc(8)), frame('Z', 'I')]);
const unframed = Buffer.from('Ecould not fork new process\n\0');

const cases = [
  { name: 'trust: nothing of it passes', parts: [ok, session], phase: 'trusting', passes: [] },
  {
    name: 'trust behind a negotiation',
    parts: [negotiate, ok, session],
    phase: 'trusting',
    passes: [negotiate],
  },
  { name: 'trust behind a notice', parts: [notice, ok], phase: 'trusting', passes: [notice] },
  { name: 'SASLFinal alone is no challenge', parts: [saslFinal, ok], phase: 'trusting', passes: [saslFinal] },
  {
    name: 'SASLContinue alone is no challenge',
    parts: [saslContinue, ok],
    phase: 'trusting',
    passes: [saslContinue],
  },
  {
    name: 'an unknown request is no challenge',
    parts: [authentication(99), ok],
    phase: 'trusting',
    passes: [authentication(99)],
  },
  { name: 'an error and then let in', parts: [refused, ok], phase: 'trusting', passes: [refused] },
  { name: 'cleartext', parts: [authentication(3), ok, session], phase: 'passed' },
  { name: 'md5', parts: [authentication(5, Buffer.alloc(4)), ok, session], phase: 'passed' },
  { name: 'scram', parts: [sasl, saslContinue, saslFinal, ok, session], phase: 'passed' },
  {
    name: 'gss',
    parts: [authentication(7), authentication(8, Buffer.alloc(40)), ok, session],
    phase: 'passed',
  },
  { name: 'sspi', parts: [authentication(9), ok], phase: 'passed' },
  { name: 'asked, not let in yet', parts: [sasl, saslContinue], phase: 'challenged' },
  { name: 'refused by the server', parts: [sasl, refused], phase: 'failed' },
  { name: 'error first', parts: [refused], phase: 'failed' },
  { name: 'an error without a frame', parts: [unframed, unframed], phase: 'unframed' },
  { name: 'nothing', parts: [], phase: 'waiting' },
  {
    name: 'a length below four',
    parts: [Buffer.from([0x4e, 0, 0, 0, 3]), session],
    phase: 'broken',
    passes: [],
  },
  {
    name: 'an authentication message without a code',
    parts: [Buffer.from([0x52, 0, 0, 0, 4]), ok],
    phase: 'broken',
    passes: [],
  },
  {
    name: 'a negative length',
    parts: [sasl, Buffer.from([0x53, 0xff, 0xff, 0xff, 0xff])],
    phase: 'broken',
    passes: [sasl],
  },
  {
    name: 'another protocol',
    parts: [Buffer.from('HTTP/1.1 400 Bad Request\r\n')],
    phase: 'broken',
    passes: [],
  },
] as const;

describe('AuthGate (R6)', () => {
  it.each(cases)('$name', (example) => {
    const bytes = Buffer.concat(example.parts);
    const passes = 'passes' in example ? example.passes : example.parts;
    const expected = { phase: example.phase, forward: Buffer.concat(passes).toString('hex') };
    expect(pushAll(bytes, [])).toEqual(expected);
  });

  it.each(cases)('$name: split at every byte, and into single bytes', (example) => {
    const bytes = Buffer.concat(example.parts);
    const whole = pushAll(bytes, []);
    for (let cut = 1; cut < bytes.length; cut += 1) expect(pushAll(bytes, [cut])).toEqual(whole);
    const every = Array.from({ length: Math.max(0, bytes.length - 1) }, (_, index) => index + 1);
    expect(pushAll(bytes, every)).toEqual(whole);
  });

  it('lets nobody in whose server asked for nothing, whatever came before', () => {
    const harmless = fc.constantFrom(notice, negotiate, saslContinue, saslFinal, refused);
    fc.assert(
      fc.property(
        fc.array(harmless, { maxLength: 6 }),
        fc.array(fc.nat(200), { maxLength: 5 }),
        (before, at) => {
          const bytes = Buffer.concat([...before, ok, session]);
          const cuts = [...new Set(at.filter((cut) => cut > 0 && cut < bytes.length))].sort((a, b) => a - b);
          expect(pushAll(bytes, cuts)).toEqual({
            phase: 'trusting',
            forward: Buffer.concat(before).toString('hex'),
          });
        },
      ),
    );
  });

  it('never throws and never makes up a byte', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (random) => {
        const bytes = Buffer.from(random);
        expect(bytes.toString('hex').startsWith(pushAll(bytes, []).forward)).toBe(true);
      }),
    );
  });
});
