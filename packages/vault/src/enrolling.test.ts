/** Enrolment as a recorder meets it: over gRPC, by secret and by certificate, with secrets that are replaced. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  checkReel,
  enrolmentMetadata,
  enrolmentProof,
  judgeTogether,
  parseSegmentKey,
  type StoredSegment,
} from '@pgtape/evidence';
import { exportTracePath, GrpcClient, type GrpcClientOptions, readSegmentRequest } from '@pgtape/otlp';
import { fileStore } from '@pgtape/store';
import { makeCertificate } from '@pgtape/testkit';
import { VaultConfig } from './config.ts';
import { TestReel } from './segments.testing.ts';
import { startVault, type Vault } from './vault.ts';

const scratch = mkdtempSync(join(tmpdir(), 'pgtape-enrolling-'));
const endings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end().catch(() => undefined);
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const oldSecret = 'correct horse battery staple';
const newSecret = 'the next secret, which is longer';
let made = 0;

/** A directory with an archive and whatever files are named. */
function placeOf(files: Readonly<Record<string, string>> = {}): string {
  made += 1;
  const place = join(scratch, String(made));
  mkdirSync(place);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(place, name), text, { mode: 0o600 });
  return place;
}

async function vaultAt(place: string, more: object): Promise<Vault> {
  const vault = await startVault(
    VaultConfig.parse({
      otlp: { port: 0 },
      http: { port: 0 },
      archive: { store: join(place, 'archive') },
      log: { level: 'silent' },
      ...more,
    }),
  );
  endings.push(() => vault.close());
  return vault;
}

function proofOf(request: Uint8Array, name: string, secret: string): Record<string, string> {
  const reading = readSegmentRequest(request);
  if (reading.kind !== 'segment') throw new Error(reading.kind);
  const header = JSON.parse(Buffer.from(reading.lines[0]!).toString());
  return { [enrolmentMetadata]: enrolmentProof({ name, secret }, header) };
}

/** What the vault answers: `ok`, or the reason it refuses. */
async function answer(
  to: Vault | GrpcClientOptions,
  request: Uint8Array,
  metadata: Record<string, string> = {},
): Promise<string> {
  const client = new GrpcClient('otlp' in to ? { url: `http://127.0.0.1:${to.otlp.port}` } : to);
  endings.push(() => client.close());
  const options = { encoding: 'identity', timeoutMs: 60_000, metadata } as const;
  const { code, message } = await client.unary(exportTracePath, request, options);
  return code === 0 ? 'ok' : `${code} ${message}`;
}

/** Of each recorder's reel in the archive: its verdict and who vouched for it. */
async function reelsOf(place: string): Promise<Record<string, string>> {
  const store = fileStore(join(place, 'archive'));
  const reels = new Map<string, StoredSegment[]>();
  for await (const { key } of store.list('reel/')) {
    const { reel } = parseSegmentKey(key)!;
    reels.set(reel, [...(reels.get(reel) ?? []), { key, object: await store.get(key) }]);
  }
  const verdicts = [];
  for (const segments of reels.values()) verdicts.push(await checkReel(segments));
  const judged = judgeTogether(verdicts).filter(({ by }) => by === 'recorder');
  return Object.fromEntries(
    judged.map(({ reel, verdict, enrolled }) => [reel, `${verdict} ${enrolled?.method} ${enrolled?.name}`]),
  );
}

