import type { BrokerStatus } from '#core/contracts/status.ts';
import { nodeOfWorker } from '#core/contracts/workers.ts';
import { processPart } from '#core/process-part.ts';
import type { Broker } from './broker.ts';

/** Of several workers the first one counts those that are away, which all of them know. */
export function sessionsOf({ node, sessions, cluster }: Broker): number {
  return node === nodeOfWorker(node) ? sessions.size : sessions.size - (cluster?.vault.away ?? 0);
}

/** The body of `/status`. */
export function brokerStatus(broker: Broker): BrokerStatus {
  const { counters, sessions } = broker;
  const mesh = broker.cluster?.mesh;
  return {
    service: 'broker',
    node: broker.node,
    ...processPart(broker.unready()),
    clients: sessions.connected,
    clientsMax: broker.limits.connections,
    connects: counters.connects,
    refused: counters.refused,
    takeovers: counters.takeovers,
    subscriptions: broker.router.subscriptions,
    sessions: sessionsOf(broker),
    retained: broker.retained.size,
    messagesIn: counters.messagesIn,
    messagesOut: counters.messagesOut,
    bytesIn: counters.bytesIn,
    bytesOut: counters.bytesOut,
    dropped: counters.dropped + (mesh?.counters.routeDropped ?? 0),
    routedOut: mesh?.counters.routedOut ?? 0,
    routedIn: mesh?.counters.routedIn ?? 0,
    natsConnected: broker.cluster?.bus.connected ?? false,
  };
}
