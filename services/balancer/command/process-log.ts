import { pino } from 'pino';
import type { Logger } from '#core/log.ts';
import type { Console, ConsoleKind } from './console.ts';

/** pino's numbers: 50 is an error. */
const ERROR = 50;
const WARN = 40;

const kindOf = (level: number): ConsoleKind =>
  level >= ERROR ? 'ALERT' : level >= WARN ? 'WARNING' : 'NOTICE';

/**
 * The process' own log as messages on the console, in the shape of all others: stdout belongs to
 * the log targets that the configuration names. Only `verbose` shows what went as it should.
 */
export function createProcessLog(console: Console, verbose: boolean): Logger {
  const write = (line: string): void => {
    const { level, msg, hint } = JSON.parse(line) as { level: number; msg: string; hint?: string };
    console.say(kindOf(level), hint === undefined ? msg : `${msg}\n   | ${hint}`);
  };
  return pino({ level: verbose ? 'info' : 'warn' }, { write });
}
