import type { ClientAddress } from '../listeners/handler.ts';
import type { ServerConfig } from '../model.ts';
import { type ProxyFacts, withFields } from './proxy-fields.ts';
import { encodeProxyHeader } from './proxy-header.ts';

/** What a connection to this server begins with; undefined = nothing. */
export function prefaceFor(
  { sendProxy, proxyFields }: ServerConfig,
  client: ClientAddress,
  facts: () => Omit<ProxyFacts, 'authority'>,
): Buffer | undefined {
  if (!sendProxy) return undefined;
  const header = encodeProxyHeader(sendProxy, client);
  if (sendProxy === 'v1') return header;
  const { tls, uniqueId } = facts();
  if (!proxyFields && tls?.alpn === undefined) return header;
  const authority = client.told?.authority;
  return withFields(header, proxyFields ?? NONE, { tls, uniqueId, authority });
}

const NONE: ReadonlySet<never> = new Set();
