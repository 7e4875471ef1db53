/** What stands in the journal of a session's beginning and comes out in its `opened` record, also when decoding is taken up in between. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DraftRecord, Opened } from '@pgtape/evidence';
import { defaultLimits } from '@pgtape/session';
import { encodeNegotiate } from '@pgtape/wire';
import { type DecoderSnapshot, ReelDecoder } from './decoder.ts';
import { JournalBuilder, say } from './journalBuilder.testing.ts';
import type { SecuredEntry } from './journalFormat.ts';
import { JournalReader } from './journalReader.ts';
import { authentication, cancelRequest } from './relayFixture.testing.ts';
import type { SessionDecoderSnapshot } from './sessionDecoder.ts';

const settings = { limits: defaultLimits, heartbeatSeconds: 30 };

/** As a snapshot's file would give it back. */
function saved(decoder: ReelDecoder): DecoderSnapshot {
  const sessions: SessionDecoderSnapshot[] = [];
  let head: object = {};
  for (const line of decoder.saved()) {
    const parsed = JSON.parse(line) as { decoder?: object; session?: SessionDecoderSnapshot };
    if (parsed.decoder !== undefined) head = parsed.decoder;
    if (parsed.session !== undefined) sessions.push(parsed.session);
  }
  return { ...head, sessions } as unknown as DecoderSnapshot;
}

/** The `opened` records; after `turns` turns another decoder goes on from what the first has saved. */
function opened(tape: JournalBuilder, turns = -1): DraftRecord[] {
  const drafts: DraftRecord[] = [];
  const take = (draft: DraftRecord): void => void drafts.push(draft);
  let decoder = new ReelDecoder(settings, take);
  const reader = new JournalReader(tape.dir, null, 0);
  for (let read = 0; reader.read() === 'turn'; read += 1) {
    if (read === turns) decoder = new ReelDecoder(settings, take, saved(decoder));
    decoder.turn(reader.ms, reader.buffer, reader.start, reader.end);
  }
  reader.close();
  return drafts.filter(({ kind }) => kind === 'opened');
}

const client: SecuredEntry = {
  leg: 'client',
  tls: {
    version: 'TLSv1.3',
    cipher: 'TLS_AES_256_GCM_SHA384',
    server_name: 'db.test',
    alpn: 'postgresql',
    certificate: { subject: 'CN=ann', issuer: 'CN=people', serial: '4abc', san: 'DNS:ann.test' },
  },
};
const server: SecuredEntry = {
  leg: 'server',
  tls: { version: 'TLSv1.2', cipher: 'ECDHE-ECDSA-AES256-GCM-SHA384' },
};

const newer = Buffer.from(say.startup('eve'));
newer.writeInt32BE(0x3270f, 4);
const clampedTo = Buffer.from(encodeNegotiate({ protocol: '3.2', unrecognized: [] }));

function tape(): JournalBuilder {
  const builder = new JournalBuilder(mkdtempSync(join(tmpdir(), 'pgtape-opened-')));
  builder.open(1);
  builder.turn();
  builder.secured(1, client);
  builder.turn();
  builder.secured(1, server);
  builder.startup(1, say.startup('ann'));
  builder.turn();
  builder.server(1, authentication(10, Buffer.from('SCRAM-SHA-256-PLUS\0\0')));
  builder.turn();
  builder.mechanism(1, { chosen: 'SCRAM-SHA-256-PLUS' });
  builder.turn();
  builder.server(1, authentication(11), authentication(12), say.authOk, say.backendKey(7), say.ready('I'));
  builder.turn();
  builder.open(2);
  builder.startup(2, cancelRequest(7, Buffer.alloc(0)));
  builder.cancelled(2, { target: 1 });
  builder.turn();
  builder.close(2, 'server_closed');
  builder.open(3);
  builder.startup(3, cancelRequest(8, Buffer.alloc(0)));
  builder.cancelled(3, { target: null });
  builder.close(3, 'server_closed');
  builder.open(4);
  builder.startup(4, newer);
  builder.turn();
  builder.startup(4, say.startup('eve'));
  builder.server(4, clampedTo);
  builder.close(4, 'client_closed');
  builder.close(1);
  builder.end();
  return builder;
}

describe('opened', () => {
  const built = tape();
  const whole = opened(built);

  it('says what is known of both legs, the mechanism, and whom a cancel request is for', () => {
    const id = (number: number): string => `${built.reel.reel.slice(0, 16)}-${number}`;
    expect(whole).toMatchObject([
      {
        session: id(1),
        tls: true,
        auth: 'SCRAM-SHA-256-PLUS',
        tls_client: client.tls,
        tls_server: server.tls,
        pid: 7,
      },
      { session: id(2), tls: false, protocol: 'cancel', pid: 7, cancels: id(1), ready: false },
      { session: id(3), tls: false, protocol: 'cancel', pid: 8, cancels: 'unknown', ready: false },
      { session: id(4), protocol: '3.2', user: 'eve', clamped: true },
    ]);
    expect(whole.map((draft) => ['cancels' in draft, 'clamped' in draft])).toEqual([
      [false, false],
      [true, false],
      [true, false],
      [false, true],
    ]);
  });

  it('the same from any snapshot in between', () => {
    for (let turns = 1; turns < 10; turns += 1) expect(opened(built, turns)).toEqual(whole);
  });

  it('is as the schema says', () => {
    const [draft] = whole as [DraftRecord];
    const head = { v: 1, reel: built.reel.reel.padEnd(32, '0'), seq: 1, salt: '00'.repeat(8) };
    expect(Opened.parse({ ...head, ...draft })).toEqual({ ...head, ...draft });
  });
});
