import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/**
 * Whether the Authorization header bears the token (RFC 6750, 2.1); without a token nobody does.
 * Takes as long for a nearly right one as for any other.
 */
export function bearsToken(header: string | undefined, token: string | undefined): boolean {
  const given = /^Bearer +(\S+)$/i.exec(header ?? '')?.[1];
  if (token === undefined || given === undefined) return false;
  return timingSafeEqual(digest(given), digest(token));
}

/** Equal lengths for the comparison. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/**
 * The body as JSON, of at most `max` bytes; undefined for none. Rejects with SyntaxError for what is
 * no JSON, RangeError for what is too long.
 */
export async function readJson(request: IncomingMessage, max: number): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > max) throw new RangeError(`a body of more than ${max} bytes`);
    chunks.push(chunk);
  }
  return length === 0 ? undefined : (JSON.parse(Buffer.concat(chunks).toString()) as unknown);
}
