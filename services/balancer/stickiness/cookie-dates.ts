import type { CookieConfig } from '../model.ts';

/** What an inserted cookie says of its age, seconds since the epoch; 4 seconds are its finest. */
export interface CookieDates {
  seen?: number;
  given?: number;
}

type Limits = Pick<CookieConfig, 'maxidle' | 'maxlife'>;

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const LENGTH = 5;
/** A clock that was wrong may have dated a cookie ahead: by so many seconds that is let pass. */
const AHEAD = 86_400;

/** The dates behind a cookie's value, where the first bar stands at `bar`. */
export function readDates(value: string, bar: number): CookieDates {
  const dates: CookieDates = {};
  const rest = value.slice(bar + 1);
  const seen = rest.length >= LENGTH ? decode(rest) : 0;
  if (seen > 0) dates.seen = seen * 4;
  const second = rest.indexOf('|');
  const given = second >= 0 && rest.length - second > LENGTH ? decode(rest.slice(second + 1)) : 0;
  if (given > 0) dates.given = given * 4;
  return dates;
}

/** What is written behind a cookie's value; '' where its age has no limit. */
export function writeDates({ given }: CookieDates, { maxidle, maxlife }: Limits): string {
  if (maxidle === undefined && maxlife === undefined) return '';
  const now = Math.floor((seconds() + 3) / 4);
  const seen = `|${encode(now)}`;
  return maxlife === undefined ? seen : `${seen}|${encode(given ? given >>> 2 : now)}`;
}

/** `O` for a cookie given too long ago, `E` for one not seen for too long: letters of the log. */
export function ageOf({ seen, given }: CookieDates, limits: Limits): 'O' | 'E' | undefined {
  if (isPast(given, limits.maxlife)) return 'O';
  return isPast(seen, limits.maxidle) ? 'E' : undefined;
}

/** Whether the client's cookie should be written again, though its server is right. */
export function isDue({ seen, given }: CookieDates, { maxidle, maxlife }: Limits): boolean {
  const dated = maxidle !== undefined || seen !== undefined;
  if (dated && (seen === undefined || seen < seconds())) return true;
  return (maxlife === undefined) !== (given === undefined);
}

function isPast(date: number | undefined, limit: number | undefined): boolean {
  if (date === undefined || limit === undefined) return false;
  const age = seconds() - date;
  return age > limit || -age > AHEAD;
}

const seconds = (): number => Math.floor(Date.now() / 1000);

/** 30 bits in digits of six. */
function encode(number: number): string {
  let text = '';
  for (let shift = 24; shift >= 0; shift -= 6) text += DIGITS[(number >>> shift) & 63];
  return text;
}

/** 0 for what is no date. */
function decode(text: string): number {
  let number = 0;
  for (let at = 0; at < LENGTH; at++) {
    const digit = DIGITS.indexOf(text[at]!);
    if (digit < 0) return 0;
    number = number * 64 + digit;
  }
  return number;
}
