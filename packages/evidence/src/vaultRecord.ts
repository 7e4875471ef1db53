/**
 * The schemas of what a vault writes into a reel of its own: what it did, saw and was asked. Knows nothing of
 * what recorders write, and nothing of how a line is written.
 */
import { z } from 'zod';
import { count, Digest, hex, lineHead, nanoseconds, ReelId, SessionId } from './fields.ts';
import { HELD_SESSIONS_MAX } from './formatNumbers.ts';

export const Lock = z
  .enum(['strict', 'bypassable', 'none'])
  .describe(
    '`strict`: nobody can delete or shorten (S3 COMPLIANCE, Azure and Google Locked); `bypassable`: who has a special permission ' +
      'can (S3 GOVERNANCE, Unlocked); `none`: the store does not lock, tampering is evident only.',
  );

/** How a caller of the HTTP API was known. */
export const CallerMethod = z.enum(['token', 'mtls', 'kubernetes', 'local']);
/** Who vouched for a reel's keys. */
export const EnrolmentMethod = z.enum(['secret', 'mtls', 'kubernetes', 'jwks', 'none']);

const ofReel = { of_reel: ReelId.describe('The reel it is about.') };
const who = z.string().describe("The caller's name in the vault's configuration.");

export const VaultOpened = z
  .strictObject({
    ...lineHead,
    kind: z.literal('vault_opened'),
    recorder: hex(8).describe('Opaque id of the vault, as in the header.'),
    name: z.string().describe("The vault's name, as configured."),
    version: z.string().describe('Version of pgtape.'),
    store: z.enum(['file', 's3']),
    lock: Lock,
    log: z.string().describe('Origin of the transparency log.'),
    config: Digest.describe("SHA-256 of the vault's configuration as JSON, defaults included."),
    previous: z
      .strictObject({
        reel: ReelId,
        segment: z.int().positive().describe('Its last segment in the archive.'),
        seal: Digest.describe("SHA-256 of that segment's seal line."),
      })
      .optional()
      .describe('The reel of the vault before this one, where it has no end: that vault crashed.'),
  })
  .describe("A vault's reel began: one vault process, start to stop. It ends with `reel_closed`.");

export const Access = z
  .strictObject({
    ...lineHead,
    kind: z.literal('access'),
    who,
    method: CallerMethod.describe(
      'How the caller was known; `kubernetes`: by a token that the API server vouched for.',
    ),
    action: z.enum(['sessions', 'search', 'play', 'tail', 'export', 'verify', 'status']),
    what: z.string().describe('The query or session id, bounded.'),
    why: z.string().describe('The reason given, bounded; empty where none was asked for.'),
    grant: z.string().describe('Id of the grant it opened.'),
  })
  .describe('Somebody read evidence. The record is stored before the first byte is given.');

export const HoldScope = z
  .strictObject({
    sessions: z.array(SessionId).max(HELD_SESSIONS_MAX).optional(),
    user: z.string().optional(),
    database: z.string().optional(),
    since: nanoseconds.optional().describe('Wall ns: sessions still going on at or after.'),
    until: nanoseconds.optional().describe('Wall ns: sessions started at or before.'),
    search: z.string().optional().describe('Statements whose text holds this.'),
  })
  .describe('What is held: all conditions that stand must fit. Segments that arrive later are covered too.');

export const Hold = z
  .strictObject({
    ...lineHead,
    kind: z.literal('hold'),
    hold: z.string().describe('Id of the hold.'),
    case: z.string(),
    reason: z.string(),
    who,
    scope: HoldScope,
    dual_control: z
      .literal(true)
      .optional()
      .describe('Its release needs a second person, whatever the configuration says by then.'),
  })
  .describe('A legal hold was placed.');

