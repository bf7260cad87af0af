import { INCOMPLETE } from '../http/head.ts';
import { Message } from '../http/message.ts';
import { parseRequestHead } from '../http/request-head.ts';

/**
 * The HTTP request that a client of mode tcp has sent, if it speaks HTTP: rules can ask for it as
 * they do in mode http (HAProxy 2.6 manual, section 7.3.6), and nobody changes it.
 */
export class SpokenRequest {
  #payload: Buffer | undefined;
  #request: Message | undefined;
  /** What has come may become a request. */
  incomplete = false;

  in(payload: Buffer | undefined): Message | undefined {
    if (payload === this.#payload) return this.#request;
    this.#payload = payload;
    this.#request = undefined;
    this.incomplete = payload === undefined || payload.length === 0;
    if (!payload || this.incomplete) return undefined;
    const head = parseRequestHead(payload, 0, payload.length);
    this.incomplete = head === INCOMPLETE;
    if (typeof head !== 'number') this.#request = new Message(head);
    return this.#request;
  }
}
