import { once } from 'node:events';
import http from 'node:http';
import type { Service } from './lifecycle.ts';
import { listenError } from './listen.ts';
import type { Registry } from './metrics.ts';

/** Empty when ready; otherwise why not, in words for the owner. */
export type Unreadiness = readonly string[];

export interface HealthOptions {
  /** Loopback address; the health port is never opened to the network. */
  host: string;
  port: number;
  /** What `/readyz` answers: 200 when empty, else 503 with the reasons. */
  unready: () => Unreadiness;
  registry: Pick<Registry, 'contentType' | 'metrics' | 'getMetricsAsJSON'>;
  /** The body of `/status`, or a promise of it: this service's contract from core/contracts/status.ts. */
  status: () => unknown;
  /** Answers what is below `/admin/`, where a service has that; it judges by itself who may. */
  admin?: (request: http.IncomingMessage, response: http.ServerResponse) => Promise<void>;
}

type Answer = { status: number; type: string; body: string };

const json = (status: number, value: unknown): Answer => ({
  status,
  type: 'application/json; charset=utf-8',
  body: `${JSON.stringify(value)}\n`,
});

/**
 * `/healthz` (the event loop turns), `/readyz` (it can serve), `/metrics` (Prometheus) and
 * `/status` (typed JSON) on loopback, the same in every process.
 */
export class HealthServer implements Service {
  readonly #options: HealthOptions;
  #server: http.Server | undefined;

  constructor(options: HealthOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { host, port, admin } = this.#options;
    const server = http.createServer((request, response) => {
      if (admin !== undefined && request.url?.startsWith('/admin/') === true) {
        admin(request, response).catch(() => response.destroy());
        return;
      }
      this.#answer(request.url ?? '/').then(
        ({ status, type, body }) => {
          response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
          response.end(body);
        },
        (error: unknown) => {
          response.writeHead(500, { 'content-type': 'text/plain' });
          response.end(`${String(error)}\n`);
        },
      );
    });
    server.listen(port, host);
    try {
      await once(server, 'listening');
    } catch (error) {
      throw listenError(error, host, port, 'health');
    }
    this.#server = server;
  }

  async #answer(url: string): Promise<Answer> {
    const { unready, registry, status } = this.#options;
    switch (url.split('?', 1)[0]) {
      case '/healthz':
        return json(200, { alive: true });
      case '/readyz': {
        const reasons = unready();
        return json(reasons.length === 0 ? 200 : 503, { ready: reasons.length === 0, reasons });
      }
      case '/metrics':
        return { status: 200, type: registry.contentType, body: await registry.metrics() };
      case '/metrics.json':
        return json(200, await registry.getMetricsAsJSON());
      case '/status':
        return json(200, await status());
      default:
        return json(404, { error: 'known here: /healthz /readyz /metrics /status' });
    }
  }

  async close(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
}
