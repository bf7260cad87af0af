const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS =
  'January February March April May June July August September October November December'.split(
    ' ',
  );

const pad = (value: number, width = 2, fill = '0'): string => `${value}`.padStart(width, fill);

/** The conversions of strftime(3) in the C locale that make sense for a log; others stay as they are. */
export function formatTime(format: string, milliseconds: number, utc: boolean): string {
  const minutes = utc ? 0 : -new Date(milliseconds).getTimezoneOffset();
  // A date whose universal parts are the local ones.
  const date = new Date(milliseconds + minutes * 60_000);
  if (Number.isNaN(date.getTime())) return '';
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()];
  const [hour, minute, second] = [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()];
  const sign = minutes < 0 ? '-' : '+';
  const zone = `${sign}${pad(Math.floor(Math.abs(minutes) / 60))}${pad(Math.abs(minutes) % 60)}`;
  const dayOfYear =
    Math.floor((Date.UTC(year, month, day) - Date.UTC(year, 0, 1)) / 86_400_000) + 1;
  const parts: Readonly<Record<string, string>> = {
    Y: `${year}`,
    y: pad(year % 100),
    m: pad(month + 1),
    d: pad(day),
    e: pad(day, 2, ' '),
    H: pad(hour),
    I: pad(hour % 12 || 12),
    M: pad(minute),
    S: pad(second),
    p: hour < 12 ? 'AM' : 'PM',
    j: pad(dayOfYear, 3),
    a: DAYS[date.getUTCDay()]!.slice(0, 3),
    A: DAYS[date.getUTCDay()]!,
    b: MONTHS[month]!.slice(0, 3),
    B: MONTHS[month]!,
    u: `${date.getUTCDay() || 7}`,
    w: `${date.getUTCDay()}`,
    s: `${Math.floor(milliseconds / 1000)}`,
    z: zone,
    Z: utc ? 'GMT' : zone,
    F: `${year}-${pad(month + 1)}-${pad(day)}`,
    T: `${pad(hour)}:${pad(minute)}:${pad(second)}`,
    D: `${pad(month + 1)}/${pad(day)}/${pad(year % 100)}`,
    R: `${pad(hour)}:${pad(minute)}`,
    n: '\n',
    t: '\t',
    '%': '%',
  };
  return format.replace(/%(.)/gs, (whole, letter: string) => parts[letter] ?? whole);
}
