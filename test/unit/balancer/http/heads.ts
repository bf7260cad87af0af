import type { RequestHead, ResponseHead } from '../../../../services/balancer/http/head.ts';
import { parseRequestHead } from '../../../../services/balancer/http/request-head.ts';
import { parseResponseHead } from '../../../../services/balancer/http/response-head.ts';

export const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

export function request(text: string): RequestHead | number {
  const input = bytes(text);
  return parseRequestHead(input, 0, input.length);
}

export function response(text: string, method = 'GET'): ResponseHead | number {
  const input = bytes(text);
  return parseResponseHead(input, 0, input.length, method);
}

/** The head, or a failure of the test. */
export function goodRequest(text: string): RequestHead {
  const head = request(text);
  if (typeof head === 'number') throw new Error(`refused with ${head}: ${JSON.stringify(text)}`);
  return head;
}

export function goodResponse(text: string, method = 'GET'): ResponseHead {
  const head = response(text, method);
  if (typeof head === 'number') throw new Error(`refused with ${head}: ${JSON.stringify(text)}`);
  return head;
}
