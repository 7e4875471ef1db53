/** `pgtape redirect`: sets the rules that lead a pod's clients to its recorder, reads them back and ends. Needs NET_ADMIN. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import { CommandError, exitCode } from './exitCode.ts';
import type { Io } from './io.ts';
import { foreignRedirects, type Redirection, type RedirectRule, redirectRules } from './redirectRules.ts';

const help = `
Examples:
  $ pgtape redirect --from 5432 --to 6432 --except-uid 65532
  $ kubectl debug -it orders-0 --image=pgtape:0.1.0 --profile=netadmin -- redirect --from 5432 --to 6432

Run in the pod's network namespace, as an init container with the capabilities NET_ADMIN and NET_RAW. Clients from
outside and those that dial over the loopback (kubectl port-forward does) reach --to instead of --from; what the user
--except-uid dials reaches the server. Rules that are there already are left; running it twice is running it once.

With --optional a pod starts whatever came of it: what went wrong is told, clients reach the server past the recorder, and the
RecordedDatabase's condition Captured says so.

Exit codes: 0 the rules are there, or --optional; 1 they are not, though iptables took them, or others stand in their way;
2 the command line is wrong; 3 iptables is not there or may not.
`;

/** Longest that one call of iptables may take, milliseconds. */
const callMsMax = 10_000;

interface Called {
  readonly status: number;
  readonly out: string;
  readonly problem: string;
}

function call(program: string, args: readonly string[]): Called {
  const done = spawnSync(program, ['-t', 'nat', ...args], { encoding: 'utf8', timeout: callMsMax });
  if (done.error !== undefined) {
    const { code } = done.error as NodeJS.ErrnoException;
    throw new CommandError('IPTABLES_MISSING', `${program} cannot be run (${code})`, {
      exit: exitCode.environment,
      advice: "It is in pgtape's image and in Debian's package iptables.",
    });
  }
  const status = done.status ?? -1;
  const [said = ''] = done.stderr.trim().split('\n');
  return { status, out: done.stdout, problem: said === '' ? `ended with status ${status}` : said };
}

function refused(program: string, problem: string): CommandError {
  return new CommandError('REDIRECT_REFUSED', `${program}: ${problem}`, {
    exit: exitCode.environment,
    advice:
      'The container needs root and the capabilities NET_ADMIN and NET_RAW, which the namespace must allow ' +
      '(Pod Security privileged), and the node nf_tables. Or choose another capture mode.',
  });
}

const isThere = (program: string, { chain, match }: RedirectRule): boolean =>
  call(program, ['-C', chain, ...match]).status === 0;

/** @throws CommandError where the rules of this family are not there in the end */
function redirectFamily(program: string, redirection: Redirection): void {
  const listed = call(program, ['-S']);
  if (listed.status !== 0) throw refused(program, listed.problem);
  const [foreign] = foreignRedirects(listed.out, redirection);
  if (foreign !== undefined) {
    throw new CommandError(
      'REDIRECT_TAKEN',
      `clients of port ${redirection.from} are led elsewhere: ${foreign}`,
      {
        exit: exitCode.found,
        advice:
          'Another proxy of this pod has the port. Start the pod anew without it, or choose another capture mode.',
      },
    );
  }
  for (const rule of redirectRules(redirection)) {
    if (isThere(program, rule)) continue;
    const added = call(program, ['-A', rule.chain, ...rule.match]);
    if (added.status !== 0) throw refused(program, added.problem);
    if (isThere(program, rule)) continue;
    throw new CommandError(
      'REDIRECT_ABSENT',
      `${program} took a rule of ${rule.chain} that is not there afterwards`,
      {
        exit: exitCode.found,
        advice: 'Something else writes the rules of this network namespace. Choose another capture mode.',
      },
    );
  }
}

/** A kernel without IPv6 has no such file; a namespace where it is switched off has no address in it. */
function hasIpv6(): boolean {
  try {
    return readFileSync('/proc/net/if_inet6', 'utf8').trim() !== '';
  } catch {
    return false;
  }
}

interface Flags {
  readonly from: number;
  readonly to: number;
  readonly exceptUid: number;
  readonly optional?: boolean;
}

function run(io: Io, flags: Flags): void {
  try {
    redirect(io, flags);
  } catch (error) {
    if (flags.optional !== true || !(error instanceof CommandError)) throw error;
    const advice = error.advice === null ? '' : `${error.advice}\n`;
    io.err.write(
      `${error.code}: ${error.message}\n${advice}` +
        'The pod starts all the same: its clients are not led to the recorder.\n',
    );
  }
}

function redirect(io: Io, redirection: Flags): void {
  const families = ['iptables-nft', ...(hasIpv6() ? ['ip6tables-nft'] : [])];
  for (const program of families) redirectFamily(program, redirection);
  const { from, to, exceptUid } = redirection;
  const kinds = families.length === 2 ? 'IPv4 and IPv6' : 'IPv4 (there is no IPv6 here)';
  io.out.write(`port ${from} leads to ${to}, but for uid ${exceptUid}: ${kinds}\n`);
}

function number(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most)
      throw new InvalidArgumentError(`It is a number from ${least} to ${most}.`);
    return value;
  };
}

/** Builds the command. */
export function redirectCommand(io: Io): Command {
  const port = number(1, 65_535);
  return new Command('redirect')
    .description("lead a pod's clients to its recorder, by rules of its network namespace (Kubernetes)")
    .requiredOption('--from <port>', 'where clients connect and the server listens', port)
    .requiredOption('--to <port>', 'where the recorder listens', port)
    .option('--except-uid <uid>', "the recorder's user", number(0, 4_294_967_294), 65_532)
    .option('--optional', 'end with 0 where the rules cannot be set')
    .addHelpText('after', help)
    .action((flags: Flags) => run(io, flags));
}
