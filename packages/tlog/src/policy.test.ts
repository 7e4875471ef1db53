import fc from 'fast-check';
import {
  COSIGNATURE_V1,
  checkByPolicy,
  checkProofByPolicy,
  formatPolicy,
  formatVkey,
  inclusionProof,
  isQuorum,
  type Policy,
  parsePolicy,
} from './index.ts';
import { bytesOf, signedCheckpoint, TestLog, testKey } from './testLog.testing.ts';

const log = testKey('log.example', 1);
const rotated = testKey('log.example', 2);
const witnesses = ['x1', 'x2', 'x3', 'y1', 'y2', 'y3'].map((name, i) =>
  testKey(`${name}.example`, 10 + i, COSIGNATURE_V1),
);
const vkeys = witnesses.map(({ verifier }) => formatVkey(verifier));
/** The specification's example, with keys. */
const example = `log ${formatVkey(log.verifier)}

# six witnesses of two organizations
witness X1 ${vkeys[0]}
\twitness X2  ${vkeys[1]}  https://x2.example/
witness X3 ${vkeys[2]}
group X-witnesses 2 X1 X2 X3

witness Y1 ${vkeys[3]}
witness Y2 ${vkeys[4]}
witness Y3 ${vkeys[5]}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
`;

const policyOf = (text: string): Policy => {
  const reading = parsePolicy(bytesOf(text));
  if (!reading.ok) throw new Error(reading.detail);
  return reading.value;
};
const allSubsets = Array.from({ length: 64 }, (_, mask) =>
  ['X1', 'X2', 'X3', 'Y1', 'Y2', 'Y3'].filter((_name, i) => (mask >> i) & 1),
);

describe('parsePolicy', () => {
  it("reads the specification's example", () => {
    expect(policyOf(example)).toEqual({
      logs: [{ key: log.verifier }],
      witnesses: witnesses.map(({ verifier }, i) => ({
        name: ['X1', 'X2', 'X3', 'Y1', 'Y2', 'Y3'][i],
        key: verifier,
        ...(i === 1 ? { url: 'https://x2.example/' } : {}),
      })),
      groups: [
        { name: 'X-witnesses', threshold: 2, members: ['X1', 'X2', 'X3'] },
        { name: 'Y-witnesses', threshold: 1, members: ['Y1', 'Y2', 'Y3'] },
        { name: 'X-and-Y', threshold: 2, members: ['X-witnesses', 'Y-witnesses'] },
      ],
      quorum: 'X-and-Y',
    });
  });

  it('is what formatPolicy writes', () => {
    const policy = policyOf(example);
    expect(parsePolicy(formatPolicy(policy))).toEqual({ ok: true, value: policy });
  });

  it('takes names for octets', () => {
    const policy = policyOf(`witness K\u00fcche ${vkeys[0]}\nquorum K\u00fcche\n`);
    expect(policy.quorum).toBe(Buffer.from('Küche').toString('latin1'));
    expect(Buffer.from(formatPolicy(policy)).toString()).toContain('quorum Küche');
  });

  it.each([
    { name: 'no quorum', text: '', detail: 'no quorum line' },
    { name: 'two quorums', text: 'quorum none\nquorum none\n', detail: 'line 2: a second quorum' },
    { name: 'an unknown quorum', text: 'quorum X\n', detail: 'line 1: a quorum that is not defined before' },
    { name: 'an unknown word', text: 'trust me\n', detail: 'line 1: neither log, witness, group nor quorum' },
    { name: 'a bad vkey', text: 'log abc\n', detail: 'line 1: vkey: not name+key id+key' },
    {
      name: 'a log twice',
      text: `log ${formatVkey(log.verifier)}\n`.repeat(2),
      detail: 'line 2: a log twice',
    },
    {
      name: 'a witness key twice under two names',
      text: `witness A ${vkeys[0]}\nwitness B ${vkeys[0]}\n`,
      detail: 'line 2: a witness twice',
    },
    {
      name: 'a name twice',
      text: `witness A ${vkeys[0]}\nwitness A ${vkeys[1]}\n`,
      detail: 'line 2: a name twice',
    },
    { name: 'a witness called none', text: `witness none ${vkeys[0]}\n`, detail: 'line 1: a name twice' },
    {
      name: 'none as a member',
      text: 'group G any none\n',
      detail: 'line 1: a member that is not defined before',
    },
    {
      name: 'itself as a member',
      text: 'group G any G\n',
      detail: 'line 1: a member that is not defined before',
    },
    {
      name: 'a member in two groups',
      text: `witness A ${vkeys[0]}\ngroup G any A\ngroup H any A\n`,
      detail: 'line 3: a member twice',
    },
    {
      name: 'a threshold of none',
      text: `witness A ${vkeys[0]}\ngroup G 0 A\n`,
      detail: 'line 2: the number of members',
    },
    {
      name: 'a threshold beyond the members',
      text: `witness A ${vkeys[0]}\ngroup G 2 A\n`,
      detail: 'line 2: the number of members',
    },
    { name: 'a carriage return', text: 'quorum none\r\n', detail: 'line 1: a control character' },
    {
      name: 'a url too many',
      text: `log ${formatVkey(log.verifier)} a b\n`,
      detail: 'line 1: not log <vkey> [<url>]',
    },
  ])('refuses $name', ({ text, detail }) => {
    expect(parsePolicy(bytesOf(text))).toEqual({ ok: false, detail });
  });

  it('never throws', () => {
    const whole = bytesOf(example);
    const edit = fc.record({
      at: fc.nat(whole.length),
      cut: fc.nat(9),
      put: fc.uint8Array({ maxLength: 5 }),
    });
    const mutated = edit.map(({ at, cut, put }) =>
      Buffer.concat([whole.subarray(0, at), put, whole.subarray(at + cut)]),
    );
    fc.assert(
      fc.property(fc.oneof(mutated, fc.uint8Array()), (bytes) => {
        const reading = parsePolicy(bytes);
        if (reading.ok) expect(parsePolicy(formatPolicy(reading.value))).toEqual(reading);
      }),
      { numRuns: 500 },
    );
  });
});

