import {
  type EnrolledKeys,
  type EnrolmentSecret,
  enrolmentProof,
  type SegmentSuccess,
} from '@pgtape/evidence';
import {
  type Caller,
  type Enrolment,
  type EnrolmentJudgement,
  type EnrolmentSources,
  Enrolments,
} from './enrolments.ts';
import type { TokenVerdict } from './podIdentity.ts';
import { refusal } from './tokenClaims.ts';
import type { VaultEntry } from './vaultReel.ts';

const keys: EnrolledKeys = {
  reel: '01'.repeat(16),
  recorder: '02'.repeat(8),
  key: '03'.repeat(32),
  recovery_key: '04'.repeat(32),
};
const shop = { name: 'shop', secret: 'correct horse battery staple' };
const bank = { name: 'bank', secret: 'a different secret, longer' };
const segment = (number: number, more: Partial<EnrolledKeys> = {}) =>
  ({ header: { ...keys, ...more, segment: number } }) as unknown as SegmentSuccess;
const from = (more: Partial<Caller> = {}): Caller => ({
  certificate: null,
  proof: null,
  token: null,
  address: '10.0.0.1',
  ...more,
});
const proven = (by: EnrolmentSecret) => from({ proof: enrolmentProof(by, keys) });

interface Setting {
  readonly required?: boolean;
  readonly secrets?: EnrolmentSecret[];
  readonly history?: (Enrolment & { readonly reel: string })[];
}

function made(
  { required = false, secrets = [shop], history = [] }: Setting = {},
  more: Partial<EnrolmentSources> = {},
) {
  const written: string[] = [];
  let reads = 0;
  const enrolments = new Enrolments({
    required,
    secrets: () => secrets,
    tokens: null,
    append: async (entry: VaultEntry) => {
      written.push(
        entry.kind === 'enrolment' ? `${entry.method} ${entry.name} ${entry.of_reel}` : entry.kind,
      );
      return { seq: written.length, line: 'f'.repeat(64) };
    },
    started: async ({ enrolment, key }) =>
      void written.push(`log ${key.slice(0, 4)} ${enrolment.slice(0, 4)}`),
    history: async function* () {
      reads += 1;
      yield* history;
    },
    ...more,
  });
  return { enrolments, written, reads: () => reads };
}
const said = (judgement: Enrolment | { readonly refused: string }) =>
  'refused' in judgement ? judgement.refused : `${judgement.method} ${judgement.name}`.trim();

const podOf = (name: string, database = 'shop/orders'): TokenVerdict => ({
  method: 'kubernetes',
  pod: { namespace: 'shop', name, uid: `uid of ${name}` },
  database,
});
/** Tokens are the names of pods; `shop/gone-0` is there no more. */
const tokens: NonNullable<EnrolmentSources['tokens']> = {
  judge: async (token) =>
    token === 'bad'
      ? refusal('token_invalid', 'no')
      : podOf(token.replace('bank-', ''), token.startsWith('bank-') ? 'shop/bank' : 'shop/orders'),
  inherits: async (heir, enrolled) => enrolled === `shop/${heir.pod.name}` || enrolled === 'shop/gone-0',
};
const named = (number: number) => segment(number, { name: 'shop/orders' } as object);
const word = (judgement: EnrolmentJudgement): string =>
  'refused' in judgement ? (judgement.reason ?? 'not_enrolled') : said(judgement);

