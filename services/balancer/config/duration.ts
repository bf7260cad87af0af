/** Largest time that a configuration may name, in milliseconds: about 24.8 days. */
export const MAX_DURATION = 2_147_483_647;

export type Duration = { value: number; error?: undefined } | { error: DurationError };

export type DurationError =
  | { kind: 'character'; character: string }
  | { kind: 'empty' }
  | { kind: 'overflow' };

/** Milliseconds in one unit. */
const UNITS: ReadonlyMap<string, number> = new Map([
  ['us', 0.001],
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
]);

const SHAPE = /^(\d+)(us|ms|s|m|h|d)?/;

/**
 * Reads `500`, `5s`, `3h`, … into milliseconds, rounding up. Source: HAProxy 2.6 manual, section
 * 2.5: whole numbers only, and the unit that a bare number has depends on the keyword.
 */
export function parseDuration(text: string, bareUnit: 'ms' | 's' = 'ms'): Duration {
  if (text === '') return { error: { kind: 'empty' } };
  const match = SHAPE.exec(text);
  if (!match) return { error: { kind: 'character', character: text[0]! } };
  const rest = text[match[0].length];
  if (rest !== undefined) return { error: { kind: 'character', character: rest } };
  // Multiplied in microseconds, since 0.001 has no exact double.
  const value = Math.ceil((Number(match[1]) * (UNITS.get(match[2] ?? bareUnit)! * 1000)) / 1000);
  return value > MAX_DURATION ? { error: { kind: 'overflow' } } : { value };
}

/** The error in words; `where` names the argument, such as `'timeout client'`. */
export function describeDurationError(error: DurationError, text: string, where: string): string {
  switch (error.kind) {
    case 'empty':
      return `${where} expects an integer value (in milliseconds)`;
    case 'character':
      return `unexpected character '${error.character}' in ${where}`;
    case 'overflow':
      return (
        `timer overflow in argument '${text}' to ${where} ` +
        `(maximum value is ${MAX_DURATION} ms or ~24.8 days)`
      );
  }
}
