import { once } from 'node:events';
import http from 'node:http';
import type { Service } from '#core/lifecycle.ts';
import { listenError } from '#core/listen.ts';

export interface PageServerOptions {
  host: string;
  port: number;
  handler: http.RequestListener;
}

const MAX_CONNECTIONS = 512;
const REQUEST_TIMEOUT = 10_000;

/** The HTTP server that carries the page. */
export class PageServer implements Service {
  readonly #options: PageServerOptions;
  #server: http.Server | undefined;

  constructor(options: PageServerOptions) {
    this.#options = options;
  }

  /** Rejects with BrambleError PORT_IN_USE or LISTEN_REFUSED. */
  async start(): Promise<void> {
    const { host, port, handler } = this.#options;
    const server = http.createServer({ requestTimeout: REQUEST_TIMEOUT }, handler);
    server.maxConnections = MAX_CONNECTIONS;
    server.listen(port, host);
    try {
      await once(server, 'listening');
    } catch (error) {
      throw listenError(error, host, port, 'page');
    }
    this.#server = server;
  }

  async close(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    const closed = once(server, 'close');
    server.close();
    server.closeIdleConnections();
    const hurry = setTimeout(() => server.closeAllConnections(), 1000);
    await closed;
    clearTimeout(hurry);
  }
}
