import { openStore } from './openStore.ts';
import { parseStoreAddress } from './storeAddress.ts';
import { codeOf } from './storeContract.testing.ts';

const s3 = {
  kind: 's3',
  bucket: 'audit-archive',
  prefix: '',
  endpoint: undefined,
  region: undefined,
  pathStyle: false,
  caFile: undefined,
};

describe('parseStoreAddress', () => {
  it.each([
    { text: '/srv/archive', parsed: { kind: 'directory', path: '/srv/archive' } },
    { text: '.pgtape/archive', parsed: { kind: 'directory', path: '.pgtape/archive' } },
    { text: 's3:', parsed: { kind: 'directory', path: 's3:' } },
    { text: 's3://audit-archive', parsed: s3 },
    { text: 's3://audit-archive/', parsed: s3 },
    { text: 's3://audit-archive/a/b-1', parsed: { ...s3, prefix: 'a/b-1' } },
    { text: 's3://audit-archive/a/', parsed: { ...s3, prefix: 'a' } },
    {
      text: 's3://audit-archive/a?endpoint=https://s3.example:9000&region=eu-central-1&pathStyle=1&caFile=/etc/ca.pem',
      parsed: {
        ...s3,
        prefix: 'a',
        endpoint: 'https://s3.example:9000',
        region: 'eu-central-1',
        pathStyle: true,
        caFile: '/etc/ca.pem',
      },
    },
  ])('takes $text', ({ text, parsed }) => {
    expect(parseStoreAddress(text)).toEqual(parsed);
  });

  it.each([
    { name: 'nothing', text: '' },
    { name: 'nul', text: 'a\0b' },
    { name: 'another kind', text: 'gs://bucket' },
    { name: 'no bucket', text: 's3:///prefix' },
    { name: 'a short bucket', text: 's3://ab' },
    { name: 'a bucket in capitals', text: 's3://Audit' },
    { name: 'a port', text: 's3://audit:9000/x' },
    { name: 'a fragment', text: 's3://audit/x#y' },
    { name: 'a climbing prefix', text: 's3://audit/a/%2e%2e/b' },
    { name: 'a hidden prefix', text: 's3://audit/.a' },
    { name: 'an empty name', text: 's3://audit/a//b' },
    { name: 'an unknown parameter', text: 's3://audit?path_style=1' },
    { name: 'a parameter twice', text: 's3://audit?region=a&region=b' },
    { name: 'a word for a switch', text: 's3://audit?pathStyle=yes' },
    { name: 'an endpoint that is none', text: 's3://audit?endpoint=localhost' },
    { name: 'an endpoint with credentials', text: 's3://audit?endpoint=http://a:b@localhost' },
  ])('refuses $name', async ({ text }) => {
    expect(() => parseStoreAddress(text)).toThrow(expect.objectContaining({ code: 'STORE_ADDRESS' }));
    expect(await codeOf(openStore(text))).toBe('STORE_ADDRESS');
  });

  it('repeats no credentials', () => {
    const parse = (): unknown => parseStoreAddress('s3://AKIA:hidden@audit-archive/x');
    expect(parse).toThrow('credentials do not belong into it');
    expect(parse).not.toThrow(/hidden|AKIA/);
  });
});
