import { BrambleError, describeError, ERROR_CODES } from '#core/errors.ts';

/** One error for all addresses that could not be had. */
export function startError(error: unknown): Error {
  const failures: unknown[] = error instanceof AggregateError ? error.errors : [error];
  const [first] = failures;
  if (failures.length === 1 && first instanceof Error) return first;
  const code = first instanceof BrambleError ? first.code : ERROR_CODES.LISTEN_REFUSED;
  return new BrambleError(code, failures.map(describeError).join('; '), { cause: first });
}
