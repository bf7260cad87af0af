import { type Logger, pino } from 'pino';

export type { Logger };

export interface LogOptions {
  /** Service name, on every line (`balancer`, `broker`, …). */
  service: string;
  /** Node name, on every line, where the service knows it. */
  node?: string;
  /** pino level; default from BRAMBLE_LOG_LEVEL, else `info`. */
  level?: string;
}

/** Keys whose values never reach a log line, at the depths that our objects have. */
const SECRET_KEYS = ['password', 'token', 'secret', 'authorization', 'key'];
const REDACTED_PATHS = SECRET_KEYS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]);

/** JSON lines on stdout, where journald (on a Pi) or the supervisor (in dev) collects them. */
export function createLog({ service, node, level }: LogOptions): Logger {
  return pino({
    level: level ?? process.env.BRAMBLE_LOG_LEVEL ?? 'info',
    base: node === undefined ? { service } : { service, node },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: REDACTED_PATHS, censor: '[redacted]' },
  });
}
