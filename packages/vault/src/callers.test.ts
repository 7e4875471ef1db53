import { createHash } from 'node:crypto';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CallerFiles } from './callerFiles.ts';
import {
  type CallerRule,
  callerByCertificate,
  callerByToken,
  callerByUser,
  certificateNames,
  parseTokenHashes,
} from './callers.ts';
import { HttpConfig } from './httpConfig.ts';

const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex');
const hash = (token: string): Uint8Array => Buffer.from(hashOf(token), 'hex');

const rules: readonly CallerRule[] = [
  {
    name: 'alice',
    may: new Set(['read']),
    tokenHashes: [hash('a-old'), hash('a-new')],
    certificate: 'DNS:alice.example',
  },
  { name: 'local', may: new Set(['read', 'export']), tokenHashes: [hash('l')], certificate: null },
  { name: 'twin 1', may: new Set(['hold']), tokenHashes: [], certificate: 'CN:twin' },
  { name: 'twin 2', may: new Set(['hold']), tokenHashes: [], certificate: 'URI:spiffe://twin' },
];

describe('callerByToken', () => {
  it.each([
    { token: 'a-old', who: 'alice', method: 'token' },
    { token: 'a-new', who: 'alice', method: 'token' },
    { token: 'l', who: 'local', method: 'local' },
    { token: 'a-ne', who: undefined, method: undefined },
    { token: '', who: undefined, method: undefined },
    { token: hashOf('a-new'), who: undefined, method: undefined },
  ])('knows $token as $who', ({ token, who, method }) => {
    const caller = callerByToken(rules, token);
    expect([caller?.name, caller?.method]).toEqual([who, method]);
  });
});

describe('callerByUser', () => {
  const by: readonly CallerRule[] = [
    { ...rules[0]!, name: 'reader', user: 'system:serviceaccount:audit:reader', may: new Set(['read']) },
    { ...rules[0]!, name: 'auditors', group: 'system:serviceaccounts:audit', may: new Set(['export']) },
    ...rules,
  ];
  it.each([
    { name: 'system:serviceaccount:audit:reader', groups: [], may: ['read'] },
    { name: 'system:serviceaccount:audit:other', groups: ['system:serviceaccounts:audit'], may: ['export'] },
    {
      name: 'system:serviceaccount:audit:reader',
      groups: ['x', 'system:serviceaccounts:audit'],
      may: ['read', 'export'],
    },
    { name: 'system:serviceaccount:other:reader', groups: ['system:serviceaccounts:other'], may: null },
    { name: 'alice', groups: ['reader', 'auditors'], may: null },
  ])('$name in $groups may $may', ({ name, groups, may }) => {
    const caller = callerByUser(by, { name, groups });
    expect(caller && [...caller.may]).toEqual(may);
    expect(caller?.name).toBe(may === null ? undefined : name);
    expect(caller?.method).toBe(may === null ? undefined : 'kubernetes');
  });
});

describe('callerByCertificate', () => {
  it.each([
    { names: ['CN:someone', 'DNS:alice.example'], who: 'alice' },
    { names: ['CN:alice.example'], who: undefined },
    { names: ['dns:alice.example'], who: undefined },
    { names: ['CN:twin'], who: 'twin 1' },
    { names: ['CN:twin', 'URI:spiffe://twin'], who: undefined },
    { names: [], who: undefined },
  ])('$names is $who', ({ names, who }) => {
    expect(callerByCertificate(rules, names)?.name).toBe(who);
  });
});

