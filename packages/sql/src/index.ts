export { redactConninfo } from './conninfo.ts';
export type { SqlOptions } from './lexer.ts';
export { type NamedStatement, namedStatement } from './namedStatement.ts';
export { redactEcho, redactSecrets } from './secrets.ts';
export { mayHoldSecret } from './secretWords.ts';
export { maySet, mentionsSetConfig, type SettingChange, settingChange } from './settingChange.ts';
export { commitsInternally, firstKeyword, splitStatements } from './statements.ts';
export { traceparent } from './traceparent.ts';
export { type TransactionVerb, transactionVerb } from './transaction.ts';
