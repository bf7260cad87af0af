import type net from 'node:net';
import { systemCode } from '#core/errors.ts';
import type { CheckReport } from '../servers/types.ts';
import type { ProxyEnds } from '../tcp/proxy-header.ts';

/** A check on its way, which can be called off. */
export interface RunningCheck {
  cancel(): void;
}

/** What the C library calls the errors that a connection may meet, for HAProxy's `info:`. */
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
  EPIPE: 'Broken pipe',
};

/** Trouble on our own side, which says nothing of the server. */
const OWN_FAULTS = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL', 'EAGAIN']);

const REFUSED_AT_ONCE = new Set(['ENETUNREACH', 'ENETDOWN', 'EACCES', 'EPERM']);

/** What a socket's error is in a report, before or after the connection stood. */
export function faultOf(error: Error, connected: boolean): Pick<CheckReport, 'status' | 'info'> {
  const code = systemCode(error) ?? '';
  const status = connected || OWN_FAULTS.has(code) ? 'SOCKERR' : 'L4CON';
  const reason = REASONS[code] ?? error.message;
  // What the kernel says at once is told apart from what comes of the attempt (HAProxy).
  const atOnce = !connected && REFUSED_AT_ONCE.has(code);
  return { status, info: atOnce ? `General socket error (${reason})` : reason };
}

/** Our end as the client's, the server's as where it connected to. */
export const endsOf = ({
  localAddress,
  localPort,
  remoteAddress,
  remotePort,
}: net.Socket): ProxyEnds => ({
  host: localAddress ?? '0.0.0.0',
  port: localPort ?? 0,
  localHost: remoteAddress ?? '0.0.0.0',
  localPort: remotePort ?? 0,
});
