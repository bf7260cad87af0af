import { readFileSync } from 'node:fs';
import type { ProxyConfig } from '../model.ts';
import { parseResponseHead } from './response-head.ts';

/** What we answer ourselves when a request cannot be served: HAProxy's statuses. */
export type ErrorStatus = 400 | 401 | 408 | 422 | 500 | 502 | 503 | 504;

const REASONS: Record<ErrorStatus, [reason: string, text: string]> = {
  400: ['Bad request', 'Your browser sent an invalid request.'],
  401: ['Unauthorized', 'You need a valid user and password to access this content.'],
  408: ['Request Time-out', "Your browser didn't send a complete request in time."],
  422: ['Unprocessable Content', 'The server cannot process the contained instructions.'],
  500: ['Internal Server Error', 'An internal server error occurred.'],
  502: ['Bad Gateway', 'The server returned an invalid or incomplete response.'],
  503: ['Service Unavailable', 'No server is available to handle this request.'],
  504: ['Gateway Time-out', "The server didn't respond in time."],
};

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
export function errorResponse(status: ErrorStatus, config: ProxyConfig): LocalResponse {
  const own = config.errorFiles.size > 0 ? ownPage(status, config) : undefined;
  if (own) return own === SILENT ? { ...SILENT, status } : own;
  let response = builtIn.get(status);
  if (!response) {
    const [reason, text] = REASONS[status];
    const body = Buffer.from(
      `<html><body><h1>${status} ${reason}</h1>\n${text}\n</body></html>\n`,
      'latin1',
    );
    const fields = [
      `content-length: ${body.length}`,
      'cache-control: no-cache',
      'content-type: text/html',
    ];
    response = localResponse(status, reason, fields, body);
    builtIn.set(status, response);
  }
  return response;
}

/** Errorfiles are read once for each configuration, when they are first needed. */
function ownPage(status: number, config: ProxyConfig): LocalResponse | undefined {
  let known = files.get(config);
  if (!known) {
    known = new Map([...config.errorFiles].map(([code, path]) => [code, fromFile(path)]));
    files.set(config, known);
  }
  return known.get(status);
}

/**
 * An errorfile holds a whole response, head and body (manual, `errorfile`). The body is what
 * follows the head, so that a wrong content-length cannot desynchronise a client.
 */
function fromFile(path: string): LocalResponse | undefined {
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
  return { status: head.status, text, body, counted: head.counted + body.length };
}
