import type { LogFormat } from '../model.ts';
import { accessDate } from './clock.ts';
import type { ConnectRecord, HttpRecord, LogRecord, RefusedRecord, TcpRecord } from './record.ts';

/** Longest request line in a log line, in characters: HAProxy's `tune.http.logurilen`. */
const MAX_REQUEST_LINE = 1023;

/** What a log line must not contain raw: it would let a client forge lines or close the quotes. */
const UNSAFE = /[^\x20-\x7e]|["#]/;
const UNSAFE_ALL = new RegExp(UNSAFE, 'g');

/**
 * The text of a record in the format that its frontend asked for, or undefined when that format
 * has no line for it: without one, only the connection itself is logged.
 * Source: HAProxy 2.6 manual, sections 8.2.1 to 8.2.3.
 */
export function formatRecord(record: LogRecord, format: LogFormat): string | undefined {
  if (record.kind === 'connect') {
    return format === undefined || format === 'default' ? formatConnect(record) : undefined;
  }
  if (record.kind === 'refused') return formatRefused(record);
  if (format === 'tcplog') return formatTcp(record);
  if (format === 'httplog') return record.kind === 'http' ? formatHttp(record) : formatTcp(record);
  return undefined;
}

function formatConnect(record: ConnectRecord): string {
  const { clientAddress, clientPort, frontendAddress, frontendPort, frontend, mode } = record;
  const to = `${frontendAddress}:${frontendPort} (${frontend}/${mode === 'http' ? 'HTTP' : 'TCP'})`;
  return `Connect from ${clientAddress}:${clientPort} to ${to}`;
}

/** HAProxy 2.6 manual, section 8.2.5 (error log format). */
function formatRefused({ clientAddress, clientPort, startedAt, ...rest }: RefusedRecord): string {
  const who = `${clientAddress}:${clientPort} [${accessDate(startedAt)}]`;
  return `${who} ${rest.frontend}/${rest.listener}: ${rest.reason}`;
}

function formatTcp(record: TcpRecord | HttpRecord): string {
  const { queueTime, connectTime, totalTime, early, bytesToClient } = record;
  const more = early ? '+' : '';
  return (
    `${formatStart(record)} ${queueTime}/${connectTime}/${more}${totalTime} ` +
    `${more}${bytesToClient} ${record.termination} ${formatCounts(record)}`
  );
}

function formatHttp(record: HttpRecord): string {
  const { requestTime, queueTime, connectTime, responseTime, totalTime, early } = record;
  const more = early ? '+' : '';
  return (
    `${formatStart(record)} ` +
    `${requestTime}/${queueTime}/${connectTime}/${responseTime}/${more}${totalTime} ` +
    `${record.status} ${more}${record.bytesToClient} ${formatCookies(record)} ` +
    `${record.termination}${record.cookies} ${formatCounts(record)} ` +
    `${formatFields(record)}"${formatRequestLine(record.requestLine)}"`
  );
}

function formatCookies({ captured }: HttpRecord): string {
  return captured ? `${captured.requestCookie || '-'} ${captured.responseCookie || '-'}` : '- -';
}

/** `{a|b} {c} ` with what was captured (section 8.8). */
function formatFields({ captured }: HttpRecord): string {
  if (!captured) return '';
  const { request, response } = captured;
  return `${request === undefined ? '' : `${request} `}${response === undefined ? '' : `${response} `}`;
}

function formatStart(record: TcpRecord | HttpRecord): string {
  const { clientAddress, clientPort, startedAt, frontend, backend, server } = record;
  return (
    `${clientAddress}:${clientPort} [${accessDate(startedAt)}] ` +
    `${frontend}${record.secure ? '~' : ''} ${backend}/${server ?? '<NOSRV>'}`
  );
}

function formatCounts(record: TcpRecord | HttpRecord): string {
  return (
    `${record.processConnections}/${record.frontendConnections}/${record.backendConnections}/` +
    `${record.serverConnections}/${record.redispatched ? '+' : ''}${record.retries} ` +
    `${record.serverQueue}/${record.backendQueue}`
  );
}

function formatRequestLine(line: string | undefined): string {
  return line === undefined ? '<BADREQ>' : encodeUnsafe(line);
}

/** A client's text without what must not stand in a line, cut at the longest that is logged. */
export function encodeUnsafe(text: string): string {
  const short = text.length > MAX_REQUEST_LINE ? text.slice(0, MAX_REQUEST_LINE) : text;
  return UNSAFE.test(short) ? short.replace(UNSAFE_ALL, encodeCharacter) : short;
}

/** `#` and two hexadecimal digits a byte, as HAProxy writes them. */
function encodeCharacter(character: string): string {
  return Array.from(Buffer.from(character, 'latin1'), (byte) => {
    const digits = byte.toString(16).toUpperCase();
    return `#${digits.padStart(2, '0')}`;
  }).join('');
}
