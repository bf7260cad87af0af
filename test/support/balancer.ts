import { fileURLToPath } from 'node:url';
import { type ProxyOptions, type ProxyProcess, startProxy } from './proxy-process.ts';

export const BALANCER_PROGRAM = fileURLToPath(
  new URL('../../bin/bramble-balancer', import.meta.url),
);

/** Our balancer as its own process, started as a user starts it. */
export function startBalancer(options: ProxyOptions): Promise<ProxyProcess> {
  return startProxy(BALANCER_PROGRAM, ['-db'], options);
}