describe('certificateNames', () => {
  it.each([
    { name: 'nothing', peer: {}, names: [] },
    { name: 'a subject', peer: { subject: { CN: 'alice' } }, names: ['CN:alice'] },
    { name: 'a subject with two common names', peer: { subject: { CN: ['alice', 'root'] } }, names: [] },
    {
      name: 'alternatives',
      peer: { subjectaltname: 'DNS:a.example, URI:spiffe://b/c, IP Address:10.0.0.1, email:c@d' },
      names: ['DNS:a.example', 'URI:spiffe://b/c', 'email:c@d'],
    },
    {
      name: 'one that poses as two',
      peer: { subjectaltname: 'DNS:"evil.example, DNS:alice.example"' },
      names: ['DNS:evil.example, DNS:alice.example'],
    },
    {
      name: 'a quote inside',
      peer: { subjectaltname: 'URI:"a\\", DNS:b", DNS:c' },
      names: ['URI:a", DNS:b', 'DNS:c'],
    },
    { name: 'what is no list of names', peer: { subjectaltname: 'nonsense' }, names: [] },
  ])('reads $name', ({ peer, names }) => {
    expect(certificateNames(peer)).toEqual(names);
  });
});

describe('parseTokenHashes', () => {
  const digest = hashOf('x');
  it.each([
    { text: '', count: 0 },
    { text: `${digest}\n`, count: 1 },
    { text: `# alice\n\n${digest}  -\n${digest.toUpperCase()} since May\r\n`, count: 2 },
    { text: 'a-token-in-clear\n', count: null },
    { text: `${digest}${digest}\n`, count: null },
    { text: `${digest.slice(1)}\n`, count: null },
  ])('reads $count of $text', ({ text, count }) => {
    expect(parseTokenHashes(text)?.length ?? null).toBe(count);
  });
});

describe('CallerFiles', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'pgtape-callers-'));
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  it('follows a change of tokens: both, the new one only, none when the file is gone', () => {
    const file = join(scratch, 'alice');
    const replace = (text: string): void => {
      writeFileSync(`${file}.new`, text);
      renameSync(`${file}.new`, file);
    };
    let now = 0;
    const troubles: string[] = [];
    replace(`${hashOf('one')}\n`);
    const { callers } = HttpConfig.parse({
      callers: [{ name: 'alice', tokenHashFile: file, may: ['read'] }],
    });
    const files = new CallerFiles(
      callers,
      () => now,
      (problem) => void troubles.push(problem),
    );
    const known = (): string[] =>
      ['one', 'two'].filter((token) => callerByToken(files.rules(), token) !== null);
    const seen = [known()];
    for (const text of [
      `${hashOf('one')}\n${hashOf('two')}\n`,
      `${hashOf('two')}\n`,
      'a token in clear',
      null,
    ]) {
      if (text === null) rmSync(file);
      else replace(text);
      seen.push(known());
      now += 1000;
      seen.push(known());
    }
    expect(seen).toEqual([['one'], ['one'], ['one', 'two'], ['one', 'two'], ['two'], ['two'], [], [], []]);
    expect(troubles.map((problem) => problem.replace(file, 'FILE'))).toEqual([
      'FILE has a line that is no SHA-256 in hex: write hashes of tokens there, never tokens',
      "cannot read FILE (ENOENT): correct http.callers.tokenHashFile or the file's mode",
    ]);
  });

  it('does not start without a file', () => {
    const { callers } = HttpConfig.parse({
      callers: [{ name: 'a', tokenHashFile: join(scratch, 'none'), may: [] }],
    });
    expect(
      () =>
        new CallerFiles(
          callers,
          () => 0,
          () => undefined,
        ),
    ).toThrow(expect.objectContaining({ code: 'CALLERS' }));
  });
});

describe('HttpConfig', () => {
  it.each([
    { name: 'neither token nor certificate', callers: [{ name: 'a', may: [] }] },
    { name: 'a certificate without its kind', callers: [{ name: 'a', may: [], certificate: 'alice' }] },
    { name: 'an unknown permission', callers: [{ name: 'a', may: ['write'], certificate: 'CN:a' }] },
    { name: 'a name that could be read as more', callers: [{ name: 'a\nb', may: [], certificate: 'CN:a' }] },
    {
      name: 'a name twice',
      callers: ['CN:a', 'CN:b'].map((certificate) => ({ name: 'a', may: [], certificate })),
    },
  ])('refuses $name', ({ callers }) => {
    expect(HttpConfig.safeParse({ callers }).success).toBe(false);
  });
});
