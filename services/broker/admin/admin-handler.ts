import type { IncomingMessage, ServerResponse } from 'node:http';
import { bearsToken, readJson } from '#core/admin-request.ts';
import { describeError } from '#core/errors.ts';
import type { Logger } from '#core/log.ts';
import type { Audit } from '../auth/audit.ts';
import type { AdminAnswer, AdminRequest } from './admin-api.ts';

export interface AdminHandlerOptions {
  api: { answer(request: AdminRequest): Promise<AdminAnswer> };
  /** Undefined: nobody may use it. */
  token: string | undefined;
  audit: Audit;
  log: Logger;
}

/** Longest body, bytes. */
const BODY_MAX = 16_384;

/**
 * `/admin/` on the health port: loopback and a bearer token (RFC 6750, 2.1), which a web page that
 * somebody on this machine looks at does not know.
 */
export class AdminHandler {
  readonly #options: AdminHandlerOptions;

  constructor(options: AdminHandlerOptions) {
    this.#options = options;
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status, body } = await this.#answer(request);
    if (response.destroyed) return;
    const text = `${JSON.stringify(body)}\n`;
    response.writeHead(status, {
      'content-type': 'application/json; charset=utf-8',
      'content-length': Buffer.byteLength(text),
      'cache-control': 'no-store',
      ...(status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
    });
    response.end(text);
  }

  async #answer(request: IncomingMessage): Promise<AdminAnswer> {
    const { api, audit, log } = this.#options;
    const { method = 'GET', url = '/' } = request;
    const address = request.socket.remoteAddress ?? '';
    if (!bearsToken(request.headers.authorization, this.#options.token)) {
      audit.refuse('admin', { address, why: `no valid token for ${method} /admin` });
      return { status: 401, body: { error: 'a bearer token is needed' } };
    }
    try {
      const [rawPath = '', search = ''] = url.split('?', 2);
      const path = rawPath.split('/').slice(2).map(decodeURIComponent);
      const body = method === 'POST' ? await readJson(request, BODY_MAX) : undefined;
      return await api.answer({ method, path, query: new URLSearchParams(search), body, address });
    } catch (error) {
      if (
        error instanceof URIError ||
        error instanceof SyntaxError ||
        error instanceof RangeError
      ) {
        return { status: 400, body: { error: describeError(error) } };
      }
      log.error({ err: error }, 'an admin request failed');
      return { status: 500, body: { error: describeError(error) } };
    }
  }
}
