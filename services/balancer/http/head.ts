/** How many bytes follow a head: a count, or one of these. */
export const BODY_CHUNKED = -1;
/** Response only: everything up to the server's close (RFC 9112, 6.3 rule 8). */
export const BODY_UNTIL_CLOSE = -2;
/** Bytes both ways until somebody closes: after 101, or 2xx to CONNECT. */
export const BODY_TUNNEL = -3;

interface HeadBase {
  /**
   * Start line and fields in canonical form, each line with its CRLF, without the empty line that
   * ends the head: names in lower case, one space behind the colon, no folding, `connection` and
   * other fields that are ours to decide removed. Safe to forward to any parser.
   */
  readonly text: string;
  /** Length of the start line in `text`, CRLF not counted. */
  readonly lineLength: number;
  readonly http10: boolean;
  /** Whether the sender lets the connection live on (version and `connection`). */
  readonly keepAlive: boolean;
  /** Bytes that the head took from the input. */
  readonly consumed: number;
  /** Size as HAProxy counts a head in `bin`, `bout` and its logs. */
  readonly counted: number;
  /** Body bytes to follow, or one of the BODY_ constants. */
  readonly body: number;
}

export interface RequestHead extends HeadBase {
  readonly method: string;
  readonly target: string;
  /** The line as the client wrote it, for logs. */
  readonly requestLine: string;
  /** It asks for an `upgrade` (RFC 9110, 7.8) that we pass on. */
  readonly upgrade: boolean;
}

export interface ResponseHead extends HeadBase {
  readonly status: number;
}

/** What a parser returns instead of a head. */
export const INCOMPLETE = 0;
export const BAD_REQUEST = 400;
/** Transfer codings that we do not undo: HAProxy's answer to `gzip, chunked`. */
export const UNPROCESSABLE = 422;
/** A body where the version of the request knows none: HAProxy's answer to a GET of 1.0 with one. */
export const TOO_LARGE = 413;
export type Refusal =
  | typeof INCOMPLETE
  | typeof BAD_REQUEST
  | typeof TOO_LARGE
  | typeof UNPROCESSABLE;

const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

/** Whether a request may be sent twice without harm (RFC 9110, 9.2.2) and still is at hand. */
export function isRepeatable({ method, body }: RequestHead): boolean {
  return body === 0 && IDEMPOTENT.has(method);
}

/** The fields of a head as name and value, for those who need to look inside. */
export function* fieldsOf(head: HeadBase): Generator<[name: string, value: string]> {
  let from = head.lineLength + 2;
  while (from < head.text.length) {
    const colon = head.text.indexOf(':', from);
    const end = head.text.indexOf('\r\n', colon);
    yield [head.text.slice(from, colon), head.text.slice(colon + 2, end)];
    from = end + 2;
  }
}

/** The value of the first field with this (lower case) name. */
export function fieldOf(head: HeadBase, name: string): string | undefined {
  const at = head.text.indexOf(`\n${name}:`, head.lineLength);
  if (at < 0) return undefined;
  const from = at + name.length + 3;
  return head.text.slice(from, head.text.indexOf('\r\n', from));
}
