import fc from 'fast-check';
import {
  decodeMessage,
  encodeDetails,
  encodeMessage,
  formatTimeout,
  parseTimeout,
  retryDelayOf,
} from './grpcStatus.ts';

describe('grpc-message', () => {
  it.each([
    { name: 'plain text', text: 'all fine', header: 'all fine' },
    { name: 'percent', text: '100%', header: '100%25' },
    { name: 'line breaks and wide characters', text: 'a\nä€', header: 'a%0A%C3%A4%E2%82%AC' },
  ])('escapes $name', ({ text, header }) => {
    expect(encodeMessage(text)).toBe(header);
    expect(decodeMessage(header)).toBe(text);
  });

  it('reads bad escapes as they stand', () => {
    expect(decodeMessage('%, %zz, %4, %41')).toBe('%, %zz, %4, A');
  });

  it('comes back from a printable header', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (text) => {
        const header = encodeMessage(text);
        expect(/^[ -~]*$/.test(header)).toBe(true);
        expect(decodeMessage(header)).toBe(text);
      }),
    );
  });
});

describe('grpc-timeout', () => {
  it.each([
    { text: '1H', ms: 3_600_000 },
    { text: '2M', ms: 120_000 },
    { text: '99999999S', ms: 99_999_999_000 },
    { text: '250m', ms: 250 },
    { text: '1500u', ms: 1.5 },
    { text: '1000000n', ms: 1 },
    { text: '123456789m', ms: null },
    { text: '-1S', ms: null },
    { text: '5', ms: null },
    { text: '', ms: null },
  ])('reads $text', ({ text, ms }) => {
    expect(parseTimeout(text)).toBe(ms);
  });

  it('is written so that nothing is lost', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 99_999_999_000 }), (ms) => {
        const read = parseTimeout(formatTimeout(ms)) as number;
        expect(read).toBeGreaterThanOrEqual(ms);
        expect(read).toBeLessThan(ms + 1000);
      }),
    );
  });
});

describe('grpc-status-details-bin', () => {
  it.each([0, 1, 999, 1000, 90_250])('carries a retry delay of %d ms', (ms) => {
    expect(retryDelayOf(encodeDetails(14, 'später', ms))).toBe(ms);
  });

  it('reads what another encoder wrote, padded base64', () => {
    // google.rpc.Status{14, "m", [Any{RetryInfo{Duration{2 s, 500000000 ns}}}]}
    const type = Buffer.from('type.googleapis.com/google.rpc.RetryInfo');
    const value = Buffer.from('0a0808021080cab5ee01', 'hex');
    const any = Buffer.concat([
      Buffer.from([0x0a, type.length]),
      type,
      Buffer.from([0x12, value.length]),
      value,
    ]);
    const status = Buffer.concat([Buffer.from([8, 14, 0x12, 1, 0x6d, 0x1a, any.length]), any]);
    expect(retryDelayOf(status.toString('base64'))).toBe(2500);
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.base64String(), (details) => {
        retryDelayOf(details);
      }),
    );
    expect(retryDelayOf('not base64!')).toBe(undefined);
    const whole = Buffer.from(encodeDetails(14, 'm', 1234), 'base64');
    for (let end = 0; end < whole.length; end++) {
      expect([undefined, 0]).toContain(retryDelayOf(whole.subarray(0, end).toString('base64')));
    }
  });
});
