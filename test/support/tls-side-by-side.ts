import { expect } from 'vitest';
import { freePortRange } from './ports.ts';
import type { ProxyProcess } from './proxy-process.ts';
import { startEither, type Which } from './side-by-side.ts';
import type { TlsOutcome } from './tls-peers.ts';

/** Runs a proxy; PORT, PORT+1 … in `body` are ports of its own. */
export async function withTls<T>(
  which: Which,
  body: (port: number) => string,
  use: (port: number, proxy: ProxyProcess) => Promise<T>,
): Promise<T> {
  const port = await freePortRange(4);
  const config = `
global
    log stdout format raw local0
    ssl-default-bind-options ssl-min-ver TLSv1.2
    tune.ssl.cachesize 100000
    tune.ssl.lifetime 600
    tune.ssl.default-dh-param 2048
defaults
    log global
    mode http
    option httplog
    timeout connect 2s
    timeout client 3s
    timeout server 3s
${body(port)}
listen probe
    mode tcp
    no log
    bind 127.0.0.1:${port + 3}
`;
  await using proxy = await startEither(which, { config, ports: [port + 3] });
  return await use(port, proxy);
}

/** What two listeners of one meaning must have in common. */
export const shown = ({ subject, protocol, alpn, resumed, text }: TlsOutcome) => ({
  subject,
  protocol,
  alpn,
  resumed,
  status: /^HTTP\/1\.1 (\d+)/.exec(text)?.[1],
});

/** Runs it by both, who must give the same, and returns that. */
export async function sideBySide<T>(
  body: (port: number) => string,
  use: (port: number, proxy: ProxyProcess) => Promise<T>,
): Promise<T> {
  const [reference, ours] = [
    await withTls('haproxy', body, use),
    await withTls('bramble', body, use),
  ];
  expect(ours).toEqual(reference);
  return ours;
}
