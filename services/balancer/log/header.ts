import type { LogTarget } from '../model.ts';
import { isoDate, syslogDate } from './clock.ts';
import { FACILITIES } from './facilities.ts';

export interface HeaderOptions {
  /** Program name. */
  tag: string;
  /** undefined = each format's stand-in for an unknown one. */
  hostname: string | undefined;
  pid: number;
}

/**
 * What stands before the message in a line: `level` 0..7, `now` in ms since 1970; `structured` data
 * has a place in RFC 5424 alone.
 */
export type Header = (level: number, now: number, structured?: string) => string;

/**
 * The header of one target's format. Source: HAProxy 2.6 manual, section 4.2 "log"; RFC 3164, 4.1
 * and RFC 5424, 6.2.
 */
export function createHeader(
  { format, facility }: Pick<LogTarget, 'format' | 'facility'>,
  { tag, hostname, pid }: HeaderOptions,
): Header {
  const base = Math.max(0, FACILITIES.indexOf(facility)) * 8;
  switch (format) {
    case 'raw':
      return () => '';
    case 'short':
      return (level) => `<${level}>`;
    case 'priority':
      return (level) => `<${base + level}>`;
    case 'timed':
      return (level, now) => `<${level}>${isoDate(now)} `;
    case 'iso':
      return (_level, now) => `${isoDate(now)} `;
    case 'rfc5424': {
      const who = ` ${hostname ?? '-'} ${tag} ${pid} - `;
      return (level, now, structured = '-') =>
        `<${base + level}>1 ${isoDate(now)}${who}${structured} `;
    }
    case 'rfc3164': {
      const who = ` ${hostname ?? 'localhost'} ${tag}[${pid}]: `;
      return (level, now) => `<${base + level}>${syslogDate(now)}${who}`;
    }
    case 'local': {
      const who = ` ${hostname === undefined ? '' : `${hostname} `}${tag}[${pid}]: `;
      return (level, now) => `<${base + level}>${syslogDate(now)}${who}`;
    }
  }
}
