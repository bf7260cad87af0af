import type { Mode } from '../model.ts';
import type { Scope } from '../samples/scope.ts';
import type { TcpScope } from '../tcp/tcp-scope.ts';

interface ConnectionPart {
  /** Source of the connection, after any PROXY header. */
  clientAddress: string;
  clientPort: number;
  /** Where the client connected to. */
  frontendAddress: string;
  frontendPort: number;
  frontend: string;
}

/** A connection was accepted: all that a frontend without a log format writes. */
export interface ConnectRecord extends ConnectionPart {
  kind: 'connect';
  mode: Mode;
}

/** A connection ended before it was anybody's: its TLS handshake came to nothing. */
export interface RefusedRecord extends ConnectionPart {
  kind: 'refused';
  /** Milliseconds since the epoch. */
  startedAt: number;
  /** Name or number of the `bind`. */
  listener: string;
  reason: string;
  /** What formats of one's own may ask for. */
  scope: TcpScope;
}

/**
 * What the planes report of one finished (or, with `logasap`, started) session or request. Every
 * field that HAProxy's tcplog and httplog lines need; `format.ts` turns it into text.
 * Source: HAProxy 2.6 configuration manual, sections 8.2 (formats) and 8.5 (session state).
 */
interface RecordBase extends ConnectionPart {
  /** The client speaks TLS: a `~` behind the frontend's name. */
  secure?: boolean;
  /** Milliseconds since the epoch: accept for a TCP session, first byte for an HTTP request. */
  startedAt: number;
  /** The frontend's own name as long as no backend has been chosen. */
  backend: string;
  /** undefined = no server was chosen; written `<NOSRV>`. `<STATS>` for our own pages. */
  server: string | undefined;
  /** Milliseconds in queues (Tw); -1 when the session ended before it left them. */
  queueTime: number;
  /** Milliseconds to connect to the server, retries included (Tc); -1 when it never did. */
  connectTime: number;
  /** Milliseconds, the whole session (Tt), or the active part of a request (Ta). */
  totalTime: number;
  /** Bytes from the balancer to the client. */
  bytesToClient: number;
  /** Bytes from the client to the balancer. */
  bytesFromClient?: number;
  /** Counts the records of the process. */
  number?: number;
  /** A syslog level's name, where a rule has set one. */
  level?: string | undefined;
  /** What formats of one's own may ask for besides. */
  scope?: Scope | undefined;
  /** Two letters: who ended it, and in which phase (`--`, `CD`, `SC`, `sQ`, …). */
  termination: string;
  /** Established connections of the process, frontend, backend and server, this one included. */
  processConnections: number;
  frontendConnections: number;
  backendConnections: number;
  serverConnections: number;
  retries: number;
  /** A retry went to another server: `retries` carries a `+`. */
  redispatched: boolean;
  /** Places ahead in the server's and in the backend's queue when this one joined. */
  serverQueue: number;
  backendQueue: number;
  /** Written before its end (`option logasap`): time and bytes carry a `+`. */
  early: boolean;
}

/** Captured fields and cookies, ready to be written (manual, sections 8.7 and 8.8). */
export interface CapturedTexts {
  requestCookie: string | undefined;
  responseCookie: string | undefined;
  /** `{a|b}`; undefined where nothing is captured on that side. */
  request: string | undefined;
  response: string | undefined;
  requestList: string | undefined;
  responseList: string | undefined;
}

export interface TcpRecord extends RecordBase {
  kind: 'tcp';
}

export interface HttpRecord extends RecordBase {
  /** States of the request's and the response's stickiness cookie, `--` without one. */
  cookies: string;
  kind: 'http';
  /** undefined where the proxy captures nothing. */
  captured?: CapturedTexts | undefined;
  /** Milliseconds to receive the request head (TR); -1 when it never was complete. */
  requestTime: number;
  /** Milliseconds until the server's response head (Tr); -1 when there was none. */
  responseTime: number;
  /** Status sent to the client; -1 when none was. */
  status: number;
  /** `GET /path HTTP/1.1`; undefined when no valid request line came (`<BADREQ>`). */
  requestLine: string | undefined;
}

export type LogRecord = ConnectRecord | RefusedRecord | TcpRecord | HttpRecord;

/** Severities of syslog (RFC 5424, 6.2.1): smaller is worse. */
export const LEVELS = [
  'emerg',
  'alert',
  'crit',
  'err',
  'warning',
  'notice',
  'info',
  'debug',
] as const;
export type Level = (typeof LEVELS)[number];

/** The number of a level, or -1 when there is none of that name. */
export function levelNumber(name: string): number {
  return (LEVELS as readonly string[]).indexOf(name);
}
