import { once } from 'node:events';
import http from 'node:http';
import { json } from 'node:stream/consumers';
import { BrambleError, ERROR_CODES } from './errors.ts';

/**
 * What a service of this node answers to one GET. `fetch` would do, and keep 10 MiB of code in
 * memory for it. Rejects with ENGINE_UNAVAILABLE for any status but 200, with the socket's error,
 * SyntaxError or the signal's reason.
 */
export async function askJson(url: URL, signal: AbortSignal): Promise<unknown> {
  const request = http.get(url, { agent: false, signal });
  // What comes after the answer began is the answer's error too.
  request.on('error', () => {});
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  if (response.statusCode !== 200) {
    response.destroy();
    throw new BrambleError(
      ERROR_CODES.ENGINE_UNAVAILABLE,
      `${url.pathname} is answered with ${response.statusCode}`,
    );
  }
  return json(response);
}
