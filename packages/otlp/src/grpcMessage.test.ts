import * as zlib from 'node:zlib';
import { compress, type Encoding, MessageGatherer, messagePrefix } from './grpcMessage.ts';
import { type GrpcError, grpcCode } from './grpcStatus.ts';

async function gather(chunks: readonly Uint8Array[], encoding: Encoding, bytesMax = 1000): Promise<unknown> {
  const gatherer = new MessageGatherer(bytesMax);
  try {
    for (const chunk of chunks) gatherer.push(chunk);
    const message = await gatherer.end(encoding);
    return message === null ? null : Buffer.from(message).toString();
  } catch (error) {
    return (error as GrpcError).code;
  }
}

const framed = (message: Uint8Array, compressed: boolean): Buffer =>
  Buffer.concat([messagePrefix(compressed, message.length), message]);
const encodings: Encoding[] = ['gzip', 'deflate', 'zstd'];

describe('MessageGatherer', () => {
  it('gathers a message from every split into two, and byte by byte', async () => {
    const bytes = framed(Buffer.from('hello'), false);
    for (let at = 0; at <= bytes.length; at++) {
      expect(await gather([bytes.subarray(0, at), bytes.subarray(at)], 'identity')).toBe('hello');
    }
    expect(
      await gather(
        Array.from(bytes, (byte) => Buffer.from([byte])),
        'identity',
      ),
    ).toBe('hello');
  });

  it.each(encodings)(
    'reads what was compressed as %s, and what was not though announced',
    async (encoding) => {
      const compressed = await compress(Buffer.from('hello'), encoding);
      expect(await gather([framed(compressed, true)], encoding)).toBe('hello');
      expect(await gather([framed(Buffer.from('hello'), false)], encoding)).toBe('hello');
    },
  );

  it.each(encodings)('refuses a bomb of %s', async (encoding) => {
    const bomb = await compress(Buffer.alloc(5_000_000), encoding);
    expect(await gather([framed(bomb, true)], encoding, 100_000)).toBe(grpcCode.resourceExhausted);
  });

  it('refuses a zstd frame that claims a window larger than a message may be', async () => {
    const params = { [zlib.constants.ZSTD_c_windowLog]: 26, [zlib.constants.ZSTD_c_contentSizeFlag]: 0 };
    const stream = zlib.createZstdCompress({ params });
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    const ended = new Promise((resolve) => stream.on('end', resolve));
    stream.write(Buffer.alloc(100));
    stream.flush(() => stream.end());
    await ended;
    expect(await gather([framed(Buffer.concat(chunks), true)], 'zstd')).toBe(grpcCode.internal);
  });

  it.each([
    { name: 'nothing', bytes: '', expected: null },
    { name: 'an empty message', bytes: '0000000000', expected: '' },
    { name: 'a cut prefix', bytes: '000000', expected: grpcCode.internal },
    { name: 'a cut message', bytes: '000000000561', expected: grpcCode.internal },
    { name: 'a second message', bytes: '0000000001610000000001', expected: grpcCode.unimplemented },
    { name: 'a bad flag', bytes: '0200000000', expected: grpcCode.internal },
    { name: 'a length over the limit', bytes: '00000003e9', expected: grpcCode.resourceExhausted },
    { name: 'a length of 4 GiB', bytes: '00ffffffff', expected: grpcCode.resourceExhausted },
    { name: 'compressed without an encoding', bytes: '010000000161', expected: grpcCode.internal },
  ])('answers $name', async ({ bytes, expected }) => {
    expect(await gather([Buffer.from(bytes, 'hex')], 'identity')).toBe(expected);
  });

  it.each(encodings)('refuses bytes that are no %s', async (encoding) => {
    expect(await gather([framed(Buffer.from('no such thing'), true)], encoding)).toBe(grpcCode.internal);
  });
});
