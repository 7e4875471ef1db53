/**
 * Recognises walsender commands (repl_gram.y; PostgreSQL documentation, "Streaming Replication Protocol"). Knows no session.
 */
import { char } from './characters.ts';
import { isLiteral, Lexer, token } from './lexer.ts';
import { identifierName, literalValue } from './literal.ts';
import { toFirstWord } from './statements.ts';

export interface ReplicationCommand {
  /** `START_REPLICATION` ... */
  readonly command: string;
  readonly slot?: string;
  readonly kind?: 'physical' | 'logical';
  /** Where streaming is asked to begin, `0/16B3748`. */
  readonly from?: string;
  readonly timeline?: string;
  /** Output plugin of a logical slot. */
  readonly plugin?: string;
}

const commands = new Set([
  'IDENTIFY_SYSTEM',
  'READ_REPLICATION_SLOT',
  'CREATE_REPLICATION_SLOT',
  'DROP_REPLICATION_SLOT',
  'ALTER_REPLICATION_SLOT',
  'START_REPLICATION',
  'TIMELINE_HISTORY',
  'BASE_BACKUP',
  'UPLOAD_MANIFEST',
]);
const named = new Set([
  'READ_REPLICATION_SLOT',
  'CREATE_REPLICATION_SLOT',
  'DROP_REPLICATION_SLOT',
  'ALTER_REPLICATION_SLOT',
]);
const lsn = /^\s*([0-9A-Fa-f]{1,8}\/[0-9A-Fa-f]{1,8})/;

/** The command with what it is about, or null for SQL and SHOW. */
export function replicationCommand(sql: string): ReplicationCommand | null {
  const lexer = new Lexer(sql);
  if (!toFirstWord(lexer)) return null;
  const command = lexer.raw().toUpperCase();
  if (!commands.has(command)) return null;
  if (command === 'TIMELINE_HISTORY') {
    lexer.next();
    return lexer.kind === token.number ? { command, timeline: lexer.raw() } : { command };
  }
  if (command === 'START_REPLICATION') return started(lexer, command);
  if (!named.has(command)) return { command };
  lexer.next();
  const slot = slotName(lexer);
  if (slot === null) return { command };
  return command === 'CREATE_REPLICATION_SLOT' ? created(lexer, command, slot) : { command, slot };
}

/** [SLOT name] [PHYSICAL | LOGICAL] LSN [TIMELINE n] [(options)]. */
function started(lexer: Lexer, command: string): ReplicationCommand {
  let slot: string | null = null;
  let kind: 'physical' | 'logical' = 'physical';
  lexer.next();
  if (lexer.isWord('SLOT')) {
    lexer.next();
    slot = slotName(lexer);
    lexer.next();
  }
  if (lexer.isWord('LOGICAL')) kind = 'logical';
  const rest = lexer.text.slice(
    lexer.isWord('LOGICAL') || lexer.isWord('PHYSICAL') ? lexer.end : lexer.start,
  );
  const from = lsn.exec(rest)?.[1];
  const timeline = /^[^(]*\bTIMELINE\s+(\d{1,10})/i.exec(rest)?.[1];
  return {
    command,
    ...(slot !== null && { slot }),
    kind,
    ...(from !== undefined && { from: from.toUpperCase() }),
    ...(timeline !== undefined && { timeline }),
  };
}

/** [TEMPORARY] PHYSICAL | LOGICAL plugin. */
function created(lexer: Lexer, command: string, slot: string): ReplicationCommand {
  lexer.next();
  if (lexer.isWord('TEMPORARY')) lexer.next();
  if (lexer.isWord('PHYSICAL')) return { command, slot, kind: 'physical' };
  if (!lexer.isWord('LOGICAL')) return { command, slot };
  lexer.next();
  const plugin = lexer.isSymbol(char.open) ? null : slotName(lexer);
  return { command, slot, kind: 'logical', ...(plugin !== null && { plugin }) };
}

function slotName(lexer: Lexer): string | null {
  return isLiteral(lexer.kind) ? literalValue(lexer) : identifierName(lexer);
}