describe('isQuorum', () => {
  it('is two of X and one of Y, for every set of witnesses', () => {
    const policy = policyOf(example);
    for (const names of allSubsets) {
      const [x, y] = ['X', 'Y'].map((letter) => names.filter((name) => name.startsWith(letter)).length);
      expect([names, isQuorum(policy, new Set(names))]).toEqual([names, x! >= 2 && y! >= 1]);
    }
  });

  it('needs nobody where the quorum is none, and does not take a group for a witness', () => {
    expect(isQuorum(policyOf('quorum none\n'), new Set())).toBe(true);
    expect(isQuorum(policyOf(example), new Set(['X-and-Y', 'X-witnesses']))).toBe(false);
  });
});

describe('checkByPolicy', () => {
  const tree = new TestLog(5);
  const signed = (...keys: Parameters<typeof signedCheckpoint>[3]): Uint8Array =>
    signedCheckpoint(5, tree.tree.root(), 'log.example', keys);
  const policy = policyOf(example);
  const [x1, x2, , y1] = witnesses;
  const stranger = testKey('x1.example', 99, COSIGNATURE_V1);

  it.each([
    { name: 'log and quorum', bytes: signed(log, x1!, x2!, y1!), want: ['X1', 'X2', 'Y1'] },
    {
      name: 'a rotated key beside the known one',
      bytes: signed(rotated, log, x1!, x2!, y1!),
      want: ['X1', 'X2', 'Y1'],
    },
    { name: 'too few witnesses', bytes: signed(log, x1!, y1!), want: 'quorum_missing' },
    {
      name: 'a stranger by the name of a witness',
      bytes: signed(log, stranger, x2!, y1!),
      want: 'quorum_missing',
    },
    { name: 'the new key alone', bytes: signed(rotated, x1!, x2!, y1!), want: 'no_known_signature' },
    { name: 'witnesses without the log', bytes: signed(x1!, x2!, y1!), want: 'no_known_signature' },
  ])('$name', ({ bytes, want }) => {
    const check = checkByPolicy(policy, bytes);
    expect(check.ok ? check.cosigned.map(({ name }) => name) : check.reason).toEqual(want);
  });

  it('believes no checkpoint with any bit flipped, unless the bit is of a signature it does not know', () => {
    const bytes = signed(log, x1!, x2!, y1!);
    const accepted: number[] = [];
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const changed = Uint8Array.from(bytes);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      if (checkByPolicy(policy, changed).ok) accepted.push(bit);
    }
    expect(accepted).toEqual([]);
  });

  it('believes a proof only at its index', () => {
    const proof = {
      extra: null,
      index: 3,
      hashes: inclusionProof(tree.hashes, 3),
      checkpoint: signed(log, x1!, x2!, y1!),
    };
    const reasons = [
      checkProofByPolicy(policy, proof, tree.hashes[3]!),
      checkProofByPolicy(policy, proof, tree.hashes[2]!),
      checkProofByPolicy(policy, { ...proof, index: 2 }, tree.hashes[3]!),
      checkProofByPolicy(policy, { ...proof, checkpoint: signed(log) }, tree.hashes[3]!),
    ].map((check) => (check.ok ? 'ok' : check.reason));
    expect(reasons).toEqual(['ok', 'inclusion', 'inclusion', 'quorum_missing']);
  });
});
