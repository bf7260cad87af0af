import { hostname } from 'node:os';
import { parseIp } from '../samples/ip.ts';
import type { Scope } from '../samples/scope.ts';
import { accessDate, gmtDate, localDate } from './clock.ts';
import type { HttpRecord, TcpRecord } from './record.ts';

export type SessionRecord = TcpRecord | HttpRecord;

export interface LogVariable {
  readonly summary: string;
  /** Only known of HTTP requests. */
  readonly http?: boolean;
  /** Where there is nothing, not even a dash stands for it. */
  readonly optional?: boolean;
  /** `#` and digits in place of what could forge a line. */
  readonly encoded?: boolean;
  /** Written in hexadecimal with the flag X. */
  readonly hexadecimal?: 'address' | 'number';
  /** undefined = nothing is known. */
  text(record: SessionRecord, scope: Scope | undefined): string | undefined;
}

type Table = Readonly<Record<string, LogVariable>>;
type Of = (record: SessionRecord, scope: Scope | undefined) => string | number | undefined;

const field = (summary: string, of: Of, more: Partial<LogVariable> = {}): LogVariable => ({
  summary,
  text: (record, scope) => {
    const value = of(record, scope);
    return value === undefined ? undefined : String(value);
  },
  ...more,
});
const request = (
  summary: string,
  of: (record: HttpRecord, scope: Scope | undefined) => string | number | undefined,
  more: Partial<LogVariable> = {},
) =>
  field(summary, (record, scope) => (record.kind === 'http' ? of(record, scope) : undefined), {
    http: true,
    ...more,
  });

const HEX_ADDRESS = { hexadecimal: 'address' } as const;
const HEX_NUMBER = { hexadecimal: 'number' } as const;
const ENCODED = { encoded: true } as const;
const OPTIONAL = { optional: true } as const;
const early = ({ early: soon }: SessionRecord): string => (soon ? '+' : '');

/** The parts of a request line. */
const wordOf = (line: string | undefined, index: number): string =>
  line === undefined ? '<BADREQ>' : (line.split(' ')[index] ?? '<BADREQ>');
const pathOf = (line: string | undefined): string => {
  const target = wordOf(line, 1);
  const at = target.indexOf('?');
  return at < 0 ? target : target.slice(0, at);
};
const queryOf = (line: string | undefined): string => {
  if (line === undefined) return '<BADREQ>';
  const target = wordOf(line, 1);
  const at = target.indexOf('?');
  return at < 0 ? '' : target.slice(at);
};

/** Everything between the server's answer and the end: Td = Tt - (Tq + Tw + Tc + Tr). */
function dataTime(record: SessionRecord): number {
  const parts = [record.queueTime, record.connectTime];
  if (record.kind === 'http') parts.push(record.requestTime, record.responseTime);
  return parts.some((time) => time < 0)
    ? -1
    : record.totalTime - parts.reduce((sum, time) => sum + time, 0);
}

const pad3 = (value: number): string => `${value}`.padStart(3, '0');

