import { zstdCompressSync } from 'node:zlib';
import { checkEnrolment, enrolmentMetadata, headerLine, newSigner } from '@pgtape/evidence';
import { SegmentRequest } from '@pgtape/otlp';
import { enroller } from './enrolment.ts';

const secret = 'correct horse battery staple';
const keys = {
  reel: '01'.repeat(16),
  recorder: '02'.repeat(8),
  key: newSigner().publicKey,
  recovery_key: newSigner().publicKey,
};

/** A segment as it lies in the outbox. */
function segmentBytes(): Buffer {
  const request = new SegmentRequest({ 'service.name': 'pgtape-recorder' });
  request.begin(
    headerLine({
      v: 1,
      kind: 'header',
      ...keys,
      segment: 1,
      salt: '03'.repeat(8),
      recovered: false,
      boot: 'boot',
      clock: 'realtime+monotonic',
      host: 'h',
      name: 'n',
      version: '0.1.0',
    }),
  );
  const gap = { at: '1', mono: '1', kind: 'gap', reason: 'spool_full', detail: '' } as const;
  request.record(gap, { reel: keys.reel, seq: 1, salt: '03'.repeat(8) });
  return zstdCompressSync(request.end('{"at":"1795000000000000000"}'));
}

describe('enroller', () => {
  it('proves the first segment of a reel, under the secret as it is then', () => {
    let text = 'the secret before it was replaced';
    const metadata = enroller({ name: 'shop', secretFile: '/run/secret' }, () => text);
    text = secret;
    const proof = metadata(1, segmentBytes())[enrolmentMetadata] ?? '';
    expect(checkEnrolment(proof, keys, [{ name: 'shop', secret }])).toBe(true);
    expect(metadata(2, segmentBytes())).toEqual({});
  });

  it('proves nothing where nothing is configured', () => {
    expect(enroller(undefined, () => secret)(1, segmentBytes())).toEqual({});
  });

  it.each<{ name: string; read: () => string; says: string }>([
    {
      name: 'cannot be read',
      read: () => {
        throw new Error('the secret cannot be read (ENOENT)');
      },
      says: 'enrolment_unreadable: the secret cannot be read (ENOENT)',
    },
    {
      name: 'anyone could guess',
      read: () => 'short',
      says: 'enrolment_unreadable: /run/secret holds fewer than 16 bytes',
    },
  ])('says what is wrong with a secret that $name', ({ read, says }) => {
    const metadata = enroller({ name: 'shop', secretFile: '/run/secret' }, read);
    expect(() => metadata(1, segmentBytes())).toThrow(says);
  });
});
