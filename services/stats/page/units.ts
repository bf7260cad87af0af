/** Figures as people read them. Each returns text only; exact values go into `title`. */

/** What is shown where nothing is known. Never a zero. */
export const UNKNOWN = '–';

const NBSP = '\u00a0';
const GROUP = '\u202f';
const KIBI = 1024;
const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
const COUNT_UNITS = ['', 'k', 'M', 'G', 'T'];
/** Up to here a count is shown to the last digit. */
const COMPACT_FROM = 100_000;

/** Three significant digits: 9.87, 98.7, 987. */
function short(value: number): string {
  const size = Math.abs(value);
  if (size < 10) return trimZeros(value.toFixed(2));
  return size < 100 ? trimZeros(value.toFixed(1)) : value.toFixed(0);
}

function trimZeros(text: string): string {
  return text.replace(/\.?0+$/, '');
}

/** All digits, in groups of three: `1 234 567`. */
export function exact(value: number): string {
  const [whole = '', fraction] = String(value).split('.');
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, GROUP);
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
}

/** A count: `4 711`, `1.23 M`. */
export function count(value: number): string {
  if (Math.abs(value) < COMPACT_FROM) return exact(Math.round(value));
  const { scaled, unit } = scale(value, 1000, COUNT_UNITS);
  return `${short(scaled)}${NBSP}${unit}`;
}

/** A size: `12.3 KiB`. */
export function bytes(value: number): string {
  const { scaled, unit } = scale(value, KIBI, BYTE_UNITS);
  return `${unit === 'B' ? String(Math.round(scaled)) : short(scaled)}${NBSP}${unit}`;
}

/** A share of a size, both in the unit of the whole: `6.4 of 29 GiB`. */
export function bytesOf(part: number, whole: number): string {
  const { scaled, unit } = scale(whole, KIBI, BYTE_UNITS);
  const same = whole > 0 ? (part / whole) * scaled : 0;
  return `${short(same)} of ${short(scaled)}${NBSP}${unit}`;
}

/** A rate without its unit: `0.4`, `123`, `12.3 k`. */
export function rate(value: number): string {
  if (value < 10_000) return value < 100 ? trimZeros(value.toFixed(1)) : exact(Math.round(value));
  const { scaled, unit } = scale(value, 1000, COUNT_UNITS);
  return `${short(scaled)}${NBSP}${unit}`;
}

/** 0..100 → `7 %`. */
export function percent(value: number): string {
  return `${value.toFixed(0)}${NBSP}%`;
}

export function celsius(value: number): string {
  return `${value.toFixed(0)}${NBSP}°C`;
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Seconds → its two largest units: `3 d 4 h`, `12 min`, `45 s`. */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds));
  const two = (large: number, a: string, rest: number, b: string) =>
    rest === 0 ? `${large}${NBSP}${a}` : `${large}${NBSP}${a}${NBSP}${rest}${NBSP}${b}`;
  if (s >= DAY) return two(Math.floor(s / DAY), 'd', Math.floor((s % DAY) / HOUR), 'h');
  if (s >= HOUR) return two(Math.floor(s / HOUR), 'h', Math.floor((s % HOUR) / MINUTE), 'min');
  if (s >= 10 * MINUTE) return `${Math.floor(s / MINUTE)}${NBSP}min`;
  if (s >= MINUTE) return two(Math.floor(s / MINUTE), 'min', s % MINUTE, 's');
  return `${s}${NBSP}s`;
}

const two = (value: number): string => String(value).padStart(2, '0');

/** Milliseconds since the epoch → `10:41:07` in this machine's zone. */
export function clock(at: number): string {
  const time = new Date(at);
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

/** As `clock`, with the date in front when it is not the day of `now`. */
export function moment(at: number, now: number): string {
  const time = new Date(at);
  if (time.toDateString() === new Date(now).toDateString()) return clock(at);
  return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())} ${clock(at)}`;
}

/** The zone of `clock`, for the reader: `UTC`, `CET`, `GMT+2`. */
export function zone(at: number): string {
  const parts = new Intl.DateTimeFormat('en-GB', { timeZoneName: 'short' }).formatToParts(at);
  return parts.find((part) => part.type === 'timeZoneName')?.value ?? '';
}

function scale(value: number, step: number, units: readonly string[]) {
  let scaled = value;
  let index = 0;
  // 999.5 would be shown as 1000.
  while (Math.abs(scaled) >= step - 0.5 && index < units.length - 1) {
    scaled /= step;
    index++;
  }
  return { scaled, unit: units[index]! };
}
