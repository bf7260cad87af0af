import { BrambleError, ERROR_CODES, systemCode } from './errors.ts';

/** Turns what `listen(2)` refused into an error that names the address and says what to do. */
export function listenError(
  cause: unknown,
  host: string,
  port: number | string,
  what: string,
): BrambleError {
  const where = `${host}:${port}`;
  switch (systemCode(cause)) {
    case 'EADDRINUSE':
      return new BrambleError(ERROR_CODES.PORT_IN_USE, `${what}: port ${where} is in use`, {
        cause,
        hint: `see who holds it with: ss -ltnp 'sport = :${port}'`,
      });
    case 'EACCES':
      return new BrambleError(ERROR_CODES.LISTEN_REFUSED, `${what}: not allowed on ${where}`, {
        cause,
        hint: 'ports below 1024 need CAP_NET_BIND_SERVICE; choose a higher one',
      });
    case 'EADDRNOTAVAIL':
      return new BrambleError(ERROR_CODES.LISTEN_REFUSED, `${what}: ${host} is not ours`, {
        cause,
        hint: 'use an address of this machine, or 0.0.0.0',
      });
    default:
      return new BrambleError(ERROR_CODES.LISTEN_REFUSED, `${what}: cannot listen on ${where}`, {
        cause,
      });
  }
}
