import type { ClientDetail, ClientRow } from '#core/contracts/admin.ts';
import type { Connection } from '../connection/connection.ts';

export function clientRow(connection: Connection): ClientRow {
  const { transport, traffic, session } = connection;
  return {
    clientId: connection.clientId,
    user: connection.user,
    address: transport.remoteAddress,
    port: transport.remotePort,
    listener: transport.listener,
    version: connection.version,
    keepAlive: connection.keepAlive,
    connectedAt: Math.round(performance.timeOrigin + connection.openedAt),
    subscriptions: session?.subscriptions.size ?? 0,
    inflight: session?.inflight.size ?? 0,
    queued: session?.queue.length ?? 0,
    behind: session?.isBehind ?? false,
    waiting: connection.output.waiting,
    messagesIn: traffic.messagesIn,
    messagesOut: traffic.messagesOut,
    bytesIn: traffic.bytesIn,
    bytesOut: transport.bytesOut,
    rates: {
      messagesIn: traffic.rateMessagesIn,
      messagesOut: traffic.rateMessagesOut,
      bytesIn: traffic.rateBytesIn,
      bytesOut: traffic.rateBytesOut,
    },
  };
}

export function clientDetail(node: string, connection: Connection): ClientDetail {
  const { session, will } = connection;
  const filters = [...(session?.subscriptions.values() ?? [])];
  return {
    ...clientRow(connection),
    node,
    sessionExpiry: session?.expiryInterval ?? 0,
    receiveMaximum: connection.window,
    refusals: connection.refusals,
    ...(will === undefined
      ? {}
      : { will: { topic: will.topic, qos: will.qos, retain: will.retain, delay: will.delay } }),
    filters: filters.map(({ filter, qos, noLocal, retainAsPublished, retainHandling }) => ({
      filter,
      qos,
      noLocal,
      retainAsPublished,
      retainHandling,
    })),
  };
}
