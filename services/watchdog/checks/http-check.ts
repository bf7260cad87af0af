import http from 'node:http';
import type { Check } from './check.ts';

/** Layer 7: a GET is answered with status 200. */
export class HttpCheck implements Check {
  readonly name: string;
  readonly #url: URL;

  constructor(url: URL) {
    this.#url = url;
    this.name = url.href;
  }

  run(signal: AbortSignal): Promise<void> {
    return ask(this.#url, signal).then(({ status }) => {
      if (status !== 200) throw new Error(`answers with status ${status}`);
    });
  }
}

const MAX_BODY = 1 << 20;

/** One GET, on a connection of its own. Rejects when there is no whole answer. */
export function ask(url: URL, signal: AbortSignal): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => reject(signal.aborted ? signal.reason : error);
    // A connection of its own each time: one that is kept open says nothing about accepting.
    const request = http.get(url, { agent: false, signal }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        body += text;
        if (body.length > MAX_BODY) request.destroy(new Error('answers without end'));
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      response.on('error', fail);
    });
    request.on('error', fail);
  });
}
