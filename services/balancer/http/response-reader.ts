import { INCOMPLETE, type ResponseHead } from './head.ts';
import { parseResponseHead, type ResponseRefusal } from './response-head.ts';

/** Gathers what a server sends until a response head is complete; interim heads come first. */
export class ResponseReader {
  /** What has come and is not used yet, and where the unused part begins. */
  input: Buffer = NOTHING;
  at = 0;
  readonly #method: string;

  /** `method` of the request, on which the framing depends. */
  constructor(method: string) {
    this.#method = method;
  }

  /** The server has not said a single byte. */
  get untouched(): boolean {
    return this.input.length === 0;
  }

  push(chunk: Buffer): void {
    const rest = this.input.length - this.at;
    this.input = rest === 0 ? chunk : Buffer.concat([this.input.subarray(this.at), chunk]);
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
