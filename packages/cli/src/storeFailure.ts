/** A store's failure as the error that ends a command. */
import { StoreError } from '@pgtape/store';
import { CommandError, type ExitCode, exitCode } from './exitCode.ts';

/** To be thrown: a CommandError with the store's code; what is no store's failure as it is. */
export function storeFailure(error: unknown, exit: ExitCode = exitCode.environment): unknown {
  if (!(error instanceof StoreError)) return error;
  return new CommandError(error.code, error.message, { exit, cause: error });
}
