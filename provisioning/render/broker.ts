import { createHmac } from 'node:crypto';
import { stringify } from 'yaml';
import type { z } from 'zod';
import type { brokerConfigSchema } from '#core/contracts/service-config.ts';
import { natsLogin } from './nats.ts';
import { header, type Plan, type PlannedNode } from './plan.ts';

/** Who may use the broker's `/admin/`: derived from the cluster's secret, as the NATS logins. */
export function adminToken(secret: string): string {
  return createHmac('sha256', secret).update('broker admin').digest('hex');
}

/** broker-N.yaml: brokerConfigSchema of core/contracts/service-config.ts. */
export function renderBroker(plan: Plan, node: PlannedNode): string {
  const { host, cluster, clusterFile, trusted } = plan;
  const at = node.host;
  const config: z.input<typeof brokerConfigSchema> = {
    node: node.name,
    cluster: clusterFile,
    listen: {
      mqtt: { host: at, port: node.ports.mqtt, proxyProtocol: true },
      websocket: { host: at, port: node.ports.websocket, proxyProtocol: true },
      ...(cluster.mqtt.tls === undefined
        ? {}
        : {
            mqttTls: { host: at, port: node.ports.mqttTls, proxyProtocol: true },
            websocketTls: { host: at, port: node.ports.websocketTls, proxyProtocol: true },
          }),
      health: { host, port: node.ports.health },
    },
    workerHealth: node.ports.workerHealth.slice(0, cluster.mqtt.workers - 1),
    drain: node.drain,
    admin: { token: adminToken(cluster.cluster.secret) },
    // The watchdog beside it asks as a balancer does, from the node's own address.
    trusted: [...new Set([...trusted, at])],
    nats: {
      url: `nats://${host}:${node.ports.nats}`,
      ...natsLogin(cluster.cluster.secret, 'client'),
      pidFile: node.pidFile,
      store: node.store,
      listener: natsLogin(cluster.cluster.secret, 'listener'),
      monitor: `http://${host}:${node.ports.natsMonitor}`,
    },
  };
  return `${header(`Broker of ${node.name}: where it listens and whom it calls`, plan)}
# Users, ACLs and limits are read from cluster.yaml itself, again on SIGHUP.
# admin.token opens /admin/ on the health port, for the bramble command and the page.
# drain: a file there, of any name, sends this node's clients to the others.
# proxyProtocol: the balancer tells who the client is, with a PROXY v2 header.

${stringify(config)}`;
}
