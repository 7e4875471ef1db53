/**
 * Recognises SET, RESET and DISCARD (gram.y: VariableSetStmt, VariableResetStmt, DiscardStmt) of what decides
 * who runs a statement and how its text is read. Knows no session.
 */
import { char, isWordStart } from './characters.ts';
import { isLiteral, Lexer, type SqlOptions, token } from './lexer.ts';
import { identifierName, literalValue } from './literal.ts';
import { toFirstWord } from './statements.ts';

/** A parameter's new value: as written, null for DEFAULT (or NONE, or RESET). */
export interface SettingChange {
  /** Folded: `role`, `session_authorization`, `search_path`, `client_encoding` ... ; `all` for RESET ALL and DISCARD ALL. */
  readonly name: string;
  readonly value: string | null;
  /** SET LOCAL: undone at the transaction's end. */
  readonly local: boolean;
}

/** What the (one) statement sets, or null when it sets nothing. */
export function settingChange(sql: string, options?: SqlOptions): SettingChange | null {
  const code = sql.charCodeAt(0);
  if (isWordStart(code) && !mayStart(code)) return null;
  const lexer = new Lexer(sql, options);
  if (!toFirstWord(lexer)) return null;
  if (lexer.isWord('SET')) return set(lexer);
  if (lexer.isWord('RESET')) return reset(lexer);
  if (!lexer.isWord('DISCARD')) return null;
  lexer.next();
  return lexer.isWord('ALL') ? { name: 'all', value: null, local: false } : null;
}

/** First letters of SET RESET DISCARD. */
function mayStart(code: number): boolean {
  const letter = code | 0x20;
  return letter === 0x73 || letter === 0x72 || letter === 0x64;
}

function set(lexer: Lexer): SettingChange | null {
  lexer.next();
  const local = lexer.isWord('LOCAL');
  const session = lexer.isWord('SESSION');
  if (local || session) lexer.next();
  if (session && lexer.isWord('CHARACTERISTICS')) return null;
  const again = lexer.isWord('SESSION');
  if (again) lexer.next();
  if (session || again) {
    if (lexer.isWord('AUTHORIZATION')) return valued(lexer, 'session_authorization', local);
    if (again) return null;
  }
  const name = identifierName(lexer);
  if (name === null || name === 'transaction' || name === 'constraints') return null;
  switch (name) {
    case 'names':
      return valued(lexer, 'client_encoding', local);
    case 'schema':
      return valued(lexer, 'search_path', local);
    case 'time':
      return { name: 'timezone', value: null, local };
    default:
  }
  lexer.next();
  const assigns = lexer.isWord('TO') || lexer.isSymbol(char.equals);
  if (assigns) return valued(lexer, name, local);
  // SET ROLE x has neither.
  return name === 'role' ? valueHere(lexer, name, local) : null;
}

function valued(lexer: Lexer, name: string, local: boolean): SettingChange {
  lexer.next();
  return valueHere(lexer, name, local);
}

/** The value from the token on; of a list, as the server keeps it: quoted where need be, joined by `, `. */
function valueHere(lexer: Lexer, name: string, local: boolean): SettingChange {
  const parts: string[] = [];
  let isDefault = lexer.isWord('DEFAULT') || (name === 'role' && lexer.isWord('NONE'));
  let negative = '';
  for (; lexer.kind !== token.end && !lexer.isSymbol(char.semicolon); lexer.next()) {
    if (lexer.kind === token.symbol) {
      if (lexer.symbol === char.minus) negative = '-';
      continue;
    }
    parts.push(negative + listed(lexer, name));
    negative = '';
  }
  // SET NAMES without a value is DEFAULT.
  isDefault ||= parts.length === 0;
  const value = parts.join(', ');
  if (!isDefault && name === 'role' && value.toLowerCase() === 'none') isDefault = true;
  return { name, value: isDefault ? null : value, local };
}

function listed(lexer: Lexer, name: string): string {
  const value = isLiteral(lexer.kind) ? literalValue(lexer) : (identifierName(lexer) ?? lexer.raw());
  // flatten_set_variable_args quotes the items of a list of names.
  if (name !== 'search_path' || /^[a-z_][a-z0-9_$]*$/.test(value)) return value;
  return `"${value.replaceAll('"', '""')}"`;
}

function reset(lexer: Lexer): SettingChange | null {
  lexer.next();
  if (lexer.isWord('SESSION')) return { name: 'session_authorization', value: null, local: false };
  if (lexer.isWord('ALL')) return { name: 'all', value: null, local: false };
  const name = identifierName(lexer);
  return name === null ? null : { name: name === 'time' ? 'timezone' : name, value: null, local: false };
}

const touching = /set_config|\b(?:set|reset|discard|do|call|rollback|abort|execute)\b/i;

/** True when it calls set_config, which sets what only its arguments tell. */
export function mentionsSetConfig(sql: string): boolean {
  // An underscore is rarer than anything else of the name, and has no other case.
  for (let at = sql.indexOf('_', 3); at > 0; at = sql.indexOf('_', at + 1)) {
    if ((sql.charCodeAt(at - 1) | 0x20) !== 0x74 || (sql.charCodeAt(at - 2) | 0x20) !== 0x65) continue;
    if ((sql.charCodeAt(at - 3) | 0x20) !== 0x73 || (sql.charCodeAt(at + 1) | 0x20) !== 0x63) continue;
    if (sql.slice(at - 3, at + 7).toLowerCase() === 'set_config') return true;
  }
  return false;
}

/** False only where none of the text's statements can change a setting in the open, or undo such a change. */
export function maySet(sql: string): boolean {
  return touching.test(sql);
}
