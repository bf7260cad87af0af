import { createHmac } from 'node:crypto';
import type { ClusterConfig } from './cluster.ts';

/** Whom the bridge logs in as at the brokers. */
export const BRIDGE_USER = '$bridge';

/** Derived from the cluster's secret, as the logins at nats-server are. */
export function bridgePassword(secret: string): string {
  return createHmac('sha256', secret).update('mqtt bridge').digest('hex');
}

/** What Kafka knows the bridges of one cluster by, and those of no other of the same name. */
export function bridgeOwner({ name, secret }: ClusterConfig['cluster']): string {
  const own = createHmac('sha256', secret).update('kafka bridge').digest('hex').slice(0, 8);
  return `bramble.${name}.${own}`;
}

/** The `mqtt` part with the bridge's own user in it, where there is a bridge. */
export function withBridgeUser({ cluster, mqtt, bridge }: ClusterConfig): ClusterConfig['mqtt'] {
  if (bridge === undefined) return mqtt;
  const password = bridgePassword(cluster.secret);
  const user = { name: BRIDGE_USER, password, admin: true, acl: [] };
  return { ...mqtt, users: [...mqtt.users.filter(({ name }) => name !== BRIDGE_USER), user] };
}
