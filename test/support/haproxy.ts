import { type ProxyOptions, type ProxyProcess, startProxy } from './proxy-process.ts';

/** HAProxy from the distribution, in the foreground with one thread, as the reference. */
export function startHaproxy(options: ProxyOptions): Promise<ProxyProcess> {
  return startProxy('haproxy', ['-db'], options);
}
