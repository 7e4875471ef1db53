/**
 * The fields of a vault's records as text, in schema order whatever the order of the draft's. These are rare
 * beside statements: JSON.stringify writes them. Knows neither line heads nor limits.
 */
import type { DraftOf, VaultDraft, VaultKind } from './record.ts';

type Writers = { readonly [K in VaultKind]: (d: DraftOf<K>) => object };

const writers: Writers = {
  vault_opened: ({ recorder, name, version, store, lock, log, config, previous }) => ({
    recorder,
    name,
    version,
    store,
    lock,
    log,
    config,
    previous: previous && { reel: previous.reel, segment: previous.segment, seal: previous.seal },
  }),
  access: ({ who, method, action, what, why, grant }) => ({ who, method, action, what, why, grant }),
  hold: ({ hold, case: name, reason, who, scope, dual_control }) => {
    const { sessions, user, database, since, until, search } = scope;
    const conditions = { sessions, user, database, since, until, search };
    return { hold, case: name, reason, who, scope: conditions, dual_control };
  },
  held: ({ hold, objects, objects_more }) => ({
    hold,
    objects: objects.map(({ key, version, sessions }) => ({ key, version, sessions })),
    objects_more,
  }),
  release: ({ hold, reason, who, asked, second }) => ({
    hold,
    reason,
    who,
    asked,
    second: second && { who: second.who, key: second.key, sig: second.sig },
  }),
  freed: ({ hold, objects, kept }) => ({ hold, objects, kept }),
  retention: ({ who, reason, scope, until }) => {
    const { session, reel, before } = scope;
    return { who, reason, scope: { session, reel, before }, until };
  },
  probe: ({ at_start, who, method, store, lock, results }) => ({
    at_start,
    who,
    method,
    store,
    lock,
    results: results.map(({ test, outcome, detail }) => ({ test, outcome, detail })),
  }),
  enrolment: ({ of_reel, of_recorder, key, recovery_key, method, name, pod_uid }) => ({
    of_reel,
    of_recorder,
    key,
    recovery_key,
    method,
    name,
    pod_uid,
  }),
  orphaned: ({ of_reel, of_recorder, reason, pod, pod_uid, segment, seal }) => ({
    of_reel,
    of_recorder,
    reason,
    pod,
    pod_uid,
    segment,
    seal,
  }),
  quarantine: ({ of_reel, segment, object, detail }) => ({ of_reel, segment, object, detail }),
  skew: ({ of_reel, of_recorder, skew_ms, bound_ms }) => ({ of_reel, of_recorder, skew_ms, bound_ms }),
  published: ({ database, config, policy }) => ({ database, config, policy }),
  alert: ({ state, reason, of_reel, detail }) => ({ state, reason, of_reel, detail }),
};

/** Whether a record is one of a vault's own reel. */
export function isVaultDraft(draft: { readonly kind: string }): draft is VaultDraft {
  return Object.hasOwn(writers, draft.kind);
}

/** From the kind's name to the end of the line. */
export function vaultFields(draft: VaultDraft): string {
  const write = writers[draft.kind] as (d: VaultDraft) => object;
  return `${draft.kind}",${JSON.stringify(write(draft)).slice(1)}`;
}
