/** One log line for a terminal, from pino's JSON. */

const ownFields = new Set(['level', 'time', 'name', 'pid', 'msg', 'err']);
const control = /\p{Cc}/gu;

/**
 * `12:00:01.250 info  pgtape-recorder  listening  port=5433`; a text that is no such JSON comes back as it
 * is.
 */
export function prettyLine(line: string): string {
  const fields = parse(line);
  if (fields === null) return line;
  const { level = '', time = '', name = '', msg = '', err } = fields;
  const parts = [
    String(time).slice(11, 23),
    String(level).padEnd(5),
    String(name),
    visible(String(msg)),
    ...Object.entries(fields)
      .filter(([key]) => !ownFields.has(key))
      .map(([key, value]) => `${key}=${typeof value === 'string' ? visible(value) : JSON.stringify(value)}`),
    ...(err === undefined ? [] : [errorText(err)]),
  ];
  return `${parts.filter((part) => part !== '').join('  ')}\n`;
}

function parse(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function errorText(err: unknown): string {
  const { type, message, stack } = err as { type?: string; message?: string; stack?: string };
  const frames = (stack ?? '').split('\n').filter((frame) => /^\s+at /.test(frame));
  return [`${type ?? 'Error'}: ${visible(message ?? '')}`, ...frames].join('\n');
}

/** A name or message from outside must not move the cursor. */
function visible(text: string): string {
  return text.replace(control, (code) => `\\x${code.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