describe('Enrolments by token', () => {
  it.each<{ name: string; caller: Caller; says: string }>([
    { name: 'a token of its pod', caller: from({ token: 'orders-0' }), says: 'kubernetes shop/orders-0' },
    {
      name: 'a token that is none, beside a good proof',
      caller: { ...proven(shop), token: 'bad' },
      says: 'token_invalid',
    },
    {
      name: 'a token of a pod of another database',
      caller: from({ token: 'bank-0' }),
      says: 'pod_of_other_database',
    },
    { name: 'nothing', caller: from(), says: 'none' },
  ])('judges a first segment by $name', async ({ caller, says }) => {
    const { enrolments } = made({}, { tokens });
    expect(word(await enrolments.check(named(1), caller, false))).toBe(says);
  });

  it('ignores tokens where none are taken', async () => {
    const { enrolments } = made();
    expect(word(await enrolments.check(named(1), from({ token: 'bad' }), false))).toBe('none');
  });

  it.each<{ by: string; caller: Caller; says: string }>([
    { by: 'orders-0', caller: from({ token: 'orders-0' }), says: 'kubernetes shop/orders-0' },
    { by: 'orders-0', caller: from({ token: 'orders-1' }), says: 'other_pod' },
    { by: 'gone-0', caller: from({ token: 'orders-1' }), says: 'kubernetes shop/gone-0' },
    { by: 'gone-0', caller: from({ token: 'bank-1' }), says: 'pod_of_other_database' },
    { by: 'orders-0', caller: from({ token: 'bad' }), says: 'token_invalid' },
    { by: 'orders-0', caller: proven(shop), says: 'token_missing' },
    { by: 'orders-0', caller: from({ certificate: 'db-0' }), says: 'token_missing' },
  ])('of a reel that $by enrolled: $says', async ({ by, caller, says }) => {
    const enrolled: Enrolment = { method: 'kubernetes', name: `shop/${by}` };
    for (const number of [1, 2]) {
      const living = made({}, { tokens });
      await living.enrolments.begin(named(1), enrolled);
      expect(word(await living.enrolments.check(named(number), caller, true))).toBe(says);
      const restarted = made({ history: [{ ...enrolled, reel: keys.reel }] }, { tokens });
      expect(word(await restarted.enrolments.check(named(number), caller, true))).toBe(says);
    }
  });

  it('goes on with no such reel once no tokens are taken any more', async () => {
    const { enrolments } = made({ history: [{ method: 'jwks', name: 'shop/orders-0', reel: keys.reel }] });
    expect(word(await enrolments.check(named(2), from({ token: 'orders-0' }), true))).toBe('not_enrolled');
  });
});

