import net from 'node:net';
import type { ServerConfig } from '../model.ts';
import type { CheckReport } from '../servers/types.ts';
import { encodeCheckHeader } from '../tcp/proxy-header.ts';
import { endsOf, faultOf, type RunningCheck } from './running-check.ts';

/** How long a server that got a header may take to close, milliseconds. */
const DEFAULT_LINGER = 2000;

/**
 * The layer 4 check: the server is up if it completes the handshake within `limit` milliseconds
 * (undefined = as long as the system tries). It is then reset, so that no port lingers.
 */
export function checkTcp(
  server: ServerConfig,
  limit: number | undefined,
  done: (report: CheckReport) => void,
): RunningCheck {
  const { check } = server;
  const started = performance.now();
  const socket = net.connect({
    host: check?.addr ?? server.host,
    port: check?.port ?? server.port,
    noDelay: true,
  });
  let open = true;
  const finish = (status: CheckReport['status'], info?: string): void => {
    if (!open) return;
    open = false;
    clearTimeout(timer);
    const duration = Math.round(performance.now() - started);
    done(info === undefined ? { status, duration } : { status, duration, info });
  };
  const timer =
    limit === undefined
      ? undefined
      : setTimeout(() => {
          socket.destroy();
          finish('L4TOUT');
        }, limit);
  socket.once('connect', () => {
    // A server that expects a header would log its absence at every check.
    if (check?.sendProxy) {
      socket.end(encodeCheckHeader(server.sendProxy ?? 'v1', endsOf(socket)));
      socket.resume();
      const linger = setTimeout(() => socket.destroy(), limit ?? DEFAULT_LINGER);
      socket.once('close', () => clearTimeout(linger));
    } else {
      socket.resetAndDestroy();
    }
    finish('L4OK');
  });
  socket.on('error', (error) => {
    const { status, info } = faultOf(error, false);
    finish(status, info);
  });
  return {
    cancel: () => {
      open = false;
      clearTimeout(timer);
      socket.destroy();
    },
  };
}
