/**
 * Redaction of secrets in a statement's text and in what the server says about it. Pure; decides nothing
 * about other values.
 */
import { REDACTED } from './conninfo.ts';
import type { SqlOptions } from './lexer.ts';
import { scanSecrets } from './secretScan.ts';
import { mayHoldSecret } from './secretWords.ts';

/** A secret shorter than this is looked for only with its quotes: `a` would be everywhere. */
const BARE_LENGTH_MIN = 4;
/** More secrets than this are not looked for one by one: the whole text goes. */
const SECRETS_MAX = 1000;

/**
 * The text with each literal that holds a secret written as '[redacted]', byte for byte the same elsewhere,
 * and the rules that applied, each once:
 * - `password`: PASSWORD 'x' of CREATE/ALTER ROLE, USER, GROUP, whatever stands around it, and IDENTIFIED BY
 *   'x';
 * - `user_mapping`: values of password-, secret-, token- or key-like names in OPTIONS (...);
 * - `connection_string`: CONNECTION 'x', connection strings given to dblink functions, literals with
 *   `password=` or a URI's
 *   user:password@.
 * SQL inside literals, dollar quotes and function bodies is followed three levels deep. Call it before a text
 * is cut to length. The same string comes back when nothing was found.
 */
export function redactSecrets(sql: string, options?: SqlOptions): { sql: string; redacted: string[] } {
  if (!mayHoldSecret(sql)) return { sql, redacted: [] };
  const scan = scanSecrets(sql, options, 0);
  return { sql: scan.text, redacted: [...scan.rules] };
}

/**
 * Server text about a statement (an error's message, detail, hint) without the secrets of that statement: the
 * server quotes the token it stumbled over. `sql` is the statement as sent. Null when the text holds none of
 * them.
 */
export function redactEcho(text: string, sql: string, options?: SqlOptions): string | null {
  if (!mayHoldSecret(sql)) return null;
  let out = text;
  const secrets = new Set(scanSecrets(sql, options, 0).secrets);
  if (secrets.size > SECRETS_MAX) return REDACTED;
  for (const secret of [...secrets].sort((a, b) => b.length - a.length)) {
    if (secret.length >= BARE_LENGTH_MIN) out = out.replaceAll(secret, REDACTED);
    else if (secret.length > 0) {
      out = out.replaceAll(`'${secret}'`, `'${REDACTED}'`).replaceAll(`"${secret}"`, `"${REDACTED}"`);
    }
  }
  return out === text ? null : out;
}
