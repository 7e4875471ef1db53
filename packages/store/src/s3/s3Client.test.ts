import { codeOf } from '../storeContract.testing.ts';
import { request } from './s3Client.ts';

const conflict = (): Error =>
  Object.assign(new Error('conflict'), {
    name: 'ConditionalRequestConflict',
    $metadata: { httpStatusCode: 409 },
  });

describe('request', () => {
  it.each([
    { name: 'no conflict', conflicts: 0, runs: 1, code: 'resolved' },
    { name: 'a conflict that passes', conflicts: 3, runs: 4, code: 'resolved' },
    { name: 'a conflict that stays', conflicts: 99, runs: 6, code: 'STORE_UNAVAILABLE' },
  ])('makes a conditional write again: $name', async ({ conflicts, runs, code }) => {
    let made = 0;
    const run = async (): Promise<string> => {
      made += 1;
      if (made <= conflicts) throw conflict();
      return 'done';
    };
    expect({ code: await codeOf(request('swap of log/checkpoint', run)), made }).toEqual({
      code,
      made: runs,
    });
  });

  it('makes nothing else again: the SDK does, or the caller', async () => {
    let made = 0;
    const run = async (): Promise<never> => {
      made += 1;
      throw Object.assign(new Error('no'), { name: 'AccessDenied' });
    };
    expect([await codeOf(request('put of a', run)), made]).toEqual(['STORE_ACCESS', 1]);
  });
});
