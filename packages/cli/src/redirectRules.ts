/**
 * The rules that lead a pod's clients to the recorder (capture mode `Redirect`), as iptables arguments. Pure.
 * PREROUTING catches who comes from outside; OUTPUT over the loopback catches who dials from within, `kubectl
 * port-forward` among them, but for the recorder's own user, which dials the server.
 */

export interface Redirection {
  /** Where clients connect and the server listens. */
  readonly from: number;
  /** Where the recorder listens, on every address of its family. */
  readonly to: number;
  /** The recorder's user: what it dials goes to the server. */
  readonly exceptUid: number;
}

export interface RedirectRule {
  readonly chain: 'PREROUTING' | 'OUTPUT';
  /** What stands after the chain's name in `iptables -t nat -A`. */
  readonly match: readonly string[];
}

/** The rules of one family of addresses; they are the same in both. */
export function redirectRules({ from, to, exceptUid }: Redirection): readonly RedirectRule[] {
  const dial = ['-p', 'tcp', '--dport', String(from)];
  const target = ['-j', 'REDIRECT', '--to-ports', String(to)];
  const others = ['-m', 'owner', '!', '--uid-owner', String(exceptUid)];
  return [
    { chain: 'PREROUTING', match: [...dial, ...target] },
    { chain: 'OUTPUT', match: ['-o', 'lo', ...dial, ...others, ...target] },
  ];
}

/** Rules of `iptables -t nat -S` that lead clients of `from` elsewhere than `to`: who set them meant another recorder. */
export function foreignRedirects(listed: string, { from, to }: Redirection): readonly string[] {
  return listed
    .split('\n')
    .filter((line) => /^-A (PREROUTING|OUTPUT) /.test(line) && / -j (REDIRECT|DNAT)\b/.test(line))
    .filter((line) => line.includes(`--dport ${from} `) && !line.endsWith(`--to-ports ${to}`));
}
