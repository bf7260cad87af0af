const MONTHS = [
  'Jan',
  'Feb',
  'Mar',
  'Apr',
  'May',
  'Jun',
  'Jul',
  'Aug',
  'Sep',
  'Oct',
  'Nov',
  'Dec',
] as const;

const two = (value: number): string => (value < 10 ? `0${value}` : `${value}`);
const three = (value: number): string => `${value}`.padStart(3, '0');

/** The parts of a second's date that do not change within it, kept since lines come in bursts. */
interface Second {
  second: number;
  /** `21/Nov/2026:10:54:15.` */
  access: string;
  /** `Nov 21 10:54:15` */
  syslog: string;
  /** `2026-11-21T10:54:15.` */
  iso: string;
  /** `+00:00` */
  offset: string;
}

let kept: Second | undefined;

function secondOf(time: number): Second {
  const second = Math.floor(time / 1000);
  if (kept?.second === second) return kept;
  const date = new Date(time);
  const [year, month, day] = [date.getFullYear(), date.getMonth(), date.getDate()];
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  const east = -date.getTimezoneOffset();
  const minutes = Math.abs(east);
  kept = {
    second,
    access: `${two(day)}/${MONTHS[month]}/${year}:${clock}.`,
    syslog: `${MONTHS[month]} ${`${day}`.padStart(2)} ${clock}`,
    iso: `${year}-${two(month + 1)}-${two(day)}T${clock}.`,
    offset: `${east < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`,
  };
  return kept;
}

/** `21/Nov/2026:10:54:15.322`, local time: `%t` and `%tr` of HAProxy. `time` in ms since 1970. */
export function accessDate(time: number): string {
  return secondOf(time).access + three((((time % 1000) + 1000) % 1000) | 0);
}

/** `21/Nov/2026:10:54:15 +0000`: `%Tl` and `%trl`. `time` in ms since 1970. */
export function localDate(time: number): string {
  const { access, offset } = secondOf(time);
  return `${access.slice(0, -1)} ${offset.replace(':', '')}`;
}

/** The same in universal time: `%T` and `%trg`. `time` in ms since 1970. */
export function gmtDate(time: number): string {
  const [, day, month, year, clock] = new Date(time).toUTCString().split(' ');
  return `${day}/${month}/${year}:${clock} +0000`;
}

/** `Nov 21 10:54:15`, local time (RFC 3164, 4.1.2). `time` in ms since 1970. */
export function syslogDate(time: number): string {
  return secondOf(time).syslog;
}

/** `2026-11-21T10:54:15.947000+00:00` (RFC 5424, 6.2.3). `time` in ms since 1970. */
export function isoDate(time: number): string {
  const { iso, offset } = secondOf(time);
  return `${iso}${three((((time % 1000) + 1000) % 1000) | 0)}000${offset}`;
}
