import { s3Error } from './s3Errors.ts';

const sdk = (name: string, message = name, httpStatusCode = 400): Error =>
  Object.assign(new Error(message), { name, $metadata: { httpStatusCode } });
const system = (code: string): Error => Object.assign(new Error(`connect ${code}`), { code });
const locked = 'Access Denied because object protected by object lock.';
const unauthorized = 'User: arn:aws:iam::1:user/w is not authorized to perform: s3:DeleteObjectVersion';

describe('s3Error', () => {
  it.each([
    {
      name: 'no such key',
      error: sdk('NoSuchKey', 'The specified key does not exist.', 404),
      code: 'STORE_NOT_FOUND',
    },
    { name: 'a head without a body', error: sdk('Unknown', 'UnknownError', 404), code: 'STORE_NOT_FOUND' },
    { name: 'no such bucket', error: sdk('NoSuchBucket', 'NoSuchBucket', 404), code: 'STORE_BUCKET' },
    { name: 'another region', error: sdk('PermanentRedirect', 'use eu', 301), code: 'STORE_BUCKET' },
    { name: 'a missing right', error: sdk('AccessDenied', unauthorized, 403), code: 'STORE_ACCESS' },
    { name: 'the lock', error: sdk('AccessDenied', locked, 403), code: 'STORE_LOCKED' },
    { name: 'a refused head', error: sdk('Unknown', 'UnknownError', 403), code: 'STORE_ACCESS' },
    { name: 'an unknown key id', error: sdk('InvalidAccessKeyId', 'x', 403), code: 'STORE_CREDENTIALS' },
    { name: 'no credentials', error: sdk('CredentialsProviderError'), code: 'STORE_CREDENTIALS' },
    { name: 'a wrong clock', error: sdk('RequestTimeTooSkewed', 'x', 403), code: 'STORE_CREDENTIALS' },
    { name: 'throttling', error: sdk('SlowDown', 'x', 503), code: 'STORE_UNAVAILABLE' },
    { name: 'any 500', error: sdk('Whatever', 'x', 500), code: 'STORE_UNAVAILABLE' },
    {
      name: 'a conflict that stays',
      error: sdk('ConditionalRequestConflict', 'x', 409),
      code: 'STORE_UNAVAILABLE',
    },
    { name: 'nobody listens', error: system('ECONNREFUSED'), code: 'STORE_UNREACHABLE' },
    {
      name: 'nobody listens, wrapped',
      error: new Error('AWS SDK error wrapper for Error: connect ECONNREFUSED 127.0.0.1:1'),
      code: 'STORE_UNREACHABLE',
    },
    {
      name: 'a broken connection, wrapped',
      error: new Error('AWS SDK error wrapper for Error: socket hang up'),
      code: 'STORE_UNREACHABLE',
    },
    { name: 'no such name', error: system('ENOTFOUND'), code: 'STORE_UNREACHABLE' },
    { name: 'no answer in time', error: sdk('TimeoutError'), code: 'STORE_UNREACHABLE' },
    {
      name: 'an unknown authority',
      error: system('UNABLE_TO_VERIFY_LEAF_SIGNATURE'),
      code: 'STORE_UNREACHABLE',
    },
    {
      name: 'an unknown authority, wrapped',
      error: new Error('AWS SDK error wrapper for Error: unable to verify the first certificate'),
      code: 'STORE_UNREACHABLE',
    },
    { name: 'an expired certificate', error: system('CERT_HAS_EXPIRED'), code: 'STORE_UNREACHABLE' },
    { name: 'not implemented', error: sdk('NotImplemented', 'x', 501), code: 'STORE_UNSUPPORTED' },
    {
      name: 'a bucket without a lock',
      error: sdk('InvalidRequest', 'Bucket is missing Object Lock Configuration'),
      code: 'STORE_UNSUPPORTED',
    },
    {
      name: 'other bytes',
      error: new Error('Checksum mismatch: expected "a" but received "b"'),
      code: 'STORE_DAMAGED',
    },
    { name: 'anything else', error: sdk('MalformedXML'), code: 'STORE_IO' },
    { name: 'not an error', error: 'text', code: 'STORE_IO' },
  ])('$name is $code', ({ error, code }) => {
    const mapped = s3Error('put of a', error);
    expect({ code: mapped.code, cause: mapped.cause }).toEqual({ code, cause: error });
    expect(mapped.message).toMatch(/^put of a failed.*: \w/s);
  });

  it('keeps the server’s word and sentence', () => {
    expect(s3Error('delete of a', sdk('AccessDenied', locked, 403))).toMatchObject({
      errno: 'AccessDenied',
      message: `delete of a failed, ${locked} (AccessDenied): nobody must act: the store did what its lock is for`,
    });
  });
});