describe('enrolment by a secret', () => {
  it('lets in who knows it, and says so in verdicts', async () => {
    const place = placeOf({ shop: `${oldSecret}\n` });
    const enrolment = { required: true, secrets: [{ name: 'shop', file: join(place, 'shop') }] };
    const vault = await vaultAt(place, { enrolment });
    const { reel, segments } = TestReel.whole(2);
    const [one, two] = segments.map(({ request }) => request) as [Uint8Array, Uint8Array];
    expect([
      await answer(vault, one),
      await answer(vault, one, proofOf(one, 'shop', newSecret)),
      await answer(vault, one, proofOf(TestReel.whole(1).segments[0]!.request, 'shop', oldSecret)),
      await answer(vault, one, proofOf(one, 'shop', oldSecret)),
      await answer(vault, two),
    ]).toEqual([
      '7 not_enrolled: nobody vouches for the reel',
      expect.stringMatching(/^7 not_enrolled: the proof of enrolment 'shop' does not hold/),
      expect.stringMatching(/^7 not_enrolled: the proof of enrolment 'shop' does not hold/),
      'ok',
      'ok',
    ]);
    await vault.close();
    expect(await reelsOf(place)).toEqual({ [reel.reel]: 'complete secret shop' });
  });

  it('takes the old and the new secret while one replaces the other, without a restart', async () => {
    const place = placeOf({ old: oldSecret, new: newSecret });
    const secrets = ['old', 'new'].map((file) => ({ name: 'shop', file: join(place, file) }));
    const vault = await vaultAt(place, { enrolment: { required: true, secrets } });
    const with_ = async (secret: string): Promise<string> => {
      const { request } = new TestReel().next();
      return (await answer(vault, request, proofOf(request, 'shop', secret))).slice(0, 14);
    };
    expect([await with_(oldSecret), await with_(newSecret)]).toEqual(['ok', 'ok']);
    // The old one is taken away: its file now holds the new one.
    writeFileSync(join(place, 'old'), newSecret);
    expect([await with_(oldSecret), await with_(newSecret)]).toEqual(['7 not_enrolled', 'ok']);
    rmSync(join(place, 'old'));
    expect(await with_(newSecret)).toBe('ok');
  });

  it('keeps a reel under the name it began with, also after a restart', async () => {
    const place = placeOf({ shop: oldSecret, bank: newSecret });
    const secrets = ['shop', 'bank'].map((name) => ({ name, file: join(place, name) }));
    const first = await vaultAt(place, { enrolment: { secrets } });
    const { reel, segments } = TestReel.whole(2);
    const [one, two] = segments.map(({ request }) => request) as [Uint8Array, Uint8Array];
    expect(await answer(first, one, proofOf(one, 'shop', oldSecret))).toBe('ok');
    await first.close();
    const second = await vaultAt(place, { enrolment: { secrets } });
    const other = proofOf(one, 'bank', newSecret);
    expect(await answer(second, one, other)).toBe(
      "7 not_enrolled: the reel was enrolled by 'shop' (secret) and is sent by 'bank'",
    );
    expect(await answer(second, one, proofOf(one, 'shop', oldSecret))).toBe('ok');
    expect(await answer(second, two)).toBe('ok');
    await second.close();
    expect(await reelsOf(place)).toEqual({ [reel.reel]: 'complete secret shop' });
  });

  it('takes reels nobody vouches for unless told otherwise, and says so', async () => {
    const place = placeOf();
    const vault = await vaultAt(place, {});
    const { reel, segments } = TestReel.whole(1);
    expect(await answer(vault, segments[0]!.request)).toBe('ok');
    await vault.close();
    expect(await reelsOf(place)).toEqual({ [reel.reel]: 'complete none ' });
  });

  it.each<{ name: string; files: Record<string, string>; enrolment: object; says: RegExp }>([
    {
      name: 'nothing to enrol with',
      files: {},
      enrolment: { required: true },
      says: /give enrolment\.secrets, enrolment\.kubernetes or otlp\.tls\.clientCaFile/,
    },
    {
      name: 'a secret that is not there',
      files: {},
      enrolment: { secrets: [{ name: 'shop', file: '/absent/secret' }] },
      says: /the secret of enrolment 'shop' cannot be used: .*\/absent\/secret/,
    },
    {
      name: 'a secret anyone could guess',
      files: { secret: 'short' },
      enrolment: { secrets: [{ name: 'shop', file: 'secret' }] },
      says: /fewer than 16 bytes/,
    },
  ])('does not start with $name', async ({ files, enrolment, says }) => {
    const place = placeOf(files);
    const text = JSON.stringify(enrolment).replace('"secret"}', `"${join(place, 'secret')}"}`);
    const failed = vaultAt(place, { enrolment: JSON.parse(text) });
    await expect(failed).rejects.toMatchObject({ code: 'ENROLMENT' });
    await expect(failed).rejects.toThrow(says);
  });
});

describe('enrolment by a certificate', () => {
  it('takes the name in it, for the reel as long as it lasts', async () => {
    const authority = makeCertificate({ name: 'authority' });
    const server = makeCertificate({ name: 'vault', names: ['localhost'], issuer: authority });
    const place = placeOf({ ca: authority.certificate, cert: server.certificate, key: server.key });
    const tls = {
      certFile: join(place, 'cert'),
      keyFile: join(place, 'key'),
      clientCaFile: join(place, 'ca'),
    };
    const settings = { otlp: { port: 0, tls }, enrolment: { required: true } };
    const as = (vault: Vault, name: string): GrpcClientOptions => {
      const { certificate: cert, key } = makeCertificate({ name, issuer: authority });
      return { url: `https://localhost:${vault.otlp.port}`, tls: { ca: authority.certificate, cert, key } };
    };
    const first = await vaultAt(place, settings);
    const { reel, segments } = TestReel.whole(3);
    const [one, two, three] = segments.map(({ request }) => request) as [Uint8Array, Uint8Array, Uint8Array];
    expect(await answer(as(first, 'db-0'), one)).toBe('ok');
    const refused = "7 not_enrolled: the reel was enrolled by 'db-0' (mtls) and is sent by 'db-1'";
    expect(await answer(as(first, 'db-1'), two)).toBe(refused);
    expect(await answer(as(first, 'db-0'), two)).toBe('ok');
    await first.close();
    const second = await vaultAt(place, settings);
    expect(await answer(as(second, 'db-1'), three)).toBe(refused);
    // A certificate that was renewed has the same name.
    expect(await answer(as(second, 'db-0'), three)).toBe('ok');
    await second.close();
    expect(await reelsOf(place)).toEqual({ [reel.reel]: 'complete mtls db-0' });
  });
});
