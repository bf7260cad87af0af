import type { ProxyConfig } from '../model.ts';
import { BODY_CHUNKED, type RequestHead, type ResponseHead } from './head.ts';

/** How long connections live: the stricter of what frontend and backend say (manual, section 4). */
export function connectionMode(
  frontend: ProxyConfig,
  backend: ProxyConfig,
): ProxyConfig['options']['httpConnection'] {
  const one = frontend.options.httpConnection;
  const other = backend.options.httpConnection;
  if (one === 'close' || other === 'close') return 'close';
  return one === 'server-close' || other === 'server-close' ? 'server-close' : 'keep-alive';
}

/**
 * The `connection` line (with CRLF, or '') that a request carries to its server, in HAProxy's
 * words: only what the version does not already imply (RFC 9112, 9.3).
 */
export function requestConnection(head: RequestHead, keep: boolean): string {
  if (head.upgrade || head.method === 'CONNECT') return '';
  // HTTP/1.0 knows no chunks: nothing can be sure where such a message ends.
  if (head.http10 && head.body === BODY_CHUNKED) return '';
  if (keep) return head.http10 ? 'connection: keep-alive\r\n' : '';
  return head.http10 ? '' : 'connection: close\r\n';
}

/** The same for a response on its way to the client. */
export function responseConnection(
  response: ResponseHead,
  request: RequestHead,
  keep: boolean,
): string {
  if (!keep) return response.http10 ? '' : 'connection: close\r\n';
  return response.http10 || request.http10 ? 'connection: keep-alive\r\n' : '';
}
