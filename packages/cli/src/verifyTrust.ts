/** Reads what an auditor brings along: keys, a policy, a checkpoint seen earlier. Parses all of it at this edge. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { CheckLogOptions } from '@pgtape/evidence';
import { ED25519, parsePolicy, parseVkey, type VerifierKey } from '@pgtape/tlog';
import { CommandError, exitCode } from './exitCode.ts';
import type { Io } from './io.ts';

export interface TrustFlags {
  readonly trustKey?: readonly string[];
  readonly logKey?: readonly string[];
  readonly policy?: string;
  readonly checkpoint?: string;
}

export interface Trust {
  readonly trustedKeys: readonly string[];
  /** Its bytes as given; null: there is none. */
  readonly policyFile: Uint8Array | null;
  /** For the log. */
  readonly log: Pick<CheckLogOptions, 'policy' | 'logKeys' | 'remembered'>;
}

function usage(code: string, message: string, cause?: unknown): CommandError {
  return new CommandError(code, message, { exit: exitCode.usage, cause });
}

function bytesOf(io: Io, flag: string, path: string): Buffer {
  try {
    return readFileSync(resolve(io.cwd, path));
  } catch (cause) {
    throw usage(
      'TRUST_FILE',
      `cannot read ${path} of ${flag} (${(cause as NodeJS.ErrnoException).code})`,
      cause,
    );
  }
}

/** A verifier key as it stands, or a file with one on each line. */
function logKeys(io: Io, text: string): VerifierKey[] {
  const isKey = /^[^+\s]+\+[0-9a-f]{8}\+/.test(text);
  const lines = isKey ? [text] : bytesOf(io, '--log-key', text).toString('utf8').split('\n');
  return lines
    .filter((line) => line !== '')
    .map((line) => {
      const key = parseVkey(line);
      if (key.ok && key.value.type === ED25519) return key.value;
      throw usage(
        'LOG_KEY',
        `'${line}' is no verifier key of a log (name+id+key)${key.ok ? '' : `: ${key.detail}`}`,
      );
    });
}

/** @throws CommandError `TRUST_KEY`, `TRUST_FILE`, `LOG_KEY`, `POLICY` */
export function trustOf(io: Io, flags: TrustFlags): Trust {
  const trustedKeys = flags.trustKey ?? [];
  for (const key of trustedKeys) {
    if (!/^[0-9a-f]{64}$/.test(key))
      throw usage('TRUST_KEY', `'${key}' is no Ed25519 public key in hex (64 digits)`);
  }
  const keys = (flags.logKey ?? []).flatMap((text) => logKeys(io, text));
  if (flags.policy !== undefined && keys.length > 0)
    throw usage('POLICY', 'either --policy or --log-key: a policy names the keys of its logs');
  const policyFile = flags.policy === undefined ? null : bytesOf(io, '--policy', flags.policy);
  const policy = policyFile === null ? undefined : parsePolicy(policyFile);
  if (policy?.ok === false) throw usage('POLICY', `${flags.policy} is no policy: ${policy.detail}`);
  const remembered =
    flags.checkpoint === undefined ? undefined : bytesOf(io, '--checkpoint', flags.checkpoint);
  return {
    trustedKeys,
    policyFile,
    log: {
      ...(policy?.ok && { policy: policy.value }),
      ...(keys.length > 0 && { logKeys: keys }),
      ...(remembered !== undefined && { remembered }),
    },
  };
}