export const Held = z
  .strictObject({
    ...lineHead,
    kind: z.literal('held'),
    hold: z.string().describe('Id of the hold.'),
    objects: z
      .array(
        z.strictObject({
          key: z.string(),
          version: z.string().describe("The store's version id; empty where the store has none."),
          sessions: z.array(SessionId).describe('Sessions in the object that the hold is not about.'),
        }),
      )
      .describe('A hold freezes whole objects.'),
    objects_more: count
      .optional()
      .describe('How many more had no room in the line; absent when all are named.'),
  })
  .describe('Objects were put under a hold. A hold has any number of these records.');

export const Release = z
  .strictObject({
    ...lineHead,
    kind: z.literal('release'),
    hold: z.string().describe('Id of the hold.'),
    reason: z.string(),
    who,
    asked: nanoseconds.describe('When it was asked for, wall ns: the time in the text that is signed.'),
    second: z
      .strictObject({
        who,
        key: hex(32).describe('Ed25519 public key.'),
        sig: hex(64).describe('Over the release text (docs/formats/hold.md).'),
      })
      .optional()
      .describe('The second person, where releases ask for one.'),
  })
  .describe('A hold was released; its objects are let go from here on.');

export const Freed = z
  .strictObject({
    ...lineHead,
    kind: z.literal('freed'),
    hold: z.string().describe('Id of the hold.'),
    objects: count.describe('Objects it had frozen that were let go.'),
    kept: count.describe('Objects that stay frozen, because another hold covers them.'),
  })
  .describe('Everything a released hold had frozen was let go: nothing is left to do.');

export const Retention = z
  .strictObject({
    ...lineHead,
    kind: z.literal('retention'),
    who,
    reason: z.string(),
    scope: z
      .strictObject({
        session: SessionId.optional(),
        reel: ReelId.optional(),
        before: nanoseconds
          .optional()
          .describe('Wall ns: objects stored earlier, by the clock of the store.'),
      })
      .describe('Objects it is about: exactly one condition stands.'),
    until: nanoseconds.describe('Wall ns: until when they are kept at least. Nothing is ever shortened.'),
  })
  .describe('Somebody asked to keep objects longer; the record is stored before the first is extended.');

export const Probe = z
  .strictObject({
    ...lineHead,
    kind: z.literal('probe'),
    at_start: z
      .boolean()
      .describe(
        'True: the vault tried its own archive. False: somebody reported what `pgtape doctor archive` saw.',
      ),
    who: who.optional().describe('Who reported it; the vault has not seen it. Absent at a start.'),
    method: CallerMethod.optional().describe('How the vault knew him. Absent at a start.'),
    store: z
      .string()
      .optional()
      .describe('Address of the store that was probed, as he says. Absent at a start.'),
    lock: Lock.describe('What the archive has at a start, what was found otherwise.'),
    results: z.array(
      z.strictObject({
        test: z.string().describe('What was tried: `delete`, `shorten` ...'),
        outcome: z.enum(['refused_by_lock', 'refused_by_permission', 'allowed', 'unknown']),
        detail: z.string(),
      }),
    ),
  })
  .describe('What a store answered when somebody tried to break what he had written.');

export const Enrolment = z
  .strictObject({
    ...lineHead,
    kind: z.literal('enrolment'),
    ...ofReel,
    of_recorder: hex(8),
    key: hex(32).describe("Public key of the reel's first segment."),
    recovery_key: hex(32).describe("The reel's recovery key."),
    method: EnrolmentMethod.describe(
      '`secret`: an HMAC under a shared enrolment secret; `mtls`: a client certificate; `kubernetes`: a token bound to a pod, which ' +
        'the API server vouched for, and the pod was one with a recorder of that database; `jwks`: such a token, of which only ' +
        'signature and claims were checked: nobody looked at the pod; `none`: nobody vouches for the keys.',
    ),
    name: z
      .string()
      .describe(
        'Who vouched: the name of the secret, or of the certificate; `namespace/pod` of a token; empty for `none`.',
      ),
    pod_uid: z.string().optional().describe('UID of the pod that a token was bound to.'),
  })
  .describe('A reel began, and who vouched for its keys.');

