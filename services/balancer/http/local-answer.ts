import type { ExchangeClient } from './client-side.ts';
import type { LocalResponse } from './errors.ts';
import type { RequestHead } from './head.ts';

/** Sends a response of our own; an empty one (an empty errorfile) is silence. */
export function sendLocal(
  client: ExchangeClient,
  { method, http10 }: RequestHead,
  { text, body }: LocalResponse,
  keep: boolean,
): void {
  if (text === '') return;
  let connection = '';
  if (!keep) connection = 'connection: close\r\n';
  else if (http10) connection = 'connection: keep-alive\r\n';
  client.send(`${text}${connection}\r\n`, method === 'HEAD' || body.length === 0 ? [] : [body]);
}
