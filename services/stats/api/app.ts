import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import { describeError } from '#core/errors.ts';
import type { Logger } from '#core/log.ts';
import type { ClusterModel } from '../model/cluster-model.ts';
import { lastKnown } from '../model/sourced.ts';
import type { Asking, Verdict } from '../monitoring/door.ts';
import type { NodeMetrics } from '../monitoring/node-metrics.ts';
import { errorPage } from '../page/error-page.ts';
import type { Renderer } from '../page/renderer.ts';
import type { StreamHub } from '../page/stream.ts';
import type { Sources } from '../sources/sources.ts';
import { securityHeaders } from './security-headers.ts';

export interface AppParts {
  model: ClusterModel;
  sources: Sources;
  renderer: Renderer;
  hub: StreamHub;
  log: Logger;
  /** What a Prometheus elsewhere may read. */
  monitoring: { metrics: NodeMetrics; judge: (asking: Asking) => Verdict };
}

const YEAR = 31_536_000;
/** Seconds after which a refused reader may try again. */
const RETRY_AFTER = 10;

/** Titles and texts for who may not read the metrics. */
const REFUSALS = {
  401: ['Who are you', 'Metrics are for who shows the token of cluster.yaml (monitoring.token).'],
  403: ['Not from there', 'This address is not among those of cluster.yaml (monitoring.from).'],
  404: ['Not found', 'There is nothing under this address.'],
} as const satisfies Record<number, [string, string]>;

/** The page, its stream and the JSON beside it. Everything here only reads. */
export function createApp(parts: AppParts): Express {
  const { model, sources, renderer, hub, log, monitoring } = parts;
  const { assets } = renderer;
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('case sensitive routing', true);
  app.use(securityHeaders);

  const get = (path: string, handler: (request: Request, response: Response) => void) => {
    app
      .route(path)
      .get(handler)
      .all((request, response) => {
        response.set('allow', 'GET, HEAD');
        fail(request, response, 405, 'Method not allowed', `${path} can only be read.`);
      });
  };

  get('/', (_request, response) => {
    response.set('cache-control', 'no-store').type('html').send(renderer.page(model.snapshot));
  });

  get('/events', (request, response) => {
    if (hub.full) {
      response.set('retry-after', String(RETRY_AFTER));
      fail(request, response, 503, 'Too many readers', 'All live streams are taken.');
      return;
    }
    if (request.method === 'HEAD') {
      response.type('text/event-stream').end();
      return;
    }
    const text = (value: unknown) => (typeof value === 'string' ? value : '');
    // A reconnect names the last message received; the address names the first page.
    const from = request.get('last-event-id') ?? text(request.query.from);
    hub.open(response, from, text(request.query.version), model.snapshot);
  });

  for (const { path, type, body } of [assets.css, assets.js, assets.icon]) {
    const lasting = path.startsWith('/assets/') ? `public, max-age=${YEAR}, immutable` : 'no-cache';
    get(path, (_request, response) => {
      response.set({ 'content-type': type, 'cache-control': lasting }).send(body);
    });
  }

  get('/api/cluster', (_request, response) => sendJson(response, 200, model.snapshot));
  get('/api/events', (_request, response) =>
    sendJson(response, 200, { events: model.snapshot.events }),
  );
  get('/api/vitals', (request, response) => {
    const vitals = lastKnown(sources.own.state);
    if (sources.own.state.state === 'fresh' && vitals) sendJson(response, 200, vitals);
    else fail(request, response, 503, 'No vitals', 'This machine has not been measured yet.');
  });

  // Health and monitoring ports listen on this machine alone: the other nodes' pages ask here.
  for (const [name, poller] of Object.entries(sources.here)) {
    if (poller === undefined) continue;
    get(`/api/node/${name}`, (request, response) => {
      const value = lastKnown(poller.state);
      if (poller.state.state === 'fresh' && value !== undefined) sendJson(response, 200, value);
      else fail(request, response, 503, 'No answer', `The ${name} of this node does not answer.`);
    });
  }

  get('/metrics', (request, response) => {
    const { metrics, judge } = monitoring;
    const address = request.socket.remoteAddress;
    const verdict = judge({ address, authorization: request.get('authorization') });
    if (verdict === 200) {
      metrics.read().then(
        (text) => {
          response.set({ 'content-type': metrics.contentType, 'cache-control': 'no-store' });
          response.send(text);
        },
        (error: unknown) => {
          log.error({ err: error }, `metrics failed: ${describeError(error)}`);
          fail(request, response, 500, 'Something failed', 'There are no metrics now.');
        },
      );
      return;
    }
    if (verdict === 401) response.set('www-authenticate', 'Bearer realm="bramble"');
    const [title, text] = REFUSALS[verdict];
    fail(request, response, verdict, title, text);
  });

  app.use((request, response) => {
    fail(request, response, 404, 'Not found', 'There is nothing under this address.');
  });

  app.use((error: unknown, request: Request, response: Response, next: NextFunction) => {
    const status = statusOf(error);
    if (status >= 500)
      log.error({ err: error, url: request.url }, `a page failed: ${describeError(error)}`);
    if (response.headersSent) return next(error);
    fail(
      request,
      response,
      status,
      status >= 500 ? 'Something failed' : 'Bad request',
      'The address was not understood.',
    );
  });

  /** An error in the form that the reader speaks: JSON under `/api`, else a small page. */
  function fail(request: Request, response: Response, status: number, title: string, text: string) {
    response.set('cache-control', 'no-store');
    if (request.path.startsWith('/api/')) sendJson(response, status, { error: text });
    else
      response
        .status(status)
        .type('html')
        .send(errorPage(status, title, text, assets));
  }

  return app;
}

function sendJson(response: Response, status: number, body: unknown): void {
  response
    .status(status)
    .set('cache-control', 'no-store')
    .type('json')
    .send(`${JSON.stringify(body)}\n`);
}

/** The status that express gives an error of its own (a path that cannot be decoded: 400). */
function statusOf(error: unknown): number {
  const status = (error as { status?: unknown } | null)?.status;
  return typeof status === 'number' && status >= 400 && status < 600 ? status : 500;
}
