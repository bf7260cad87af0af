import { readFileSync } from 'node:fs';
import type { ErrorLocation, ProxyConfig } from '../model.ts';
import type { RuleScope } from '../rules/model.ts';
import { reasonOf } from './reasons.ts';
import { parseResponseHead } from './response-head.ts';

/** Statuses that have an error page: reason phrase and text, as HAProxy's own. */
const PAGES = {
  200: ['OK', 'Service ready.'],
  400: ['Bad request', 'Your browser sent an invalid request.'],
  401: ['Unauthorized', 'You need a valid user and password to access this content.'],
  403: ['Forbidden', 'Request forbidden by administrative rules.'],
  404: ['Not Found', 'The resource could not be found.'],
  405: [
    'Method Not Allowed',
    'A request was made of a resource using a request method not supported by that resource',
  ],
  407: ['Unauthorized', 'You need a valid user and password to access this content.'],
  408: ['Request Time-out', "Your browser didn't send a complete request in time."],
  410: ['Gone', 'The resource is no longer available and will not be available again.'],
  413: ['Payload Too Large', 'The request entity exceeds the maximum allowed.'],
  421: ['Misdirected Request', 'Request sent to a non-authoritative server.'],
  422: ['Unprocessable Content', 'The server cannot process the contained instructions.'],
  425: ['Too Early', 'Your browser sent early data.'],
  429: ['Too Many Requests', 'You have sent too many requests in a given amount of time.'],
  500: ['Internal Server Error', 'An internal server error occurred.'],
  501: [
    'Not Implemented',
    '.The server does not support the functionality required to fulfill the request.',
  ],
  502: ['Bad Gateway', 'The server returned an invalid or incomplete response.'],
  503: ['Service Unavailable', 'No server is available to handle this request.'],
  504: ['Gateway Time-out', "The server didn't respond in time."],
} as const satisfies Record<number, readonly [reason: string, text: string]>;

export type ErrorStatus = keyof typeof PAGES;

export const isErrorStatus = (status: number): status is ErrorStatus =>
  Object.hasOwn(PAGES, status);

/** A complete response of our own, ready but for the `connection` field and the empty line. */
export interface LocalResponse {
  readonly status: number;
  /** Start line and fields, each with CRLF. */
  readonly text: string;
  readonly body: Buffer;
  /** Size as HAProxy counts it. */
  readonly counted: number;
}

/** Builds a response from its parts; `fields` are `name: value` lines without CRLF. */
export function localResponse(
  status: number,
  reason: string,
  fields: readonly string[],
  body: Buffer,
): LocalResponse {
  const text = `HTTP/1.1 ${status} ${reason}\r\n${fields.map((field) => `${field}\r\n`).join('')}`;
  const counted =
    20 + 8 + 3 + reason.length + 1 + body.length + fields.reduce((sum, f) => sum + f.length - 2, 0);
  return { status, text, body, counted };
}

const builtIn = new Map<number, LocalResponse>();
const files = new WeakMap<ProxyConfig, Map<number, LocalResponse | undefined>>();
/** An empty errorfile: the connection closes without a word. */
const SILENT: LocalResponse = { status: 0, text: '', body: Buffer.alloc(0), counted: 0 };

/**
 * The answer for an error: the proxy's `errorfile` where it has one for the status, else the
 * built-in page. An unreadable or malformed file falls back to the built-in page too.
 */
export function errorResponse(
  status: ErrorStatus,
  config: ProxyConfig,
  scope?: RuleScope,
): LocalResponse {
  const reply = scope && config.errorReplies?.get(status)?.(scope, config);
  // Logged and counted as the error that it stands for.
  if (reply) return { ...reply, status };
  const elsewhere = config.errorLocations?.get(status);
  if (elsewhere) return { ...redirection(elsewhere), status };
  const own = config.errorFiles.size > 0 ? ownPage(status, config) : undefined;
  return own ? { ...own, status } : builtInPage(status);
}

/**
 * The answer to what is no request: always the built-in page, for there is nothing that rules or
 * pages could be about; an empty errorfile still keeps it back (as HAProxy does).
 */
export function refusalOf(status: ErrorStatus, config: ProxyConfig): LocalResponse {
  const own = config.errorFiles.has(status) ? ownPage(status, config) : undefined;
  return own === SILENT ? { ...SILENT, status } : builtInPage(status);
}

function builtInPage(status: ErrorStatus): LocalResponse {
  const known = builtIn.get(status);
  if (known) return known;
  const [reason, text] = PAGES[status];
  const body = Buffer.from(
    `<html><body><h1>${status} ${reason}</h1>\n${text}\n</body></html>\n`,
    'latin1',
  );
  const fields = [
    `content-length: ${body.length}`,
    'cache-control: no-cache',
    'content-type: text/html',
  ];
  const response = localResponse(status, reason, fields, body);
  builtIn.set(status, response);
  return response;
}

/** `errorloc`: a redirect in place of the page. */
export function redirection({ status, location }: ErrorLocation): LocalResponse {
  const fields = ['cache-control: no-cache', 'content-length: 0', `location: ${location}`];
  return localResponse(
    status,
    status === 302 ? 'Found' : reasonOf(status),
    fields,
    Buffer.alloc(0),
  );
}

/** Errorfiles are read once for each configuration, when they are first needed. */
function ownPage(status: number, config: ProxyConfig): LocalResponse | undefined {
  let known = files.get(config);
  if (!known) {
    known = new Map([...config.errorFiles].map(([code, path]) => [code, responseFromFile(path)]));
    files.set(config, known);
  }
  return known.get(status);
}

/** HAProxy counts the `connection` field of a file, which is ours to decide and not kept. */
function connectionSize(bytes: Buffer, end: number): number {
  const found = /\n(connection):[ \t]*(close|keep-alive)[ \t]*\r?\n/i.exec(
    bytes.toString('latin1', 0, end),
  );
  return found ? found[1]!.length + found[2]!.length : 0;
}

/**
 * An errorfile holds a whole response, head and body (manual, `errorfile`). The body is what
 * follows the head, so that a wrong content-length cannot desynchronise a client.
 */
export function responseFromFile(path: string): LocalResponse | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch {
    return undefined;
  }
  if (bytes.length === 0) return SILENT;
  const head = parseResponseHead(bytes, 0, bytes.length, 'GET');
  if (typeof head === 'number') return undefined;
  const body = bytes.subarray(head.consumed);
  const lines = head.text
    .split('\r\n')
    .filter((line) => line !== '' && !/^(content-length|transfer-encoding):/.test(line));
  const text = [...lines, `content-length: ${body.length}`].map((line) => `${line}\r\n`).join('');
  const counted = head.counted + connectionSize(bytes, head.consumed) + body.length;
  return { status: head.status, text, body, counted };
}
