import { describeDurationError, parseDuration } from '../config/duration.ts';
import { ExpressionError } from '../samples/fetch.ts';

/** Milliseconds of a time with or without a unit. Throws ExpressionError. */
export function durationOf(text: string): number {
  const { value, error } = parseDuration(text) as { value?: number; error?: never };
  if (value === undefined)
    throw new ExpressionError(describeDurationError(error!, text, 'argument'));
  return value;
}
