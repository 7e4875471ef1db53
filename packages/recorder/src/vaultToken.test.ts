import { tokenBearer } from './vaultToken.ts';

const url = 'https://vault.example:4317';
const tokenFile = '/var/run/pgtape/vault/token';
const bytes = Buffer.alloc(0);

describe('tokenBearer', () => {
  it('reads the token again when its file is another, and only then', () => {
    let [text, mark, reads] = ['first', 'a', 0];
    const read = (path: string): string => {
      expect(path).toBe(tokenFile);
      reads += 1;
      return text;
    };
    const metadata = tokenBearer({ url, tokenFile }, read, () => mark);
    expect([metadata(1, bytes), metadata(2, bytes), reads]).toEqual([
      { authorization: 'Bearer first' },
      { authorization: 'Bearer first' },
      1,
    ]);
    [text, mark] = ['second', 'b'];
    expect([metadata(3, bytes), reads]).toEqual([{ authorization: 'Bearer second' }, 2]);
  });

  it('says nothing where no file is named', () => {
    const metadata = tokenBearer({ url: 'http://vault.example:4317' }, () => 'x');
    expect(metadata(1, bytes)).toEqual({});
  });

  it.each([
    ['http://vault.example:4317', 'token_over_plaintext'],
    ['http://10.0.0.1:4317', 'token_over_plaintext'],
    ['http://127.0.0.1.example:4317', 'token_over_plaintext'],
    ['http://localhost.example:4317', 'token_over_plaintext'],
    ['http://[::2]:4317', 'token_over_plaintext'],
    ['http://127.0.0.1:4317', ''],
    ['http://127.9.9.9:4317', ''],
    ['http://localhost:4317', ''],
    ['http://[::1]:4317', ''],
    ['https://10.0.0.1:4317', ''],
  ])('to %s: "%s"', (to, says) => {
    const metadata = tokenBearer({ url: to, tokenFile }, () => 'x');
    if (says === '') expect(metadata(1, bytes)).toEqual({ authorization: 'Bearer x' });
    else expect(() => metadata(1, bytes)).toThrow(new RegExp(`^${says}: `));
  });

  it.each([
    ['cannot be read', 'the secret cannot be read (ENOENT)'],
    ['holds what is no token', 'two words'],
    ['would end the header', 'a\r\nb: c'],
  ])('keeps segments waiting while the file %s, and never tells what is in it', (name, text) => {
    const metadata = tokenBearer({ url, tokenFile }, () => {
      if (name === 'cannot be read') throw new Error(text);
      return text;
    });
    let said = '';
    try {
      metadata(1, bytes);
    } catch (error) {
      said = (error as Error).message;
    }
    expect(said).toMatch(/^token_unreadable: /);
    if (name !== 'cannot be read') expect(said).not.toContain(text);
  });

  it('does not go on with the old token when the file is gone', () => {
    let isThere = true;
    const metadata = tokenBearer(
      { url, tokenFile },
      () => {
        if (isThere) return 'old';
        throw new Error('gone');
      },
      () => (isThere ? 'a' : 'absent'),
    );
    metadata(1, bytes);
    isThere = false;
    expect(() => metadata(2, bytes)).toThrow('token_unreadable: gone');
  });
});
