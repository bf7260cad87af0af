import { BODY_CHUNKED } from './head.ts';

/** The bytes of a body as far as they have come, without the framing of chunks. */
export function bodyText(body: number, parts: readonly Buffer[]): string {
  const raw = Buffer.concat(parts);
  return body === BODY_CHUNKED ? dechunked(raw.toString('latin1')) : raw.toString('latin1');
}

/** `raw` has been checked by the reader of chunks: lengths in hexadecimal, then as many bytes. */
function dechunked(raw: string): string {
  let text = '';
  for (let at = 0; at < raw.length; ) {
    const end = raw.indexOf('\r\n', at);
    if (end < 0) break;
    const size = Number.parseInt(raw.slice(at, end), 16);
    if (!(size > 0)) break;
    text += raw.slice(end + 2, end + 2 + size);
    at = end + 2 + size + 2;
  }
  return text;
}
