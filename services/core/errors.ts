/**
 * The catalogue of error codes. A code is never reused for another meaning: logs, tests and
 * scripts match on it. Grouped by who raises it.
 */
export const ERROR_CODES = {
  /** A configuration file cannot be read, parsed or validated. */
  CONFIG_INVALID: 'BRAMBLE_CONFIG_INVALID',
  /** A command line cannot be understood. */
  USAGE: 'BRAMBLE_USAGE',
  /** A port or socket path that we must listen on is taken. */
  PORT_IN_USE: 'BRAMBLE_PORT_IN_USE',
  /** The system refused to let us listen (privileged port, address not ours). */
  LISTEN_REFUSED: 'BRAMBLE_LISTEN_REFUSED',
  /** A program that we run is not installed. */
  PROGRAM_MISSING: 'BRAMBLE_PROGRAM_MISSING',
  /** A process that we started did not become ready in time. */
  START_TIMEOUT: 'BRAMBLE_START_TIMEOUT',
  /** A process that we supervise ended while it was needed. */
  PROCESS_EXITED: 'BRAMBLE_PROCESS_EXITED',
  /** The engine below (NATS) does not answer. */
  ENGINE_UNAVAILABLE: 'BRAMBLE_ENGINE_UNAVAILABLE',
  /** A peer broke its protocol (PROXY header, MQTT, HTTP). */
  PROTOCOL: 'BRAMBLE_PROTOCOL',
  /** A limit from the configuration was reached. */
  LIMIT: 'BRAMBLE_LIMIT',
  /** Another instance holds the same data directory. */
  ALREADY_RUNNING: 'BRAMBLE_ALREADY_RUNNING',
  /** A file or directory cannot be written, or must not since its disk is nearly full. */
  STORAGE: 'BRAMBLE_STORAGE',
  /** No server of a backend can take a session. */
  NO_SERVER: 'BRAMBLE_NO_SERVER',
  /** A session waited for a place on a server longer than `timeout queue`. */
  QUEUE_TIMEOUT: 'BRAMBLE_QUEUE_TIMEOUT',
  /** As many sessions wait for a server as may (`maxqueue`). */
  QUEUE_FULL: 'BRAMBLE_QUEUE_FULL',
  /** A session left the queue because its client did. */
  QUEUE_ABORTED: 'BRAMBLE_QUEUE_ABORTED',
  /** Another owner has taken over what was about to be written. */
  FENCED: 'BRAMBLE_FENCED',
  /** An operation was given up because its owner is closing. */
  CLOSED: 'BRAMBLE_CLOSED',
} as const;

export type ErrorCode = (typeof ERROR_CODES)[keyof typeof ERROR_CODES];

export interface BrambleErrorOptions {
  /** What went wrong underneath. */
  cause?: unknown;
  /** What the reader should do now; shown on a line of its own. */
  hint?: string;
}

/** The one error class of the project: told apart by `code`, never by message. */
export class BrambleError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: BrambleErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'BrambleError';
    this.code = code;
    this.hint = options.hint;
  }
}

/** The text of anything that was thrown, with its chain of causes, on one line. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = error.message || error.name;
  return error.cause === undefined ? own : `${own}: ${describeError(error.cause)}`;
}

/** `error.code` of a system error (`ECONNREFUSED`, `EADDRINUSE`, …), or undefined. */
export function systemCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : undefined;
}