describe('Enrolments', () => {
  it.each<{ name: string; setting?: Setting; caller: Caller; says: string }>([
    { name: 'a proof under the secret', caller: proven(shop), says: 'secret shop' },
    {
      name: 'a proof under the old one of two secrets',
      setting: { secrets: [{ ...shop, secret: 'the next secret, longer' }, shop] },
      caller: proven(shop),
      says: 'secret shop',
    },
    {
      name: 'a proof under a secret that was taken away',
      setting: { secrets: [{ ...shop, secret: 'the next secret, longer' }] },
      caller: proven(shop),
      says: "the proof of enrolment 'shop' does not hold: its secret is another, or unknown here",
    },
    {
      name: 'a proof that is none',
      caller: from({ proof: 'v1 x' }),
      says: "the proof of enrolment '' does not hold: its secret is another, or unknown here",
    },
    {
      name: 'a proof that does not hold, beside a certificate',
      caller: { ...proven(bank), certificate: 'db-0' },
      says: "the proof of enrolment 'bank' does not hold: its secret is another, or unknown here",
    },
    { name: 'a proof nobody can check', setting: { secrets: [] }, caller: proven(shop), says: 'none' },
    { name: 'a certificate', caller: from({ certificate: 'db-0' }), says: 'mtls db-0' },
    { name: 'nothing', caller: from(), says: 'none' },
    {
      name: 'nothing, and it is required',
      setting: { required: true },
      caller: from(),
      says: 'nobody vouches for the reel',
    },
    {
      name: 'a certificate where it is required',
      setting: { required: true },
      caller: from({ certificate: 'db-0' }),
      says: 'mtls db-0',
    },
  ])('judges a first segment by $name', async ({ setting, caller, says }) => {
    expect(said(await made(setting).enrolments.check(segment(1), caller, false))).toBe(says);
  });

  it.each<{ name: string; known: Enrolment; number: number; caller: Caller; says: string }>([
    {
      name: 'goes on over a connection of the same certificate',
      known: { method: 'mtls', name: 'db-0' },
      number: 2,
      caller: from({ certificate: 'db-0' }),
      says: 'mtls db-0',
    },
    {
      name: 'does not go on under another certificate',
      known: { method: 'mtls', name: 'db-0' },
      number: 2,
      caller: from({ certificate: 'db-1' }),
      says: "the reel was enrolled by 'db-0' (mtls) and is sent by 'db-1'",
    },
    {
      name: 'does not go on without one',
      known: { method: 'mtls', name: 'db-0' },
      number: 2,
      caller: from(),
      says: "the reel was enrolled by 'db-0' (mtls) and is sent by 'nobody'",
    },
    {
      name: 'goes on by its chain of keys where a secret vouched for the first',
      known: { method: 'secret', name: 'shop' },
      number: 2,
      caller: from(),
      says: 'secret shop',
    },
    {
      name: 'is not begun again under another secret',
      known: { method: 'secret', name: 'bank' },
      number: 1,
      caller: proven(shop),
      says: "the reel was enrolled by 'bank' (secret) and is sent by 'shop'",
    },
    {
      name: 'is not begun again under a certificate',
      known: { method: 'secret', name: 'shop' },
      number: 1,
      caller: from({ certificate: 'db-0' }),
      says: "the reel was enrolled by 'shop' (secret) and is sent by 'db-0'",
    },
    {
      name: 'is sent again under its own secret',
      known: { method: 'secret', name: 'shop' },
      number: 1,
      caller: proven(shop),
      says: 'secret shop',
    },
    {
      name: 'is sent again without a proof',
      known: { method: 'secret', name: 'shop' },
      number: 1,
      caller: from(),
      says: 'none',
    },
  ])('a reel $name, also after a restart', async ({ known, number, caller, says }) => {
    const living = made({ secrets: [shop, bank] });
    await living.enrolments.begin(segment(1), known);
    expect(said(await living.enrolments.check(segment(number), caller, true))).toBe(says);
    const restarted = made({ secrets: [shop, bank], history: [{ ...known, reel: keys.reel }] });
    expect(said(await restarted.enrolments.check(segment(number), caller, true))).toBe(says);
  });

  it('records who vouches, then tells the log, once', async () => {
    const { enrolments, written } = made();
    await enrolments.begin(segment(1), { method: 'secret', name: 'shop' });
    await enrolments.begin(segment(1), { method: 'secret', name: 'shop' });
    await enrolments.begin(segment(1, { reel: '05'.repeat(16) }), { method: 'none', name: '' });
    expect(written).toEqual([
      `secret shop ${keys.reel}`,
      'log 0303 ffff',
      `none  ${'05'.repeat(16)}`,
      'log 0303 ffff',
    ]);
    expect([enrolments.of(keys.reel), enrolments.of('05'.repeat(16))]).toEqual([
      { method: 'secret', name: 'shop' },
      { method: 'none', name: '' },
    ]);
  });

  it('records it again when the log could not be told, for nothing was acknowledged', async () => {
    let fails = true;
    const { enrolments, written } = made(
      {},
      {
        started: async () => {
          if (fails) throw new Error('no');
        },
      },
    );
    await expect(enrolments.begin(segment(1), { method: 'none', name: '' })).rejects.toThrow('no');
    fails = false;
    await enrolments.begin(segment(1), { method: 'none', name: '' });
    expect(written).toEqual([`none  ${keys.reel}`, `none  ${keys.reel}`]);
  });

  it('reads what earlier vaults recorded once, when it needs it, and again where that failed', async () => {
    let fails = true;
    const { enrolments, reads } = made();
    await enrolments.check(segment(1), proven(shop), false);
    expect(reads()).toBe(0);
    await enrolments.check(segment(2), from(), true);
    await enrolments.check(segment(3), from(), true);
    expect(reads()).toBe(1);
    const other = made(
      {},
      {
        history: async function* () {
          if (fails) throw new Error('unreadable');
          yield { reel: keys.reel, method: 'mtls' as const, name: 'db-0' };
        },
      },
    ).enrolments;
    await expect(other.check(segment(2), from(), true)).rejects.toThrow('unreadable');
    fails = false;
    expect(said(await other.check(segment(2), from(), true))).toMatch(/^the reel was enrolled by 'db-0'/);
  });
});
