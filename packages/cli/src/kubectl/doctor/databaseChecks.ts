/** Checks of a RecordedDatabase's own references: its conditions, its archive, its TLS Secret. Pure. */
import { X509Certificate } from 'node:crypto';
import type { KubeObject } from '@pgtape/kube';
import type { RecordedDatabaseSpec } from '@pgtape/operator';
import { z } from 'zod';
import type { Read } from '../cluster.ts';
import { problemsOf } from '../conditionAct.ts';
import { type DatabaseView, databaseView } from '../recordedDatabases.ts';
import { type Finding, judge } from './finding.ts';

/** Conditions of the operator, but for what doctor looks at itself. */
export function conditionFinding({ namespace, name, spec, status }: DatabaseView): Finding {
  const { ok, warn, fail, unknown } = judge('recorded_database', `${namespace}/${name}`);
  if (spec === null) return fail('it is not understood: kubectl pgtape status says why', 'database');
  if (status.conditions.length === 0) return unknown('no operator has looked at it', 'pgtape');
  if (spec.managementState === 'Unmanaged')
    return warn('managementState is Unmanaged: nothing is injected', 'database');
  const [first, ...more] = problemsOf(status.conditions);
  if (first === undefined) return ok('every condition is well');
  const rest = more.length === 0 ? '' : `, and ${more.length} more`;
  const text = `${first.type}=${first.status} ${first.reason}${rest}: kubectl pgtape status`;
  return first.status === 'False' ? fail(text, first.act) : unknown(text, first.act);
}

/** @param archive null: there is none of that name */
export function archiveFinding(name: string, archive: Read<KubeObject | null>): Finding {
  const { ok, fail, unknown } = judge('archive', `recordingarchive/${name}`);
  if (!archive.isRead) return unknown(archive.why, 'cluster');
  if (archive.value === null) return fail('there is no RecordingArchive of that name', 'archive');
  const { conditions } = databaseView(archive.value).status;
  if (conditions.length === 0) return unknown('no vault has said anything of it yet', 'pgtape');
  const ill = conditions.find(({ status }) => status === 'False');
  if (ill !== undefined) return fail(`${ill.type}=False ${ill.reason}: ${ill.message}`, 'archive');
  const open = conditions.find(({ status }) => status === 'Unknown');
  if (open !== undefined) return unknown(`${open.type}=Unknown ${open.reason}: ${open.message}`);
  return ok('every condition is well');
}

const TlsSecret = z.looseObject({ data: z.record(z.string(), z.string()).default({}) });
const soonDays = 14;
const dayMs = 24 * 3600 * 1000;

/** @param secret null: there is none of that name; undefined: the database names none */
export function tlsSecretFinding(
  { namespace }: Pick<DatabaseView, 'namespace'>,
  { tlsSecretName = '' }: Pick<RecordedDatabaseSpec, 'tlsSecretName'>,
  secret: Read<KubeObject | null> | undefined,
  nowMs: number,
): Finding {
  const { ok, warn, fail, unknown } = judge('tls_secret', `${namespace}/${tlsSecretName || 'none'}`);
  if (secret === undefined)
    return ok(
      'spec.tlsSecretName names none: clients that ask for TLS are relayed unread where PostgreSQL serves it',
    );
  if (!secret.isRead) return unknown(secret.why, 'cluster');
  if (secret.value === null) return fail('there is no Secret of that name', 'database');
  const parsed = TlsSecret.safeParse(secret.value);
  const data = parsed.success ? parsed.data.data : {};
  const missing = ['tls.crt', 'tls.key'].filter((key) => data[key] === undefined);
  if (missing.length > 0) return fail(`it lacks ${missing.join(' and ')}`, 'database');
  const until = expiryOf(data['tls.crt'] ?? '');
  if (until === null) return fail('its tls.crt is no certificate', 'database');
  const text = `its certificate ends ${new Date(until).toISOString().slice(0, 10)}`;
  if (until <= nowMs) return fail(text, 'database');
  return until - nowMs < soonDays * dayMs ? warn(text, 'database') : ok(text);
}

/** Milliseconds since 1970; null: it is no certificate. */
function expiryOf(base64: string): number | null {
  try {
    return Date.parse(new X509Certificate(Buffer.from(base64, 'base64')).validTo);
  } catch {
    return null;
  }
}
