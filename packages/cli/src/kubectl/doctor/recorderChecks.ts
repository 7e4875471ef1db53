/** Checks of what a running recorder says of itself: capture, TLS, authentication, coverage, vault, spool. Pure. */
import type { RecorderStatus } from '@pgtape/evidence';
import type { RecordedDatabaseSpec } from '@pgtape/operator';
import { type RecorderWord, silenceText } from '../recorderReading.ts';
import { type Finding, judge } from './finding.ts';

/** @param about `namespace/pod` */
export function recorderFindings(about: string, word: RecorderWord, spec: RecordedDatabaseSpec): Finding[] {
  const { ok, fail, unknown } = judge('recorder_status', about);
  if (word.kind === 'silent') {
    const said = word.why === 'not_allowed' ? unknown : fail;
    return [said(silenceText[word.why], word.why === 'not_allowed' ? 'cluster' : 'database')];
  }
  const { status } = word;
  return [
    ok(`${status.version}, since ${status.startedAt}, ${status.sessions.open} sessions open`),
    startsFinding(about, status),
    captureFinding(about, status),
    tlsFinding(about, status, spec),
    authenticationFinding(about, spec),
    coverageFinding(about, status),
    vaultFinding(about, status),
    spoolFinding(about, status),
  ];
}

function startsFinding(about: string, { recorderStarts }: RecorderStatus): Finding {
  const { ok, warn } = judge('recorder_starts', about);
  return recorderStarts <= 1
    ? ok('it was never started again')
    : warn(
        `${recorderStarts} recorder processes ran in this pod: kubectl logs -c pgtape-recorder --previous`,
        'pgtape',
      );
}

function captureFinding(about: string, { capture }: RecorderStatus): Finding {
  const { ok, warn, fail, unknown } = judge('capture_achieved', about);
  const { achieved, mode, reason, others } = capture;
  const where = others.length === 0 ? '' : `: ${others.join(', ')}`;
  if (achieved === null) return unknown(`${mode}: ${reason ?? 'not looked yet'}`);
  if (!achieved) return fail(`${mode} is not achieved (${reason ?? 'unknown'})${where}`, 'database');
  if (reason === null) return ok(`${mode} is achieved`);
  return warn(`${mode} is achieved, and leaves open what it does not cover (${reason})${where}`, 'database');
}

function tlsFinding(
  about: string,
  { tls }: RecorderStatus,
  { tlsSecretName }: RecordedDatabaseSpec,
): Finding {
  const { ok, fail, unknown } = judge('tls_matched', about);
  if (tls.matched === true) return ok('clients are served TLS where PostgreSQL would, with its certificate');
  if (tls.matched === null) return unknown(tls.reason ?? 'PostgreSQL was not asked yet');
  const advice =
    tlsSecretName === undefined
      ? "name the server's Secret in spec.tlsSecretName"
      : `the Secret '${tlsSecretName}' must hold the certificate that PostgreSQL serves`;
  return fail(`${tls.reason ?? 'unknown'}: ${advice}`, 'database');
}

/** Which rules of pg_hba.conf clients meet through the recorder, only the server knows. */
function authenticationFinding(about: string, { upstream }: RecordedDatabaseSpec): Finding {
  const { warn, unknown } = judge('authentication', about);
  if (upstream.trust)
    return warn(
      'spec.upstream.trust: a server that asks clients for nothing is accepted, so who reaches the pod is in',
      'database',
    );
  return unknown(
    "through the recorder the server sees 127.0.0.2, or the pod: rules by address, 'cert', 'ident' and 'peer' are met " +
      'differently: SELECT line_number, type, address, auth_method FROM pg_hba_file_rules',
    'database',
  );
}

function coverageFinding(about: string, { coverage }: RecorderStatus): Finding {
  const { ok, warn, fail, unknown } = judge('coverage', about);
  const { state, reason, seen, recorded, bypasses } = coverage;
  if (state === 'no_credentials')
    return warn(
      'not measured: spec.coverage.credentialsRef names no role with pg_read_all_stats',
      'database',
    );
  if (state === 'failed') return fail(`not measured: ${reason ?? 'failed'}`, 'database');
  if (state === 'starting') return unknown('not measured yet');
  return bypasses > 0
    ? fail(`${bypasses} sessions went past the recorder: kubectl pgtape bypasses`, 'database')
    : ok(`${recorded} of ${seen} sessions are on tape`);
}

/** Evidence that waits so long is not on its way any more. */
const lagSecondsMax = 60;

function vaultFinding(about: string, { vault }: RecorderStatus): Finding {
  const { ok, warn, fail } = judge('vault_reachable', about);
  const waiting = `${vault.pendingSegments} segments wait, the oldest for ${Math.round(vault.lagSeconds)} s`;
  if (vault.reason !== null) return fail(`${vault.reason}: ${waiting}`, 'pgtape');
  if (vault.lagSeconds > lagSecondsMax) return warn(waiting, 'pgtape');
  return ok(
    vault.acknowledgedAt === null ? 'nothing was sent yet' : `acknowledged at ${vault.acknowledgedAt}`,
  );
}

function spoolFinding(about: string, { spool }: RecorderStatus): Finding {
  const { ok, fail } = judge('spool', about);
  return spool.full === null
    ? ok('there is room')
    : fail(
        `${spool.full}: clients wait, are refused or pass unrecorded, as spec.spool.onFull says`,
        'pgtape',
      );
}
