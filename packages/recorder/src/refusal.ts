/**
 * Owns every way in which the recorder turns a client away: its named reason and the sentence the client
 * reads.
 */
import { encodeError } from '@pgtape/wire';

/** The same word in the journal's close entry, the record and the metric. */
export type RefusalReason =
  | 'upstream_trusts'
  | 'upstream_unreachable'
  | 'upstream_unintelligible'
  | 'tls_no_certificate'
  | 'tls_without_alpn'
  | 'tls_client_certificate'
  | 'upstream_without_tls'
  | 'upstream_tls_failed'
  | 'channel_binding_plaintext'
  | 'channel_binding_certificate'
  | 'raw_lane_unchecked'
  | 'direct_tls'
  | 'stuffing'
  | 'startup_repeated'
  | 'startup_malformed'
  | 'startup_length'
  | 'startup_timeout'
  | 'sessions_max'
  | 'startups_max'
  | 'cancels_max'
  | 'spool_full'
  | 'journal_full';

interface Sentence {
  readonly sqlstate: string;
  readonly message: string;
  readonly hint?: string;
}

/** null: closed without a word, as PostgreSQL does for bytes that are no startup packet. */
const sentences: Readonly<Record<RefusalReason, Sentence | null>> = {
  upstream_trusts: {
    sqlstate: '28000',
    message:
      'pgtape: the database let this connection in without asking for a password, so the recorder refused it',
    hint:
      'Behind a recorder every client looks local to the database, and "trust" would let anybody in. ' +
      'Use scram-sha-256 in pg_hba.conf for the connections the recorder makes, or start it with ' +
      '--trust-upstream.',
  },
  upstream_unreachable: {
    // cannot_connect_now: of all others pg_isready concludes that the database accepts connections.
    sqlstate: '57P03',
    message: 'pgtape: the recorder could not connect to the database',
    hint: "The recorder runs; check that the database does, and the recorder's upstream.host and .port.",
  },
  upstream_unintelligible: {
    sqlstate: '08P01',
    message: 'pgtape: what the database sent before it let this connection in is not the PostgreSQL protocol',
    hint: 'Check upstream.host and upstream.port of the recorder.',
  },
  tls_no_certificate: {
    sqlstate: '08004',
    message:
      'pgtape: the database speaks TLS, but this recorder has no certificate and cannot record inside TLS',
    hint:
      'Give the recorder the certificate and key of the database (listen.tls), connect with sslmode=disable, or point ' +
      'the recorder at a listener of the database without TLS, such as its unix socket.',
  },
  tls_without_alpn: null,
  tls_client_certificate: {
    sqlstate: '28000',
    message: 'pgtape: the recorder does not trust the certificate this client has shown',
    hint: 'Use one signed by an authority in listen.tls.clientCaFile of the recorder, or none.',
  },
  upstream_without_tls: {
    sqlstate: '08004',
    message: 'pgtape: the recorder may reach the database in TLS only, and the database does not speak it',
    hint: 'Set "ssl = on" in postgresql.conf, or upstream.tls.mode of the recorder to "mirror" or "disable".',
  },
  upstream_tls_failed: {
    sqlstate: '08001',
    message: 'pgtape: the recorder could not open TLS with the database',
    hint: 'Check upstream.tls (mode, caFile, serverName) of the recorder and the certificate of the database.',
  },
  channel_binding_plaintext: {
    sqlstate: '28000',
    message: 'pgtape: the database asks for SCRAM over TLS, and this connection has none',
    hint:
      'Connect with sslmode=require and give the recorder the certificate and key of the database (listen.tls), or set ' +
      'upstream.tls.dropChannelBinding of the recorder.',
  },
  channel_binding_certificate: {
    sqlstate: '28000',
    message: 'pgtape: channel binding cannot hold: the recorder serves another certificate than the database',
    hint: 'Give the recorder the certificate and key of the database (listen.tls), or connect with channel_binding=disable.',
  },
  raw_lane_unchecked: {
    sqlstate: '28000',
    message:
      'pgtape: this address is relayed unread, and the recorder cannot check there that the database asks for proof',
    hint:
      'The database is local to the recorder, where "trust" would let anybody in. Take the address out of rawLanes, or start ' +
      'the recorder with --trust-upstream.',
  },
  direct_tls: null,
  stuffing: {
    sqlstate: '08P01',
    message: 'pgtape: received data behind an encryption request before it was answered',
    hint: 'This is a broken client or an attack on the connection.',
  },
  startup_repeated: {
    sqlstate: '0A000',
    message: 'pgtape: received an encryption request twice, or inside TLS',
  },
  startup_malformed: {
    sqlstate: '08P01',
    message: 'pgtape: invalid startup packet layout',
  },
  startup_length: null,
  startup_timeout: null,
  sessions_max: {
    sqlstate: '53300',
    message: 'pgtape: the recorder has as many sessions as it was told to take',
    hint: 'Close sessions, or raise limits.sessionsMax of the recorder.',
  },
  startups_max: null,
  cancels_max: null,
  spool_full: {
    sqlstate: '53100',
    message: 'pgtape: the spool of the recorder is full, and it takes no new sessions until there is room',
    hint: 'The vault has to take what waits for it: see outbox_bytes and send_errors_total in the metrics of the recorder.',
  },
  journal_full: {
    sqlstate: '53100',
    message: 'pgtape: the journal of the recorder takes nothing, and it takes no new sessions until it does',
    hint: "See the recorder's log: its journal directory is full or cannot be written.",
  },
};

/** The ErrorResponse a refused client gets; null: nothing is said. */
export function refusalFrame(reason: RefusalReason, detail?: string): Uint8Array | null {
  const sentence = sentences[reason];
  if (sentence === null) return null;
  return encodeError({ severity: 'FATAL', ...sentence, ...(detail === undefined ? {} : { detail }) });
}
