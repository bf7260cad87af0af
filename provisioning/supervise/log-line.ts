/** Severity of a line that a child wrote, as far as it can be told. */
export type Severity = 'debug' | 'info' | 'warning' | 'error' | 'fatal';

export interface LogLine {
  severity: Severity;
  /** The message alone: no time, no pid, no JSON around it. */
  text: string;
}

const PINO: Record<string, Severity> = {
  trace: 'debug',
  debug: 'debug',
  info: 'info',
  warn: 'warning',
  error: 'error',
  fatal: 'fatal',
};
const NATS: Record<string, Severity> = {
  TRC: 'debug',
  DBG: 'debug',
  INF: 'info',
  WRN: 'warning',
  ERR: 'error',
  FTL: 'fatal',
};
const HAPROXY: Record<string, Severity> = {
  NOTICE: 'info',
  WARNING: 'warning',
  ALERT: 'error',
};
/** `[4711] 2026/11/21 10:00:00.123456 [WRN] text` */
const NATS_LINE = /^\[\d+\] \S+ \S+ \[([A-Z]{3})\] (.*)$/;
/** `nats-server: file.conf:4:86: unknown field`: what it says before its log is open. */
const NATS_FATAL = /^nats-server: (.*)$/;
/** `[ALERT]    (4711) : text` */
const HAPROXY_LINE = /^\[(NOTICE|WARNING|ALERT)\]\s*(?:\(\d+\)\s*:)?\s*(.*)$/;
/** What Node writes when it dies before there is a log: `TypeError: text`, `node: bad option: -x`. */
const NODE_ERROR = /^(?:Uncaught )?(?:(?:[A-Z]\w*)?Error\b.*|FATAL ERROR: .*|node: .*)$/;

/** Reads a line of pino (our services), nats-server, HAProxy's style, or a dying Node. */
export function parseLogLine(line: string): LogLine {
  if (line.startsWith('{')) {
    const pino = parsePino(line);
    if (pino) return pino;
  }
  const nats = NATS_LINE.exec(line);
  if (nats) return { severity: NATS[nats[1]!] ?? 'info', text: nats[2]! };
  const haproxy = HAPROXY_LINE.exec(line);
  if (haproxy) return { severity: HAPROXY[haproxy[1]!]!, text: haproxy[2]! };
  const refused = NATS_FATAL.exec(line);
  if (refused) return { severity: 'fatal', text: refused[1]! };
  return { severity: NODE_ERROR.test(line) ? 'fatal' : 'info', text: line };
}

function parsePino(line: string): LogLine | undefined {
  try {
    const { level, msg, hint } = JSON.parse(line) as Record<string, unknown>;
    if (typeof level !== 'string' || typeof msg !== 'string') return undefined;
    const text = typeof hint === 'string' ? `${msg} (${hint})` : msg;
    return { severity: PINO[level] ?? 'info', text };
  } catch {
    return undefined;
  }
}
