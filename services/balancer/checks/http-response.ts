import { ChunkedReader } from '../http/chunked.ts';
import {
  BODY_CHUNKED,
  BODY_UNTIL_CLOSE,
  fieldsOf,
  INCOMPLETE,
  type ResponseHead,
} from '../http/head.ts';
import { parseResponseHead } from '../http/response-head.ts';
import type { CheckedResponse } from './steps.ts';

/** Most of a body that is looked at, bytes (`tune.bufsize`). */
const MAX_BODY = 16_384;

/** Gathers the response to one check. */
export class CheckResponse {
  #head: ResponseHead | undefined;
  #input: Buffer = Buffer.alloc(0);
  #body: Buffer = Buffer.alloc(0);
  #chunked: ChunkedReader | undefined;
  #complete = false;
  readonly #method: string;

  /** `method` of the request, on which the framing depends. */
  constructor(method: string) {
    this.#method = method;
  }

  /** Takes more in; false when it is no response. */
  push(chunk: Buffer): boolean {
    if (this.#head) return this.#pushBody(chunk);
    this.#input = Buffer.concat([this.#input, chunk]);
    const head = parseResponseHead(this.#input, 0, this.#input.length, this.#method);
    if (head === INCOMPLETE) return true;
    if (typeof head === 'number') return false;
    this.#head = head;
    if (head.body === BODY_CHUNKED) this.#chunked = new ChunkedReader();
    this.#complete = head.body === 0;
    return this.#pushBody(this.#input.subarray(head.consumed));
  }

  /** The server has sent its FIN; false when it has not even sent a head. */
  end(): boolean {
    this.#complete = true;
    return this.#head !== undefined;
  }

  /** What there is to judge, once the head is here. */
  seen(): CheckedResponse | undefined {
    const head = this.#head;
    if (!head) return undefined;
    const body = this.#chunked ? unchunked(this.#body) : this.#body;
    return {
      status: head.status,
      reason: /^\S+ \d+ ?(.*)$/.exec(head.text.slice(0, head.lineLength))?.[1] ?? '',
      fields: [...fieldsOf(head)],
      body: body.toString('latin1'),
      complete: this.#complete,
    };
  }

  #pushBody(chunk: Buffer): boolean {
    if (this.#complete || chunk.length === 0) return true;
    if (this.#chunked) {
      if (this.#chunked.feed(chunk, 0) < 0) return false;
      this.#body = Buffer.concat([this.#body, ...this.#chunked.output]);
      this.#complete = this.#chunked.done;
    } else {
      this.#body = Buffer.concat([this.#body, chunk]);
      const { body } = this.#head!;
      if (body !== BODY_UNTIL_CLOSE && this.#body.length >= body) {
        this.#body = this.#body.subarray(0, body);
        this.#complete = true;
      }
    }
    if (this.#body.length >= MAX_BODY) this.#complete = true;
    return true;
  }
}

/** The data of chunks in canonical form, the last of which may be cut short. */
function unchunked(framed: Buffer): Buffer {
  const parts: Buffer[] = [];
  let at = 0;
  for (;;) {
    const line = framed.indexOf('\r\n', at);
    if (line < 0) break;
    const size = Number.parseInt(framed.toString('latin1', at, line), 16);
    if (!(size > 0)) break;
    parts.push(framed.subarray(line + 2, line + 2 + size));
    at = line + 2 + size + 2;
  }
  return Buffer.concat(parts);
}
