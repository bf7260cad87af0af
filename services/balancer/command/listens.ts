import type { BalancerConfig } from '../model.ts';

/** Whether anybody could connect, be it to give orders alone. */
export const listens = ({ proxies, global }: BalancerConfig): boolean =>
  (global.runtime?.sockets.length ?? 0) > 0 ||
  proxies.some((proxy) => !proxy.disabled && proxy.binds.length > 0);
