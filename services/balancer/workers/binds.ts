import type { BindConfig } from '../model.ts';
import { isLocalPath } from '../tcp/endpoint.ts';

/**
 * Whether a worker (0 = the first) listens there. Those that `thread` names do, and without it, or
 * where none of them exists, all of them; a unix socket or an inherited one is a single place to
 * listen, which the first of these has.
 */
export function servesBind(
  { host, fd, threads = [] }: BindConfig,
  worker: number,
  workers: number,
): boolean {
  const named = threads.filter((thread) => thread <= workers);
  const single = fd !== undefined || host.startsWith('/') || isLocalPath(host);
  if (single) return worker === (named[0] ?? 1) - 1;
  return named.length === 0 || named.includes(worker + 1);
}
