/**
 * Owns the files with the secrets recorders enrol with: read whenever a reel begins, so that a secret is
 * replaced without a restart. It refuses to judge proofs.
 */
import { ENROLMENT_SECRET_BYTES_MIN, type EnrolmentSecret } from '@pgtape/evidence';
import { ConfigError } from '@pgtape/process';
import type { VaultConfig } from './config.ts';
import { VaultError } from './vaultError.ts';

export interface SecretFiles {
  /** Those that can be read now; the others are told to `failed`. */
  readonly secrets: () => readonly EnrolmentSecret[];
}

/**
 * `read` gives a file's text without the newline at its end.
 * @throws VaultError `ENROLMENT` where one cannot be read, or where nobody could ever enrol
 */
export function secretFiles(
  { enrolment, otlp }: Pick<VaultConfig, 'enrolment' | 'otlp'>,
  read: (path: string) => string,
  failed: (problem: string) => void,
): SecretFiles {
  const { required, secrets, kubernetes, jwks } = enrolment;
  const takesTokens = kubernetes !== undefined || jwks !== undefined;
  if (required && !takesTokens && secrets.length === 0 && otlp.tls?.clientCaFile === undefined) {
    const advice =
      'give enrolment.secrets, enrolment.kubernetes or otlp.tls.clientCaFile, or leave enrolment.required out';
    throw new VaultError(
      'ENROLMENT',
      `enrolment is required and nothing to enrol with is configured: ${advice}`,
    );
  }
  const one = (name: string, file: string): EnrolmentSecret => {
    const secret = read(file);
    if (Buffer.byteLength(secret) >= ENROLMENT_SECRET_BYTES_MIN) return { name, secret };
    throw new Error(`${file} holds fewer than ${ENROLMENT_SECRET_BYTES_MIN} bytes`);
  };
  for (const { name, file } of secrets) {
    try {
      one(name, file);
    } catch (error) {
      const message = problemOf(error);
      throw new VaultError(
        'ENROLMENT',
        `the secret of enrolment '${name}' cannot be used: ${message}`,
        error,
      );
    }
  }
  return {
    secrets: () =>
      secrets.flatMap(({ name, file }) => {
        try {
          return [one(name, file)];
        } catch (error) {
          failed(`enrolment '${name}': ${problemOf(error)}`);
          return [];
        }
      }),
  };
}

/** In one line. */
function problemOf(error: unknown): string {
  if (error instanceof ConfigError)
    return error.problems.map(({ where, problem }) => `${where}: ${problem}`).join();
  return error instanceof Error ? error.message : String(error);
}
