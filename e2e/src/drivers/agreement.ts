/** Whether tape and server say the same of one backend: findings, tolerated differences, and what only the server can settle. */
import type { Execution } from './execution.ts';
import {
  type NamedDifference,
  type ParameterForm,
  type TapedAccount,
  type TapedExecution,
  withoutGlue,
} from './tapeExecutions.ts';

/**
 * A parameter the log prints otherwise. It is equal if the server, given `taped`, prints `logged`; a prefix is, if what the
 * server, given `logged`, would send begins so and hashes to the same.
 */
export interface Question {
  readonly form: ParameterForm;
  readonly sql: string;
  readonly number: number;
  readonly taped: string;
  readonly logged: string;
}

/** Which named difference a question is about. */
export function differenceOf({ form }: Question): NamedDifference {
  if (form.sha256 !== null) return 'long_value_as_prefix';
  return form.kind === 'sent' ? 'text_parameter_as_sent' : 'untold_type_as_bytes';
}

export interface Agreement {
  readonly compared: number;
  readonly findings: readonly string[];
  readonly tolerated: readonly NamedDifference[];
  readonly questions: readonly Question[];
}

const shown = (execution: Execution | undefined): string =>
  execution === undefined
    ? 'nothing'
    : JSON.stringify({ ...execution, params: Object.fromEntries(execution.params) }).slice(0, 600);

function isSameText(tape: TapedExecution, server: Execution): boolean {
  if (tape.text === null) return true;
  // The log has no statement for the error of a FunctionCall.
  if (tape.text.startsWith('function ') && server.text === null) return server.sqlstate !== null;
  if (tape.joined) return tape.text === withoutGlue(server.text ?? '');
  return tape.text === server.text;
}

/** Compares position by position: the same executions in the same order. */
export function agreement(tape: TapedAccount, server: readonly Execution[]): Agreement {
  const findings: string[] = [];
  const tolerated: NamedDifference[] = [...tape.tolerated];
  const questions: Question[] = [];
  const length = Math.max(tape.executions.length, server.length);
  for (let index = 0; index < length; index += 1) {
    const taped = tape.executions[index];
    const logged = server[index];
    if (
      taped === undefined ||
      logged === undefined ||
      !isSameText(taped, logged) ||
      taped.sqlstate !== logged.sqlstate
    ) {
      findings.push(`execution ${index + 1}: tape ${shown(taped)}, server ${shown(logged)}`);
      break;
    }
    const isWhole = taped.params.size === logged.params.size;
    if (!isWhole && taped.text?.startsWith('function ')) tolerated.push('function_arguments_not_logged');
    else if (!isWhole && logged.sqlstate !== null) tolerated.push('parameters_not_logged');
    else if (!isWhole)
      findings.push(`execution ${index + 1}: parameters ${shown(taped)}, server ${shown(logged)}`);
    for (const [number, value] of logged.params) {
      const sent = taped.params.get(number) ?? null;
      const form = taped.forms.get(number);
      if (sent === value && form?.kind !== 'failed') continue;
      const isAskable =
        form !== undefined && (form.kind === 'sent' || form.kind === 'bytes' || form.sha256 !== null);
      if (!isAskable || sent === null || value === null || taped.text === null) {
        findings.push(`execution ${index + 1}: $${number} (${form?.kind}) tape ${sent}, server ${value}`);
      } else questions.push({ form, sql: taped.text, number, taped: sent, logged: value });
    }
  }
  return { compared: length, findings, tolerated, questions };
}
