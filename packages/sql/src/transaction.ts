/**
 * Recognises transaction control (gram.y, TransactionStmt) in one statement; knows nothing of the session's
 * state.
 */
import { isWordStart } from './characters.ts';
import { isLiteral, Lexer, type SqlOptions, token } from './lexer.ts';
import { identifierName, literalValue } from './literal.ts';
import { toFirstWord } from './statements.ts';

export type TransactionVerb = {
  verb:
    | 'begin'
    | 'commit'
    | 'rollback'
    | 'rollback_to'
    | 'savepoint'
    | 'release'
    | 'prepare_transaction'
    | 'commit_prepared'
    | 'rollback_prepared';
  /** Savepoint, folded and truncated as the server does. */
  name?: string;
  /** Of a prepared transaction, unescaped. */
  gid?: string;
  /** AND CHAIN was written; absent otherwise. */
  chain?: boolean;
};

/** First letters of ABORT BEGIN COMMIT END PREPARE RELEASE ROLLBACK SAVEPOINT START, by bit from `a`. */
const firstLetters = letterBits('abceprs');

function letterBits(letters: string): number {
  let bits = 0;
  for (const letter of letters) bits |= 1 << (letter.charCodeAt(0) - 97);
  return bits;
}

/**
 * What transaction control the (one) statement is, or null. It may end in `;`; text behind that is not looked
 * at.
 */
export function transactionVerb(sql: string, options?: SqlOptions): TransactionVerb | null {
  const code = sql.charCodeAt(0);
  if (isWordStart(code) && !mayStart(code)) return null;
  const lexer = new Lexer(sql, options);
  if (!toFirstWord(lexer) || !mayStart(sql.charCodeAt(lexer.start))) return null;
  switch (lexer.end - lexer.start) {
    case 3:
      return lexer.isWord('END') ? ending(lexer, 'commit') : null;
    case 5:
      if (lexer.isWord('BEGIN')) return { verb: 'begin' };
      if (lexer.isWord('ABORT')) return ending(lexer, 'rollback');
      return lexer.isWord('START') && word(lexer, 'TRANSACTION') ? { verb: 'begin' } : null;
    case 6:
      return lexer.isWord('COMMIT') ? preparedOr(lexer, 'commit') : null;
    case 7:
      if (lexer.isWord('RELEASE')) return named(lexer, 'release');
      if (!lexer.isWord('PREPARE') || !word(lexer, 'TRANSACTION')) return null;
      lexer.next();
      return withGid(lexer, 'prepare_transaction');
    case 8:
      return lexer.isWord('ROLLBACK') ? preparedOr(lexer, 'rollback') : null;
    case 9:
      return lexer.isWord('SAVEPOINT') ? savepoint(lexer) : null;
    default:
      return null;
  }
}

function mayStart(code: number): boolean {
  const letter = (code | 0x20) - 97;
  return letter >= 0 && letter < 26 && (firstLetters & (1 << letter)) !== 0;
}

function word(lexer: Lexer, upper: string): boolean {
  lexer.next();
  return lexer.isWord(upper);
}

function preparedOr(lexer: Lexer, verb: 'commit' | 'rollback'): TransactionVerb | null {
  const ahead = new Lexer(lexer.text, undefined, lexer.end);
  if (!word(ahead, 'PREPARED')) return ending(lexer, verb);
  lexer.end = ahead.end;
  lexer.next();
  return withGid(lexer, `${verb}_prepared`);
}

function withGid(
  lexer: Lexer,
  verb: 'prepare_transaction' | 'commit_prepared' | 'rollback_prepared',
): TransactionVerb | null {
  if (!isLiteral(lexer.kind) || lexer.kind === token.bitString) return null;
  return { verb, gid: literalValue(lexer) };
}

/** [WORK | TRANSACTION] [AND [NO] CHAIN], and for ROLLBACK also TO [SAVEPOINT] name. */
function ending(lexer: Lexer, verb: 'commit' | 'rollback'): TransactionVerb | null {
  const rollback = lexer.isWord('ROLLBACK');
  lexer.next();
  if (lexer.isWord('WORK') || lexer.isWord('TRANSACTION')) lexer.next();
  if (lexer.isWord('AND')) return word(lexer, 'CHAIN') ? { verb, chain: true } : { verb };
  if (rollback && lexer.isWord('TO')) return named(lexer, 'rollback_to');
  return { verb };
}

/** [SAVEPOINT] name, where the name may itself be `savepoint`. */
function named(lexer: Lexer, verb: 'rollback_to' | 'release'): TransactionVerb | null {
  lexer.next();
  const first = identifierName(lexer);
  if (first === null || !lexer.isWord('SAVEPOINT')) return first === null ? null : { verb, name: first };
  lexer.next();
  return { verb, name: identifierName(lexer) ?? first };
}

function savepoint(lexer: Lexer): TransactionVerb | null {
  lexer.next();
  const name = identifierName(lexer);
  return name === null ? null : { verb: 'savepoint', name };
}
