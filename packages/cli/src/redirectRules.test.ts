import { foreignRedirects, redirectRules } from './redirectRules.ts';

const redirection = { from: 5432, to: 6432, exceptUid: 65_532 };

describe('the rules of Redirect', () => {
  it('catch who comes from outside, and over the loopback everybody but the recorder', () => {
    expect(redirectRules(redirection).map(({ chain, match }) => `${chain} ${match.join(' ')}`)).toEqual([
      'PREROUTING -p tcp --dport 5432 -j REDIRECT --to-ports 6432',
      'OUTPUT -o lo -p tcp --dport 5432 -m owner ! --uid-owner 65532 -j REDIRECT --to-ports 6432',
    ]);
  });

  it.each([
    ['our own rule', '-A PREROUTING -p tcp -m tcp --dport 5432 -j REDIRECT --to-ports 6432', 0],
    ['another port', '-A PREROUTING -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 15006', 0],
    ['another target', '-A PREROUTING -p tcp -m tcp --dport 5432 -j REDIRECT --to-ports 6433', 1],
    [
      'a target that begins like ours',
      '-A OUTPUT -p tcp -m tcp --dport 5432 -j REDIRECT --to-ports 64321',
      1,
    ],
    ['an address', '-A PREROUTING -p tcp -m tcp --dport 5432 -j DNAT --to-destination 10.0.0.1:5432', 1],
    ['a chain of somebody', '-A POSTROUTING -p tcp -m tcp --dport 5432 -j MASQUERADE', 0],
  ])('%s', (_name, line, count) => {
    expect(foreignRedirects(`-P PREROUTING ACCEPT\n${line}\n`, redirection)).toHaveLength(count);
  });
});
