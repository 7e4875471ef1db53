import fc from 'fast-check';
import { Parser } from 'pg-protocol/dist/parser';
import { encodeError, readError } from './errorResponse.ts';

describe('encodeError', () => {
  it('writes a whole ErrorResponse frame', () => {
    const frame = encodeError({
      severity: 'FATAL',
      sqlstate: '28000',
      message: 'no',
      detail: 'why',
      hint: 'so',
    });
    expect(Buffer.from(frame).toString('latin1')).toBe(
      'E\0\0\0\x27SFATAL\0VFATAL\0C28000\0Mno\0Dwhy\0Hso\0\0',
    );
    expect(frame.length).toBe(1 + 0x27);
  });

  it('is read back by us and by pg-protocol', () => {
    const text = fc.string({ maxLength: 40, unit: 'grapheme' });
    const severity = fc.constantFrom<'FATAL' | 'ERROR'>('FATAL', 'ERROR');
    fc.assert(
      fc.property(severity, text, fc.option(text, { nil: undefined }), (level, message, detail) => {
        const frame = encodeError({
          severity: level,
          sqlstate: '42501',
          message,
          ...(detail === undefined ? {} : { detail }),
        });
        const plain = (each: string) => each.replaceAll('\0', '');
        expect(readError(frame.subarray(5))).toEqual({
          severity: level,
          sqlstate: '42501',
          message: plain(message),
          ...(detail === undefined ? {} : { detail: plain(detail) }),
        });
        const seen: unknown[] = [];
        new Parser().parse(Buffer.from(frame), ({ ...fields }) => seen.push(fields));
        expect(seen).toMatchObject([{ severity: level, code: '42501' }]);
      }),
    );
  });

  it('stays below what libpq takes for lost synchronisation, and cuts between characters', () => {
    const long = `x${'é€'.repeat(20_000)}`;
    const frame = encodeError({
      severity: 'ERROR',
      sqlstate: '54000',
      message: long,
      detail: long,
      hint: long,
    });
    expect(frame.length).toBeLessThan(30_000);
    const fields = readError(frame.subarray(5));
    expect([long.startsWith(fields?.message ?? 'x'), long.startsWith(fields?.hint ?? 'x')]).toEqual([
      true,
      true,
    ]);
  });
});