export const Orphaned = z
  .strictObject({
    ...lineHead,
    kind: z.literal('orphaned'),
    ...ofReel,
    of_recorder: hex(8),
    reason: z
      .enum(['pod_gone'])
      .describe('`pod_gone`: the API server has no pod of this name and UID any more.'),
    pod: z.string().describe('`namespace/name` of the pod that enrolled the reel.'),
    pod_uid: z.string(),
    segment: z.int().positive().describe('Its last segment in the archive by then.'),
    seal: Digest.describe("SHA-256 of that segment's seal line."),
  })
  .describe(
    "A reel has no end, and none is to be expected. The vault's word, not the recorder's; what comes of the reel later counts for more.",
  );

export const Quarantine = z
  .strictObject({
    ...lineHead,
    kind: z.literal('quarantine'),
    ...ofReel,
    segment: z.int().positive(),
    object: z.string().describe('Key of what was kept; empty when there was no room.'),
    detail: z.string(),
  })
  .describe('A segment that contradicts the archive arrived, and was refused.');

export const Skew = z
  .strictObject({
    ...lineHead,
    kind: z.literal('skew'),
    ...ofReel,
    of_recorder: hex(8),
    skew_ms: z.int().describe("The recorder's wall clock less the vault's; negative: it is behind."),
    bound_ms: count.describe('How much of that may be the way of the message: at most its round trip.'),
  })
  .describe("How far a recorder's clock is off: when it changed by more than 250 ms, and every hour.");

export const AlertReason = z
  .enum([
    'clock_skew',
    'reel_silent',
    'segment_missing',
    'lines_missing',
    'not_enrolled',
    'forged',
    'worm',
    'log_fenced',
    'policy_not_published',
  ])
  .describe(
    '`clock_skew`: over 2 s; `reel_silent`: an open reel sent nothing for two heartbeats; `segment_missing`: later segments ' +
      'come and this one does not; `lines_missing`: a heartbeat counts what never came; `not_enrolled`: a reel nobody vouched for ' +
      'was refused; `forged`: a segment contradicts the archive; `worm`: the store let something be deleted or shortened; ' +
      '`log_fenced`: another writer wrote the log; `policy_not_published`: a recorder seals with another ' +
      'policy than the operator published.',
  );

export const Alert = z
  .strictObject({
    ...lineHead,
    kind: z.literal('alert'),
    state: z.enum(['raised', 'cleared']),
    reason: AlertReason,
    of_reel: ReelId.optional().describe('The reel it is about; absent: the vault, store or log.'),
    detail: z.string().describe('For people; never the text of a statement.'),
  })
  .describe('Something wants a person: once when it begins, once when it is over.');

export const Published = z
  .strictObject({
    ...lineHead,
    kind: z.literal('published'),
    database: z.string().describe('`namespace/name` of the RecordedDatabase.'),
    config: z.string().describe("SHA-256 of the recorders' configuration."),
    policy: Digest.optional().describe(
      'What their seals carry from now on. Absent: recorders are of an image that the operator does not know.',
    ),
  })
  .describe('In Kubernetes: the operator published another configuration for a database.');

/** In the order of the docs. */
export const vaultRecords = [
  VaultOpened,
  Access,
  Hold,
  Held,
  Release,
  Freed,
  Retention,
  Probe,
  Enrolment,
  Orphaned,
  Quarantine,
  Skew,
  Published,
  Alert,
] as const;
/** Their names. */
export const vaultKinds: ReadonlySet<string> = new Set(vaultRecords.map(({ shape }) => shape.kind.value));
export type CallerMethod = z.infer<typeof CallerMethod>;
export type EnrolmentMethod = z.infer<typeof EnrolmentMethod>;
export type VaultRecord = z.infer<(typeof vaultRecords)[number]>;
export type AlertReason = z.infer<typeof AlertReason>;
export type Lock = z.infer<typeof Lock>;
export type HoldScope = z.infer<typeof HoldScope>;
