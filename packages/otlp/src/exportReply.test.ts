import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import fc from 'fast-check';
import { encodeExportReply, readExportReply } from './exportReply.ts';
import { decodeMessage, encodeMessage } from './otlpOracle.testing.ts';

describe('export reply', () => {
  it('is empty for a success', () => {
    expect(encodeExportReply(null)).toEqual(new Uint8Array(0));
    expect(readExportReply(new Uint8Array(0))).toEqual({ rejectedSpans: 0, message: '' });
  });

  it.each([
    { name: 'a partial success', count: 5, message: 'forged: ä' },
    { name: 'a warning', count: 0, message: 'slow' },
    { name: 'a long message', count: 2 ** 40, message: 'x'.repeat(3000) },
  ])('says $name to us, to protobufjs and to the stock exporter', ({ count, message }) => {
    const bytes = encodeExportReply({ count, message });
    expect(readExportReply(bytes)).toEqual({ rejectedSpans: count, message });
    expect(decodeMessage('ExportTraceServiceResponse', bytes)).toEqual({
      partial_success: { rejected_spans: String(count), error_message: message },
    });
    expect(ProtobufTraceSerializer.deserializeResponse(bytes)).toEqual({
      partialSuccess: { rejectedSpans: count, errorMessage: message },
    });
  });

  it('reads another encoder', () => {
    const reply = { partial_success: { rejected_spans: 3, error_message: 'no' } };
    expect(readExportReply(encodeMessage('ExportTraceServiceResponse', reply))).toEqual({
      rejectedSpans: 3,
      message: 'no',
    });
  });

  it.each([
    { name: 'text', bytes: Buffer.from('<html>') },
    { name: 'a cut message', bytes: encodeExportReply({ count: 1, message: 'abc' }).subarray(0, -1) },
    { name: 'a negative count', bytes: Buffer.from('0a0b08ffffffffffffffffff01', 'hex') },
  ])('never takes $name for an acknowledgement', ({ bytes }) => {
    expect(readExportReply(bytes).rejectedSpans).toBeGreaterThan(0);
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        expect(readExportReply(bytes).rejectedSpans).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});
