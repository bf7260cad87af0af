import { isIPv4, isIPv6 } from 'node:net';
import type { Address, ProxyConfig } from '../model.ts';
import { xxh64 } from '../samples/converters/hashes.ts';
import { bytesOfSix } from '../tcp/proxy-header.ts';

/**
 * The value of a `dynamic` cookie: the same on every balancer with this key, and it tells nothing
 * of the server. Undefined while the server has no address.
 */
export function dynamicCookie(key: string, host: string, port: number): string | undefined {
  const four = isIPv4(host);
  if (!four && !isIPv6(host)) return undefined;
  const address = four ? Uint8Array.from(host.split('.'), Number) : bytesOfSix(host);
  const bytes = Buffer.concat([Buffer.from(key), address, Buffer.alloc(4)]);
  bytes.writeUInt32BE(port, bytes.length - 4);
  const hash = BigInt.asUintN(64, xxh64(bytes.toString('latin1'), 0));
  return hash.toString(16).padStart(16, '0');
}

/** The one of a server, where its backend makes such cookies. */
export function dynamicCookieOf(
  { cookie, dynamicCookieKey }: ProxyConfig,
  { host, port }: Address,
): string | undefined {
  if (!cookie?.dynamic || dynamicCookieKey === undefined) return undefined;
  return dynamicCookie(dynamicCookieKey, host, port);
}
