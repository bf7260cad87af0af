import { Compressor } from '../compression/compressor.ts';
import type { Algorithm } from '../compression/config.ts';
import type { BodyFlow } from './body-flow.ts';
import { PayloadReader } from './payload-reader.ts';

/** Keeps a copy of a body. */
export interface BodyCopy {
  add(data: Buffer): void;
  /** The body is complete (true), or will never be. */
  close(complete: boolean): void;
}

export interface FilterOptions {
  /** How the server frames the body: one of the BODY_ constants, or a length. */
  readonly body: number;
  readonly algorithm: Algorithm | undefined;
  readonly copy: BodyCopy | undefined;
  /** Told of bytes that are compressed, and of what comes of them. */
  readonly count?: ((input: number, output: number) => void) | undefined;
}

const END_OF_CHUNK = Buffer.from('\r\n');
const LAST_CHUNK = Buffer.from('0\r\n\r\n');

/** What happens to a response's body between server and client: it is copied, or compressed. */
export class ResponseFilter {
  readonly #payload: PayloadReader;
  readonly #copy: BodyCopy | undefined;
  readonly #compressor: Compressor | undefined;
  readonly #count: FilterOptions['count'];
  #ended = false;

  constructor({ body, algorithm, copy, count }: FilterOptions) {
    this.#payload = new PayloadReader(body);
    this.#copy = copy;
    this.#compressor = algorithm && new Compressor(algorithm);
    this.#count = count;
  }

  get compresses(): boolean {
    return this.#compressor !== undefined;
  }

  /** What goes to the client of the flow's last output. */
  pass({ output, done }: Pick<BodyFlow, 'output' | 'done'>): readonly Buffer[] {
    if (this.#ended) return output;
    const data = this.#payload.read(output);
    if (this.#copy) for (const part of data) this.#copy.add(part);
    return this.#compressor ? this.#compress(data, done, this.#compressor) : output;
  }

  /** The exchange is over; `complete` = with all of the body. */
  close(complete: boolean): void {
    this.#copy?.close(complete);
  }

  #compress(data: readonly Buffer[], done: boolean, compressor: Compressor): Buffer[] {
    const parts: Buffer[] = [];
    const add = (part: Buffer, from: number): void => {
      this.#count?.(from, part.length);
      if (part.length === 0) return;
      parts.push(Buffer.from(`${part.length.toString(16)}\r\n`, 'latin1'), part, END_OF_CHUNK);
    };
    if (data.length > 0) {
      const whole = data.length === 1 ? data[0]! : Buffer.concat(data);
      add(compressor.push(whole), whole.length);
    }
    if (!done) return parts;
    this.#ended = true;
    const { trailers } = this.#payload;
    // The end of chunks has a size, too, in HAProxy's books.
    add(compressor.end(), trailers.length > 0 ? 1 : 0);
    if (trailers.length > 0) parts.push(...trailers);
    else parts.push(LAST_CHUNK);
    return parts;
  }
}
