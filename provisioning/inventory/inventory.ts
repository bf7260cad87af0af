import { stringify } from 'yaml';
import type { ClusterConfig } from '#core/config/cluster.ts';
import { piPorts, VIP_PORTS } from '#core/contracts/ports.ts';
import { KAFKA_VERSION } from '../kafka/version.ts';

/** How ansible reaches the nodes. */
export interface Access {
  /** Who logs in; root, or somebody who may use sudo. */
  user: string;
  /** A private key; default: what ssh(1) finds. */
  key?: string | undefined;
  port?: number | undefined;
}

export interface InventoryOptions {
  cluster: ClusterConfig;
  /** Absolute. */
  clusterFile: string;
  access: Access;
  /** Nodes that cluster.yaml no longer names, and that are taken out. */
  leaving?: readonly LeavingNode[];
}

export interface LeavingNode {
  name: string;
  address: string;
  roles: readonly string[];
}

/**
 * inventory.yaml: what `ansible-playbook -i` reads, plain enough to be used and edited by hand. It
 * holds no secret: those are in cluster.yaml, which it names.
 */
export function renderInventory(options: InventoryOptions): string {
  const { cluster, clusterFile, access, leaving = [] } = options;
  const withRole = (role: string) =>
    Object.fromEntries(
      cluster.nodes
        .filter(({ roles }) => roles.some((one) => one === role))
        .map(({ name }) => [name, {}]),
    );
  const nodes = Object.fromEntries(
    cluster.nodes.map(({ name, address }) => [name, { ansible_host: address }]),
  );
  const vars = {
    ansible_user: access.user,
    ...(access.key === undefined ? {} : { ansible_ssh_private_key_file: access.key }),
    ...(access.port === undefined ? {} : { ansible_port: access.port }),
    bramble_cluster_file: clusterFile,
    bramble_has_vip: cluster.vip !== undefined,
    ...openPorts(cluster),
  };
  const gone = leaving.map(
    ({ name, address, roles }) =>
      [name, { ansible_host: address, bramble_left_roles: roles }] as const,
  );
  const left =
    gone.length === 0
      ? ''
      : `    # What is taken out for good.\n${group('leaving', Object.fromEntries(gone))}`;
  return `# The nodes of ${JSON.stringify(cluster.cluster.name)}, for ansible.
# Written by bramble from ${clusterFile}: change that file instead.

all:
  vars:
${indented(vars, 4)}
  children:
    # Every node, and how it is reached.
    bramble:
      hosts:
${indented(nodes, 8)}
${left}    # Which of them do what: the roles in cluster.yaml.
${group('brokers', withRole('broker'))}${group('balancers', withRole('balancer'))}${group('bridges', withRole('bridge'))}${group('kafka', withRole('kafka'))}${kafkaVars(cluster)}`;
}

function group(name: string, hosts: Record<string, unknown>): string {
  return `    ${name}:\n      hosts:${Object.keys(hosts).length === 0 ? ' {}\n' : `\n${indented(hosts, 8)}\n`}`;
}

/** Of nodes with Kafka alone: its version, and what other machines must reach. */
function kafkaVars({ nodes }: ClusterConfig): string {
  const count = nodes.filter(({ roles }) => roles.includes('kafka')).length;
  if (count === 0) return '';
  const { clients, inside, controller } = piPorts(1).kafka;
  const kafka_open_tcp = [clients, ...(count > 1 ? [controller, inside] : [])];
  return `      vars:\n${indented({ kafka_version: KAFKA_VERSION, kafka_open_tcp }, 8)}\n`;
}

function indented(value: object, by: number): string {
  return stringify(value, { lineWidth: 0 })
    .trimEnd()
    .split('\n')
    .map((line) => ' '.repeat(by) + line)
    .join('\n');
}

/** What other machines must reach: clients those of the balancer, nodes those of each other. */
function openPorts({ mqtt, vip, balancer, nodes }: ClusterConfig) {
  const ports = piPorts(1);
  const own = ports.nodes[0]!;
  const several = nodes.length > 1;
  return {
    bramble_open_tcp: [
      ...[ports.mqtt, ports.connectors, ports.websocket, ports.page],
      ...(mqtt.tls === undefined ? [] : [ports.mqttTls, ports.websocketTls]),
      ...(balancer.stats === undefined ? [] : [ports.stats]),
      ...(several ? [own.mqtt, own.websocket, own.natsRoute] : []),
      ...(several && mqtt.tls !== undefined ? [own.mqttTls, own.websocketTls] : []),
    ],
    bramble_open_udp: vip === undefined ? [] : [VIP_PORTS.heartbeat],
  };
}
