import {
  newSigner,
  type ReleaseRequest,
  type ReleaseSignature,
  releaseText,
  type Signer,
} from '@pgtape/evidence';
import { releaseProblem, secondProblem } from './releaseControl.ts';

const [bob, other] = [newSigner(), newSigner()];
const nowMs = 1_795_212_000_000;
const hour = 3_600_000;
const rules = { signers: [{ name: 'bob', publicKey: bob.publicKey }], validMs: 72 * hour };

const request = (twist: Partial<ReleaseRequest> = {}): ReleaseRequest => ({
  hold: '00112233445566778899aabbccddeeff',
  reason: 'closed',
  who: 'anna',
  at: `${nowMs}000000`,
  ...twist,
});
const signed = (of: ReleaseRequest, by: Signer = bob, who = 'bob'): ReleaseSignature => ({
  who,
  key: by.publicKey,
  sig: Buffer.from(by.sign(Buffer.from(releaseText(of)))).toString('hex'),
});

describe('releaseProblem', () => {
  const late = request({ at: `${nowMs - 73 * hour}000000` });
  const early = request({ at: `${nowMs + hour}000000` });
  const bySelf = request({ who: 'bob' });
  it.each([
    { name: 'signed by the second person', of: request(), second: signed(request()), problem: null },
    { name: 'nobody signed', of: request(), second: null, problem: 'second_missing' },
    { name: 'one person', of: bySelf, second: signed(bySelf), problem: 'second_same' },
    {
      name: 'nobody known',
      of: request(),
      second: signed(request(), bob, 'carl'),
      problem: 'second_unknown',
    },
    { name: 'another key', of: request(), second: signed(request(), other), problem: 'second_key' },
    {
      name: 'over another reason',
      of: request(),
      second: signed(request({ reason: 'x' })),
      problem: 'second_signature',
    },
    { name: 'too late', of: late, second: signed(late), problem: 'release_expired' },
    { name: 'from the future', of: early, second: signed(early), problem: 'release_early' },
  ])('$name: $problem', ({ of, second, problem }) => {
    expect(releaseProblem(rules, of, second, nowMs)).toBe(problem);
  });

  it('knows every key of a name, so that those of old records stay registered', () => {
    const both = { signers: [...rules.signers, { name: 'bob', publicKey: other.publicKey }] };
    expect(secondProblem(both, request(), signed(request(), other))).toBeNull();
    expect(secondProblem(both, request(), signed(request()))).toBeNull();
  });
});
