export { redactConninfo } from './conninfo.ts';
export type { SqlOptions } from './lexer.ts';
export { redactEcho, redactSecrets } from './secrets.ts';
export { commitsInternally, firstKeyword, splitStatements } from './statements.ts';
export { traceparent } from './traceparent.ts';
export { type TransactionVerb, transactionVerb } from './transaction.ts';
