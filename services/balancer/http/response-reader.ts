import { INCOMPLETE, type ResponseHead } from './head.ts';
import { parseResponseHead, type ResponseRefusal } from './response-head.ts';

/** Gathers what a server sends until a response head is complete; interim heads come first. */
export class ResponseReader {
  /** What has come and is not used yet, and where the unused part begins. */
  input: Buffer = NOTHING;
  at = 0;
  /** The server has not said a single byte. */
  untouched = true;
  readonly #method: string;
  /** The input is somebody else's, and will be overwritten. */
  #borrowed = false;

  /** `method` of the request, on which the framing depends. */
  constructor(method: string) {
    this.#method = method;
  }

  /** `chunk` is good until the caller returns: what is left of it by then is to be `keep`t. */
  push(chunk: Buffer): void {
    this.untouched = false;
    const rest = this.input.length - this.at;
    this.#borrowed = rest === 0;
    this.input = rest === 0 ? chunk : Buffer.concat([this.input.subarray(this.at), chunk]);
    this.at = 0;
  }

  keep(): void {
    if (!this.#borrowed) return;
    this.#borrowed = false;
    this.input = Buffer.from(this.input.subarray(this.at));
    this.at = 0;
  }

  /** The next head, INCOMPLETE, or BAD_REQUEST. `at` stands behind it then. */
  next(lenient = false): ResponseHead | ResponseRefusal {
    if (this.at === this.input.length) return INCOMPLETE;
    const head = parseResponseHead(this.input, this.at, this.input.length, this.#method, lenient);
    if (typeof head !== 'number') this.at += head.consumed;
    return head;
  }
}

const NOTHING = Buffer.alloc(0);