/** `%…` of log formats: HAProxy 2.6 manual, section 8.2.6. */
export const LOG_VARIABLES: Table = {
  B: field('bytes to the client', (record) => `${early(record)}${record.bytesToClient}`),
  CC: request('captured request cookie', ({ captured }) => captured?.requestCookie),
  CS: request('captured response cookie', ({ captured }) => captured?.responseCookie),
  H: field('host name', () => hostname()),
  HM: request('method', ({ requestLine }) => wordOf(requestLine, 0), ENCODED),
  HP: request('target without the query', ({ requestLine }) => pathOf(requestLine), ENCODED),
  HPO: request(
    'path alone',
    ({ requestLine }) => pathOf(requestLine).replace(/^[a-z]+:\/\/[^/]*/i, ''),
    ENCODED,
  ),
  HQ: request('query with its question mark', ({ requestLine }) => queryOf(requestLine), ENCODED),
  HU: request('target', ({ requestLine }) => wordOf(requestLine, 1), ENCODED),
  HV: request('version', ({ requestLine }) => wordOf(requestLine, 2), ENCODED),
  ID: field('unique id', (_record, scope) => scope?.uniqueId),
  ST: field('status', (record) => (record.kind === 'http' ? record.status : 0)),
  T: field('date, universal time', ({ startedAt }) => gmtDate(startedAt)),
  Ta: request('active time', (record) => `${early(record)}${record.totalTime}`),
  Tc: field('connecting', ({ connectTime }) => connectTime),
  Td: field('transfer', dataTime),
  Tl: field('date, local time', ({ startedAt }) => localDate(startedAt)),
  Th: field('handshakes', () => 0),
  Ti: request('idle before the request', () => 0),
  Tq: request('receiving the request', ({ requestTime }) => requestTime),
  TR: request('receiving the request head', ({ requestTime }) => requestTime),
  Tr: request('waiting for the response', ({ responseTime }) => responseTime),
  Ts: field('seconds since 1970', ({ startedAt }) => Math.floor(startedAt / 1000), HEX_NUMBER),
  Tt: field('whole time', (record) => `${early(record)}${record.totalTime}`),
  Tu: field('time since the first byte', (record) => `${early(record)}${record.totalTime}`),
  Tw: field('queues', ({ queueTime }) => queueTime),
  U: field('bytes from the client', ({ bytesFromClient }) => bytesFromClient ?? 0),
  ac: field('connections of the process', ({ processConnections }) => processConnections),
  b: field('backend', ({ backend }) => backend),
  bc: field('connections of the backend', ({ backendConnections }) => backendConnections),
  bi: field(
    'our address to the server',
    (_record, scope) => scope?.serverEnds?.localAddress,
    HEX_ADDRESS,
  ),
  bp: field('our port to the server', (_record, scope) => scope?.serverEnds?.localPort, HEX_NUMBER),
  bq: field("place in the backend's queue", ({ backendQueue }) => backendQueue),
  ci: field("client's address", ({ clientAddress }) => clientAddress, HEX_ADDRESS),
  cp: field("client's port", ({ clientPort }) => clientPort, HEX_NUMBER),
  f: field('frontend', ({ frontend }) => frontend),
  fc: field('connections of the frontend', ({ frontendConnections }) => frontendConnections),
  fi: field("frontend's address", ({ frontendAddress }) => frontendAddress, HEX_ADDRESS),
  fp: field("frontend's port", ({ frontendPort }) => frontendPort, HEX_NUMBER),
  ft: field('frontend, `~` behind it for TLS', ({ frontend, secure }) =>
    secure ? `${frontend}~` : frontend,
  ),
  lc: field('number of the line', ({ number }) => number ?? 0),
  hr: request('captured request fields', ({ captured }) => captured?.request, OPTIONAL),
  hs: request('captured response fields', ({ captured }) => captured?.response, OPTIONAL),
  hrl: request(
    'captured request fields, one by one',
    ({ captured }) => captured?.requestList,
    OPTIONAL,
  ),
  hsl: request(
    'captured response fields, one by one',
    ({ captured }) => captured?.responseList,
    OPTIONAL,
  ),
  ms: field('milliseconds of the date', ({ startedAt }) => pad3(startedAt % 1000)),
  pid: field('process id', () => process.pid, HEX_NUMBER),
  r: request('request line', ({ requestLine }) => requestLine ?? '<BADREQ>', ENCODED),
  rc: field('retries', ({ retries, redispatched }) => `${redispatched ? '+' : ''}${retries}`),
  rt: field('number of the request', ({ number }) => number ?? 0, HEX_NUMBER),
  s: field('server', ({ server }) => server ?? '<NOSRV>'),
  sc: field('connections of the server', ({ serverConnections }) => serverConnections),
  si: field("server's address", (_record, scope) => scope?.serverEnds?.remoteAddress, HEX_ADDRESS),
  sp: field("server's port", (_record, scope) => scope?.serverEnds?.remotePort, HEX_NUMBER),
  sq: field("place in the server's queue", ({ serverQueue }) => serverQueue),
  sslc: field('cipher', (_record, scope) => scope?.tls?.cipher),
  sslv: field('version of TLS', (_record, scope) => scope?.tls?.protocol),
  t: field('date with milliseconds', ({ startedAt }) => accessDate(startedAt)),
  tr: request('date of the request', ({ startedAt }) => accessDate(startedAt)),
  trg: request('date of the request, universal time', ({ startedAt }) => gmtDate(startedAt)),
  trl: request('date of the request, local time', ({ startedAt }) => localDate(startedAt)),
  ts: field('termination', ({ termination }) => termination),
  tsc: request('termination and cookies', ({ termination, cookies }) => termination + cookies),
};

/** An address or a number in capital hexadecimal digits. */
export function inHexadecimal(text: string, kind: 'address' | 'number'): string {
  if (kind === 'number') return Number(text).toString(16).toUpperCase().padStart(4, '0');
  const bytes = parseIp(text);
  return bytes ? Buffer.from(bytes).toString('hex').toUpperCase() : text;
}
