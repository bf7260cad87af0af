import { BODY_CHUNKED, type ResponseHead } from '../http/head.ts';
import { Message } from '../http/message.ts';
import type { CacheHit } from './cache-session.ts';
import { ageOf } from './entry.ts';

/** The head of a kept response as it is given out `now`, as if a server had sent it. */
export function cachedHead({ entry, unchanged }: CacheHit, now: number): ResponseHead {
  const message = new Message(entry);
  if (unchanged) message.line = 'HTTP/1.1 304 Not Modified';
  message.add('age', `${ageOf(entry, now)}`);
  const body = unchanged ? 0 : entry.chunked ? BODY_CHUNKED : entry.length;
  const lines = message.text.split('\r\n').length - 1;
  return {
    status: unchanged ? 304 : 200,
    text: message.text,
    lineLength: message.lineLength,
    http10: false,
    keepAlive: true,
    consumed: 0,
    // Names and values, and the start line's frame.
    counted: 20 + message.text.length - 4 * lines + 1,
    body,
  };
}

const CRLF = Buffer.from('\r\n');
const LAST_CHUNK = Buffer.from('0\r\n\r\n');

/** Its body, framed as the head says. */
export function cachedBody({ entry, unchanged }: CacheHit): readonly Buffer[] {
  if (unchanged) return [];
  if (!entry.chunked) return entry.body;
  if (entry.length === 0) return [LAST_CHUNK];
  const size = Buffer.from(`${entry.length.toString(16)}\r\n`, 'latin1');
  return [size, ...entry.body, CRLF, LAST_CHUNK];
}
