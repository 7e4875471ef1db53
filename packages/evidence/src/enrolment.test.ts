import { checkEnrolment, type EnrolledKeys, enrolmentNameOf, enrolmentProof } from './enrolment.ts';

const keys: EnrolledKeys = {
  reel: '01'.repeat(16),
  recorder: '02'.repeat(8),
  key: '03'.repeat(32),
  recovery_key: '04'.repeat(32),
};
const secret = { name: 'shop', secret: 'correct horse battery staple' };
const proof = enrolmentProof(secret, keys);

describe('enrolment', () => {
  it('is the HMAC that docs/formats/keys.md works out', () => {
    expect(proof).toBe('v1 shop bd99a5e492c321b89d1c0cc4fcc438d00ee07cb62e7af19762dc89b9505432d4');
  });

  it.each<{
    name: string;
    proof?: string;
    keys?: Partial<EnrolledKeys>;
    secrets?: (typeof secret)[];
    is: boolean;
  }>([
    { name: 'the secret', is: true },
    {
      name: 'the old secret beside the new one',
      secrets: [{ ...secret, secret: 'the next secret, longer' }, secret],
      is: true,
    },
    { name: 'another secret', secrets: [{ ...secret, secret: 'the next secret, longer' }], is: false },
    { name: 'the secret of another name', secrets: [{ ...secret, name: 'bank' }], is: false },
    {
      name: 'another name in the proof',
      proof: proof.replace('shop', 'bank'),
      secrets: [{ ...secret, name: 'bank' }],
      is: false,
    },
    { name: 'no secret', secrets: [], is: false },
    { name: 'another reel', keys: { reel: '11'.repeat(16) }, is: false },
    { name: 'another recorder', keys: { recorder: '12'.repeat(8) }, is: false },
    { name: 'another key', keys: { key: '13'.repeat(32) }, is: false },
    { name: 'another recovery key', keys: { recovery_key: '14'.repeat(32) }, is: false },
    { name: 'another version', proof: proof.replace('v1', 'v2'), is: false },
    { name: 'a proof cut short', proof: proof.slice(0, -1), is: false },
    { name: 'a proof in upper case', proof: proof.toUpperCase(), is: false },
    { name: 'something behind it', proof: `${proof} x`, is: false },
    { name: 'a name that is none', proof: proof.replace('shop', '../x'), is: false },
    { name: 'nothing', proof: '', is: false },
  ])('takes $name: $is', (row) => {
    expect(checkEnrolment(row.proof ?? proof, { ...keys, ...row.keys }, row.secrets ?? [secret])).toBe(
      row.is,
    );
  });

  it('does not take a proof with any digit changed', () => {
    const taken = Array.from(proof, (_, at) => at).filter((at) => {
      const digit = proof[at] === '0' ? '1' : '0';
      return checkEnrolment(proof.slice(0, at) + digit + proof.slice(at + 1), keys, [secret]);
    });
    expect(taken).toEqual([]);
  });

  it('tells whose a proof claims to be', () => {
    expect([enrolmentNameOf(proof), enrolmentNameOf('v1 shop'), enrolmentNameOf('')]).toEqual([
      'shop',
      null,
      null,
    ]);
  });
});
