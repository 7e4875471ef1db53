import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DraftRecord, newSigner, parseReleaseText } from '@pgtape/evidence';
import { GrpcClient } from '@pgtape/otlp';
import { logger } from '@pgtape/process';
import type { Store } from '@pgtape/store';
import { VaultConfig } from './config.ts';
import { TestTape } from './holds.testing.ts';
import type { HoldView } from './holdView.ts';
import { hashOf } from './httpCallers.testing.ts';
import { lockingStore } from './lockingStore.testing.ts';
import { answerTo } from './segments.testing.ts';
import { startVault, type Vault } from './vault.ts';

const scratch = mkdtempSync(join(tmpdir(), 'pgtape-hold-routes-'));
const endings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const callers = [
  { name: 'olga', may: ['hold', 'status'] },
  { name: 'rita', may: ['read'] },
].map(({ name, may }) => {
  const tokenHashFile = join(scratch, name);
  writeFileSync(tokenHashFile, `${hashOf(`token of ${name}`.replaceAll(' ', '-'))}\n`);
  return { name, tokenHashFile, may };
});

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

class Bench {
  readonly vault: Vault;
  readonly tape = new TestTape();
  readonly #client: GrpcClient;

  constructor(vault: Vault) {
    this.vault = vault;
    this.#client = new GrpcClient({ url: `http://127.0.0.1:${vault.otlp.port}` });
    endings.push(() => this.#client.close());
  }

  async send(...drafts: DraftRecord[]): Promise<void> {
    const { request } = this.tape.reel.next(drafts);
    const reply = await answerTo(this.#client, request);
    expect(reply).toMatchObject({ code: 0 });
  }

  async ask(path: string, body?: object, who: string | null = 'olga'): Promise<Answer> {
    const response = await fetch(`http://127.0.0.1:${this.vault.http.port}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        ...(who !== null && { authorization: `Bearer token-of-${who}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }

  /** Waits until the hold is in that state. */
  async until(hold: string, state: HoldView['state']): Promise<HoldView> {
    for (let i = 0; i < 3000; i += 1) {
      const { body } = await this.ask(`/v1/holds/${hold}`);
      if (body.state === state) return body as unknown as HoldView;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`hold ${hold} did not become ${state}`);
  }
}

/** A vault's own directory, one for each store: the log's key lies in it. */
const places = new Map<Store, string>();

async function bench(store: Store, more: object = {}): Promise<Bench> {
  const place = places.get(store) ?? join(scratch, `archive-${places.size}`);
  places.set(store, place);
  const config = VaultConfig.parse({
    otlp: { port: 0 },
    http: { port: 0, callers },
    archive: { store: place, retention: { days: 1 } },
    ...more,
  });
  const vault = await startVault(config, { store, log: logger('vault', 'silent') });
  endings.push(() => vault.close());
  return new Bench(vault);
}

const request = { case: 'case 7', reason: 'court order', scope: { user: 'anna' } };

describe('/v1/holds', () => {
  it('places, shows and releases a hold', async () => {
    const store = lockingStore();
    const at = await bench(store);
    await at.send(at.tape.opened(1, 'anna'), at.tape.opened(2, 'bob'));
    await at.send(at.tape.statement(2, 'select 1'));
    const placed = await at.ask('/v1/holds', request);
    expect([placed.status, placed.body]).toEqual([
      201,
      {
        hold: expect.stringMatching(/^[0-9a-f]{32}$/),
        ...request,
        who: 'olga',
        at: expect.stringMatching(/^\d{19}$/),
        dual_control: false,
        state: expect.stringMatching(/^(applying|active)$/),
        notes: [],
        objects: expect.any(Number),
        objects_seen: expect.any(Number),
        release: null,
      },
    ]);
    const hold = String(placed.body.hold);
    const active = await at.until(hold, 'active');
    expect([active.objects, store.disk.kept.get(at.tape.key(1))?.hold]).toEqual([1, true]);
    expect((await at.ask('/v1/holds')).body).toEqual({ holds: [active] });
    expect((await at.ask('/v1/status')).body).toMatchObject({
      archive: { retention: { days: 1, classes: [] } },
      holds: { active: 1, enforced: true },
    });
    const metrics = await fetch(`http://127.0.0.1:${at.vault.http.port}/metrics`);
    expect(await metrics.text()).toContain('\npgtape_vault_holds 1\n');
    const released = await at.ask(`/v1/holds/${hold}/release`, { reason: 'over' });
    expect([released.status, (released.body.release as { who: string }).who]).toEqual([200, 'olga']);
    await at.until(hold, 'released');
    expect(store.held()).toEqual([]);
    expect((await at.ask('/v1/status')).body.holds).toEqual({ active: 0, enforced: true });
  });

  it('goes on after the vault was started anew', async () => {
    const store = lockingStore();
    const at = await bench(store);
    await at.send(at.tape.opened(1, 'anna'));
    const { hold } = (await at.ask('/v1/holds', request)).body as { hold: string };
    await at.until(hold, 'active');
    await at.vault.close();
    const again = await bench(store);
    const view = await again.until(hold, 'active');
    expect([view.case, view.objects]).toEqual(['case 7', 1]);
  });

  it('has a release signed by a second person', async () => {
    const bob = newSigner();
    const signers = [{ name: 'bob', publicKey: bob.publicKey }];
    const at = await bench(lockingStore(), { holds: { dualControl: true, signers } });
    const { hold } = (await at.ask('/v1/holds', request)).body as { hold: string };
    const path = `/v1/holds/${hold}/release`;
    const plain = await at.ask(path, { reason: 'over' });
    expect([plain.status, plain.body.error]).toEqual([403, 'second_missing']);
    const { text, second_needed: needed } = (await at.ask(`${path}-text`, { reason: 'over' })).body as {
      text: string;
      second_needed: boolean;
    };
    expect([needed, parseReleaseText(text)]).toMatchObject([true, { hold, reason: 'over', who: 'olga' }]);
    const second = {
      who: 'bob',
      key: bob.publicKey,
      sig: Buffer.from(bob.sign(Buffer.from(text))).toString('hex'),
    };
    const asked = parseReleaseText(text)?.at;
    const other = await at.ask(path, { reason: 'something else', asked, second });
    expect([other.status, other.body.error]).toEqual([403, 'second_signature']);
    const released = await at.ask(path, { reason: 'over', asked, second });
    expect(released.body.release).toMatchObject({ who: 'olga', second: 'bob' });
  });

  it.each([
    { name: 'nobody', who: null, status: 401, error: 'unauthenticated' },
    { name: 'who may not', who: 'rita', status: 403, error: 'not_allowed' },
  ])('is not for $name', async ({ who, status, error }) => {
    const at = await bench(lockingStore());
    const id = '0'.repeat(32);
    const answers = [
      await at.ask('/v1/holds', request, who),
      await at.ask('/v1/holds', undefined, who),
      await at.ask(`/v1/holds/${id}`, undefined, who),
      await at.ask(`/v1/holds/${id}/release`, { reason: 'r' }, who),
      await at.ask(`/v1/holds/${id}/release-text`, { reason: 'r' }, who),
      await at.ask('/v1/retention', {}, who),
    ];
    expect(answers.map((answer) => [answer.status, answer.body.error])).toEqual(
      answers.map(() => [status, error]),
    );
  });

  it('says why not, in words that stay', async () => {
    const at = await bench(lockingStore());
    const id = '0'.repeat(32);
    const word = async (path: string, body?: object): Promise<unknown[]> => {
      const { status, body: said } = await at.ask(path, body);
      return [status, said.error];
    };
    expect({
      'no body': await word('/v1/holds', {}),
      'no condition': await word('/v1/holds', { ...request, scope: {} }),
      'a pattern that is none': await word('/v1/holds', { ...request, scope: { search: '/(/' } }),
      'a reason of two lines': await word('/v1/holds', { ...request, reason: 'a\nb' }),
      'another field': await word('/v1/holds', { ...request, more: 1 }),
      'no hold': await word(`/v1/holds/${id}`),
      'nothing to release': await word(`/v1/holds/${id}/release`, { reason: 'r' }),
      'an id that is none': await word('/v1/holds/x/release', { reason: 'r' }),
    }).toEqual({
      'no body': [400, 'bad_request'],
      'no condition': [400, 'scope_empty'],
      'a pattern that is none': [400, 'scope_pattern'],
      'a reason of two lines': [400, 'bad_request'],
      'another field': [400, 'bad_request'],
      'no hold': [404, 'hold_unknown'],
      'nothing to release': [404, 'hold_unknown'],
      'an id that is none': [404, 'hold_unknown'],
    });
  });

  it('takes a hold on a thousand sessions', async () => {
    const at = await bench(lockingStore());
    const sessions = Array.from({ length: 1000 }, (_, i) => at.tape.id(i + 1));
    expect((await at.ask('/v1/holds', { ...request, scope: { sessions } })).status).toBe(201);
  });
});

describe('/v1/retention', () => {
  it('keeps longer, and refuses to keep shorter', async () => {
    const store = lockingStore();
    const at = await bench(store);
    await at.send(at.tape.opened(1, 'anna'));
    const until = (days: number): string => `${Date.now() + days * 86_400_000}000000`;
    const asked = { reason: 'audit', until: until(30), scope: { session: at.tape.id(1) } };
    expect(await at.ask('/v1/retention', asked)).toEqual({
      status: 200,
      body: { objects: 1, extended: 1, unchanged: 0, until: asked.until },
    });
    const kept = store.disk.kept.get(at.tape.key(1))?.retainUntil;
    expect(`${kept}000000`).toBe(asked.until);
    const shorter = await at.ask('/v1/retention', { ...asked, until: until(2) });
    expect([shorter.status, shorter.body.error]).toEqual([409, 'would_shorten']);
    const past = await at.ask('/v1/retention', { ...asked, until: '1' });
    expect([past.status, past.body.error]).toEqual([400, 'until_past']);
    expect((await at.ask('/v1/retention', { ...asked, scope: {} })).body.error).toBe('bad_request');
  });
});
