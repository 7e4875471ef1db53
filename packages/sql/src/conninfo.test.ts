import fc from 'fast-check';
import { passwordSpans, redactConninfo } from './conninfo.ts';
import { cpuMs } from './cpuTime.testing.ts';
import { sqlText } from './texts.testing.ts';

describe('redactConninfo', () => {
  it.each([
    { text: 'hello', want: null },
    { text: 'password', want: null },
    { text: 'the password is x', want: null },
    { text: 'http://example.com:80/a@b', want: null },
    { text: 'postgres://h:5432/d?application_name=a@b', want: null },
    { text: 'postgres://user@h/d', want: null },
    { text: 'postgres://user:@h/d', want: null },
    { text: 'host=h password= ', want: null },
    { text: "host=h password='' user=u", want: null },
    { text: 'host=h password=s3cret user=u', want: 'host=h password=[redacted] user=u' },
    { text: 'host=h PASSWORD = s3cret', want: 'host=h PASSWORD = [redacted]' },
    { text: "password = 'a b\\' c' user=u", want: "password = '[redacted]' user=u" },
    { text: 'password=a\\ b user=u', want: 'password=[redacted] user=u' },
    { text: "password='a b", want: "password='[redacted]" },
    { text: 'sslpassword=x', want: 'sslpassword=[redacted]' },
    { text: 'Server=h;Pwd=x;Database=d', want: 'Server=h;Pwd=[redacted]' },
    { text: 'postgresql://u:s3cret@h1,h2:1/d', want: 'postgresql://u:[redacted]@h1,h2:1/d' },
    { text: 'amqp://u:p@ss@h', want: 'amqp://u:[redacted]@h' },
    { text: 'postgres://u:p/w?d@h/d', want: 'postgres://u:[redacted]@h/d' },
    { text: 'postgres://h/d?user=u&password=x', want: 'postgres://h/d?user=u&password=[redacted]' },
    { text: 'postgres://:x@h and http://a:b@c', want: 'postgres://:[redacted]@h and http://a:[redacted]@c' },
    { text: 'password=[redacted]', want: null },
  ])('$text', ({ text, want }) => {
    expect(redactConninfo(text)).toBe(want);
  });

  it('says when a value is written elsewhere', () => {
    const open = (text: string) => passwordSpans(text).map((span) => span.open);
    expect(
      ['password=', "password='", 'password=%s', 'postgres://u:', 'postgres://%s:%s@h', 'password=x'].map(
        open,
      ),
    ).toEqual([[true], [true], [true], [true], [true], [false]]);
  });

  it('leaves nothing behind for a second pass', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), sqlText), (text) => {
        const once = redactConninfo(text);
        if (once !== null) expect(redactConninfo(once) ?? once).toBe(once);
      }),
    );
  });

  it.each([
    { name: 'keywords', text: 'password='.repeat(110_000) },
    { name: 'keywords with blanks', text: `password${' '.repeat(1_000_000)}` },
    { name: 'schemes', text: 'postgres://'.repeat(90_000) },
    { name: 'schemes with users', text: 'postgres://a:b'.repeat(70_000) },
    { name: 'at signs', text: `postgres://u:x/${'@'.repeat(1_000_000)}` },
  ])('is linear: $name', ({ text }) => {
    expect(cpuMs(() => redactConninfo(text))).toBeLessThan(1_500);
  });
});
