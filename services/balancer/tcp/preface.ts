import type { AcceptedHandle, ClientAddress } from '../listeners/handler.ts';
import type { ServerConfig } from '../model.ts';
import type { FrontendContext } from '../servers/types.ts';
import { type ProxyFacts, withFields } from './proxy-fields.ts';
import { encodeProxyHeader } from './proxy-header.ts';
import { TcpScope } from './tcp-scope.ts';

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

/** The same for a connection in mode tcp. */
export const tcpPreface = (
  server: ServerConfig,
  accepted: AcceptedHandle,
  context: FrontendContext,
): Buffer | undefined =>
  prefaceFor(server, accepted.client, () => ({
    tls: accepted.tls,
    uniqueId: (accepted.scope ?? new TcpScope(context, accepted)).uniqueId,
  }));
