import { createServer } from 'node:net';
import { type ClusterPorts, devPortSpan } from '#core/contracts/ports.ts';
import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import { listenError } from '#core/listen.ts';
import { listenerName } from './port-holder.ts';

export interface WantedPort {
  port: number;
  /** Who wants it, for the owner. */
  who: string;
}

/** Every port that a dev cluster will listen on, and for whom. */
export function wantedPorts(
  ports: ClusterPorts,
  statsPage: boolean,
  tls = false,
  workers = 1,
  bridges: readonly number[] = [],
  kafka = false,
): WantedPort[] {
  const nodes = ports.nodes.flatMap((node, index) => {
    const n = index + 1;
    return [
      { port: node.mqtt, who: `broker-${n}` },
      { port: node.websocket, who: `broker-${n}, WebSocket` },
      { port: node.health, who: `broker-${n}, health` },
      ...node.workerHealth.slice(0, workers - 1).map((port, more) => ({
        port,
        who: `broker-${n}, health of worker ${more + 2}`,
      })),
      ...(tls
        ? [
            { port: node.mqttTls, who: `broker-${n}, TLS` },
            { port: node.websocketTls, who: `broker-${n}, WebSocket over TLS` },
          ]
        : []),
      { port: node.nats, who: `nats-${n}` },
      // A server that is alone has no peers to listen for.
      ...(ports.nodes.length > 1 ? [{ port: node.natsRoute, who: `nats-${n}, peers` }] : []),
      { port: node.natsMonitor, who: `nats-${n}, monitoring` },
    ];
  });
  return [
    { port: ports.mqtt, who: 'balancer, MQTT' },
    { port: ports.connectors, who: 'balancer, connectors' },
    { port: ports.websocket, who: 'balancer, WebSocket' },
    ...(tls
      ? [
          { port: ports.mqttTls, who: 'balancer, MQTT over TLS' },
          { port: ports.websocketTls, who: 'balancer, WebSocket over TLS' },
        ]
      : []),
    { port: ports.page, who: 'stats, the page' },
    ...(statsPage ? [{ port: ports.stats, who: 'balancer, statistics' }] : []),
    { port: ports.balancerHealth, who: 'balancer, health' },
    { port: ports.statsHealth, who: 'stats, health' },
    { port: ports.supervisorHealth, who: 'bramble dev, health' },
    ...bridges.map((number) => ({
      port: ports.bridgeHealth[number - 1]!,
      who: `bridge-${number}, health`,
    })),
    ...(kafka
      ? [
          { port: ports.kafka.clients, who: 'kafka' },
          { port: ports.kafka.inside, who: 'kafka, itself' },
          { port: ports.kafka.controller, who: 'kafka, controller' },
        ]
      : []),
    ...nodes,
  ];
}

/**
 * Throws PORT_IN_USE, naming every port that is taken, before anything is started. Another process
 * may still take one in between; the one that wanted it then says so itself.
 */
export async function checkPorts(
  wanted: readonly WantedPort[],
  host: string,
  nodes: number,
): Promise<void> {
  const results = await Promise.all(
    wanted.map(async (want) => ({ want, error: await tryListen(host, want) })),
  );
  const failed = results.filter(({ error }) => error !== undefined);
  const [first] = failed;
  if (!first) return;
  const taken = failed.filter(({ error }) => error?.code === ERROR_CODES.PORT_IN_USE);
  if (taken.length === 0) throw first.error!;
  const list = taken.map(({ want }) => {
    const holder = listenerName(want.port);
    return `port ${host}:${want.port} (${want.who}) is in use${holder === undefined ? '' : ` by ${holder}`}`;
  });
  throw new BrambleError(ERROR_CODES.PORT_IN_USE, list.join('\n         '), {
    hint: `stop what holds it, or move all ports: --base-port P (takes ${devPortSpan(nodes)} ports from P on)`,
  });
}

function tryListen(host: string, { port, who }: WantedPort): Promise<BrambleError | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => resolve(listenError(error, host, port, who)));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}
