import { ERROR_CODES, type ErrorCode } from '#core/errors.ts';

/**
 * Exit codes of the `bramble` command. 0, 1 and 2 as every shell tool; the others are those of
 * sysexits(3), so that a script can tell "install something" from "fix your file".
 */
export const EXIT = {
  OK: 0,
  FAILURE: 1,
  /** The command line cannot be understood. */
  USAGE: 2,
  /** EX_UNAVAILABLE: a program that we need is not installed. */
  UNAVAILABLE: 69,
  /** EX_CANTCREAT: a file or directory cannot be written. */
  CANTCREAT: 73,
  /** EX_TEMPFAIL: something is in the way now (a port, another instance); later it may work. */
  TEMPFAIL: 75,
  /** EX_CONFIG: a configuration file has errors. */
  CONFIG: 78,
  /** Ended by a second Ctrl-C: 128 + SIGINT, as shells count. */
  INTERRUPTED: 130,
} as const;

const BY_ERROR: Partial<Record<ErrorCode, number>> = {
  [ERROR_CODES.USAGE]: EXIT.USAGE,
  [ERROR_CODES.PROGRAM_MISSING]: EXIT.UNAVAILABLE,
  [ERROR_CODES.STORAGE]: EXIT.CANTCREAT,
  [ERROR_CODES.PORT_IN_USE]: EXIT.TEMPFAIL,
  [ERROR_CODES.ALREADY_RUNNING]: EXIT.TEMPFAIL,
  [ERROR_CODES.CONFIG_INVALID]: EXIT.CONFIG,
};

export function exitCodeFor(code: ErrorCode): number {
  return BY_ERROR[code] ?? EXIT.FAILURE;
}
