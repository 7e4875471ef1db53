/** Words and shapes that make a secret likely: what deserves a look, what is code, what a comment tells. */
import { char, isBlank } from './characters.ts';
import { passwordSpans } from './conninfo.ts';
import { Lexer, token } from './lexer.ts';

export type SecretRule = 'password' | 'user_mapping' | 'connection_string';

/** All of five letters or more: then the regex engine skips ahead, and an ordinary statement costs half. */
const words = /passw|options|subscr|dblink|identified|uescape/i;
/** Names in OPTIONS (...) whose value is a secret. */
export const secretKey =
  /pass(?:word|wd|phrase)|pwd|secret|token|credential|(?:^|_|api|access|private)key(?:$|_)/i;

const codeStart = new Set(
  (
    'ALTER BEGIN CALL COPY CREATE DECLARE DELETE DO DROP EXECUTE EXPLAIN FOR GRANT IF INSERT LOOP MERGE ' +
    'PERFORM PREPARE RAISE RETURN REVOKE SELECT SET TABLE TRUNCATE UPDATE VALUES WHILE WITH'
  ).split(' '),
);

/** What may stand in a role statement beside PASSWORD, without a value. */
export const roleOptions = new Set(
  (
    'BYPASSRLS CREATEDB CREATEROLE ENCRYPTED INHERIT LOGIN NOBYPASSRLS NOCREATEDB NOCREATEROLE NOINHERIT ' +
    'NOLOGIN NOREPLICATION NOSUPERUSER PASSWORD REPLICATION SUPERUSER UNENCRYPTED WITH'
  ).split(' '),
);

/** Cheap and often wrong, but never by saying no: an escape may hide any word. */
export function mayHoldSecret(sql: string): boolean {
  return hasSecretWord(sql) || sql.includes('\\');
}

export function hasSecretWord(sql: string): boolean {
  return words.test(sql) || sql.includes('://') || sql.includes('wd=') || sql.includes('WD=');
}

/**
 * SQL or PL/pgSQL by its first word: then `password=` in it compares or assigns, and its own literals are
 * looked into.
 */
export function isCode(value: string): boolean {
  const lexer = new Lexer(value);
  lexer.next();
  if (value.startsWith('<<', lexer.start) || value.startsWith('#', lexer.start)) return true;
  if (lexer.kind !== token.word || lexer.end - lexer.start > 8) return false;
  const word = lexer.raw().toUpperCase();
  lexer.next();
  return codeStart.has(word) && !lexer.isSymbol(char.equals);
}

/** Comments are no SQL: `password` with a quoted value behind it, `password=x`, or a URI with a password. */
export function commentSecret(body: string): SecretRule | null {
  for (const match of body.matchAll(/password/gi)) {
    let at = match.index + 8;
    while (at < body.length && isBetween(body.charCodeAt(at))) at++;
    const code = body.charCodeAt(at);
    if (code === char.quote || code === char.doubleQuote) return 'password';
  }
  const sure = passwordSpans(body).some(({ start, end, spaced, open }) => {
    return !spaced && !open && start < end && !'$?:%{<'.includes(body[start]!);
  });
  return sure ? 'connection_string' : null;
}

function isBetween(code: number): boolean {
  return isBlank(code) || code === char.equals || code === char.colon;
}
