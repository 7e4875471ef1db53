import { logger } from './log.ts';
import { prettyLine } from './prettyLine.ts';

function written(log: (log: ReturnType<typeof logger>) => void, isTTY = false): string[] {
  const lines: string[] = [];
  log(logger('pgtape-test', 'info', { write: (line) => lines.push(line), isTTY }));
  return lines;
}

function fields(log: (log: ReturnType<typeof logger>) => void): unknown[] {
  return written(log).map((line) => {
    const { time, pid, ...rest } = JSON.parse(line) as Record<string, unknown>;
    expect([typeof time, typeof pid]).toEqual(['string', 'number']);
    return rest;
  });
}

const head = { level: 'info', name: 'pgtape-test' };

describe('logger', () => {
  it.each([
    { name: 'a message', of: { event: 'started', port: 1 }, want: { event: 'started', port: 1 } },
    {
      name: 'secrets by name',
      of: { password: 'x', nested: { api_token: 'x', list: [{ sql: 'x' }] }, tokens: 3 },
      want: {
        password: '[redacted]',
        nested: { api_token: '[redacted]', list: [{ sql: '[redacted]' }] },
        tokens: 3,
      },
    },
    { name: 'a URI', of: { url: 'postgres://u:s3cret@h/d' }, want: { url: 'postgres://u:[redacted]@h/d' } },
    {
      name: 'a connection string',
      of: { dsn: "host=h password='a b' user=u" },
      want: { dsn: 'host=h password=[redacted] user=u' },
    },
    { name: 'bytes', of: { body: Buffer.from('secret') }, want: { body: '[6 bytes]' } },
    {
      name: 'too deep',
      of: { a: { b: { c: { d: { e: { f: 1 } } } } } },
      want: { a: { b: { c: { d: { e: '[...]' } } } } },
    },
  ])('$name', ({ of, want }) => {
    expect(fields((log) => log.info(of, 'said'))).toEqual([{ ...head, ...want, msg: 'said' }]);
  });

  it('writes errors without their secrets', () => {
    const error = Object.assign(new Error('cannot reach postgres://u:s3cret@h'), {
      code: 'E',
      password: 'x',
    });
    const [line] = fields((log) => log.error({ err: error }, 'failed'));
    expect(line).toMatchObject({
      level: 'error',
      msg: 'failed',
      err: {
        type: 'Error',
        message: 'cannot reach postgres://u:[redacted]@h',
        code: 'E',
        password: '[redacted]',
      },
    });
    expect(JSON.stringify(line)).not.toContain('s3cret');
  });

  it('keeps to its level', () => {
    expect(fields((log) => log.debug('no'))).toEqual([]);
  });

  it('is short on a terminal', () => {
    const [line] = written((log) => log.warn({ port: 5, name2: 'a\u001b[31m' }, 'odd\nname'), true);
    expect(line).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} {2}warn {3}pgtape-test {2}odd\\x0aname {2}port=5 {2}name2=a\\x1b\[31m\n$/,
    );
  });
});

describe('prettyLine', () => {
  it.each([
    { name: 'no JSON', line: 'x\n', want: 'x\n' },
    {
      name: 'an error',
      line: JSON.stringify({
        level: 'error',
        time: '2026-11-20T10:00:00.001Z',
        name: 'n',
        msg: 'm',
        err: { type: 'T', message: 'bad', stack: 'T: bad\n    at f (x.js:1)' },
      }),
      want: '10:00:00.001  error  n  m  T: bad\n    at f (x.js:1)\n',
    },
  ])('$name', ({ line, want }) => {
    expect(prettyLine(line)).toBe(want);
  });
});
