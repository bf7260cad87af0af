import net from 'node:net';
import { systemCode } from '#core/errors.ts';
import type { ServerConfig } from '../model.ts';
import type { CheckReport } from '../servers/types.ts';
import { encodeCheckHeader, type ProxyEnds } from '../tcp/proxy-header.ts';

/** What the C library calls the errors that a connect may meet, for HAProxy's `info:`. */
const REASONS: Record<string, string> = {
  ECONNREFUSED: 'Connection refused',
  ECONNRESET: 'Connection reset by peer',
  EHOSTUNREACH: 'No route to host',
  ENETUNREACH: 'Network is unreachable',
  ENETDOWN: 'Network is down',
  EACCES: 'Permission denied',
  EPERM: 'Operation not permitted',
  EADDRNOTAVAIL: 'Cannot assign requested address',
  ETIMEDOUT: 'Connection timed out',
};

/** Trouble on our own side, which says nothing of the server. */
const OWN_FAULTS = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL', 'EAGAIN']);

/** How long a server that got a header may take to close, milliseconds. */
const DEFAULT_LINGER = 2000;

/** A check on its way, which can be called off. */
export interface RunningCheck {
  cancel(): void;
}

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
    const code = systemCode(error) ?? '';
    finish(OWN_FAULTS.has(code) ? 'SOCKERR' : 'L4CON', REASONS[code] ?? error.message);
  });
  return {
    cancel: () => {
      open = false;
      clearTimeout(timer);
      socket.destroy();
    },
  };
}

/** Our end as the client's, the server's as where it connected to. */
const endsOf = ({ localAddress, localPort, remoteAddress, remotePort }: net.Socket): ProxyEnds => ({
  host: localAddress ?? '0.0.0.0',
  port: localPort ?? 0,
  localHost: remoteAddress ?? '0.0.0.0',
  localPort: remotePort ?? 0,
});
