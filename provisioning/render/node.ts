import { isIPv6 } from 'node:net';
import { stringify } from 'yaml';
import type { z } from 'zod';
import type { ClusterConfig } from '#core/config/cluster.ts';
import { piPorts, VIP_PORTS } from '#core/contracts/ports.ts';
import type { statsConfigSchema } from '#core/contracts/service-config.ts';
import { DRAIN_DIRECTORY } from '#core/drain.ts';
import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import { routeCertificates } from '../certificates/route-certificates.ts';
import { renderBalancer } from './balancer.ts';
import { bridgeNodes, renderBridge } from './bridge.ts';
import { renderBroker } from './broker.ts';
import { renderKafkaNode } from './kafka-node.ts';
import { renderKeepalived, renderKeepalivedRelease } from './keepalived.ts';
import { renderNats } from './nats.ts';
import { at, header, type Plan } from './plan.ts';
import { renderVip } from './vip.ts';
import { renderWatchdog } from './watchdog.ts';

export interface NodeOptions {
  cluster: ClusterConfig;
  /** Where cluster.yaml lies on the node. */
  clusterFile: string;
  /** Which of its nodes. */
  name: string;
  /** The command that renders. */
  by: string;
  /** Whether the node's nats-server knows `sync_interval` (2.10 and later). */
  natsSyncInterval: boolean;
}

const LOOPBACK = '127.0.0.1';
const STORE = '/var/lib/bramble/nats';
const NATS_PID = '/run/bramble/nats.pid';
const ETC = '/etc/bramble';
const ROUTE_CERTIFICATE = 'routes.pem';
const ROUTE_AUTHORITY = 'routes-authority.pem';

/**
 * The files of one node of a cluster of Pis, by name, each for a service that runs there.
 * Throws CONFIG_INVALID for a node that cluster.yaml does not name.
 */
export function renderNode(options: NodeOptions): Map<string, string> {
  const { cluster, name } = options;
  const own = cluster.nodes.find((node) => node.name === name);
  if (own === undefined) {
    const known = cluster.nodes.map((node) => node.name).join(', ');
    throw new BrambleError(ERROR_CODES.CONFIG_INVALID, `cluster.yaml names no node "${name}"`, {
      hint: `its nodes are: ${known}`,
    });
  }
  const plan = planCluster(options);
  const files = new Map<string, string>();
  const broker = plan.nodes.find((node) => node.name === name);
  if (broker !== undefined) {
    files.set('nats.conf', renderNats(plan, broker));
    if (plan.nodes.length > 1) {
      for (const [file, text] of renderRouteCertificates(plan, own)) files.set(file, text);
    }
    files.set('broker.yaml', renderBroker(plan, broker));
  }
  const bridge = bridgeNodes(plan).find((node) => node.name === name);
  if (bridge !== undefined) files.set('bridge.yaml', renderBridge(plan, bridge));
  for (const [file, text] of renderKafkaNode(plan, name)) files.set(file, text);
  if (own.roles.includes('balancer')) files.set('balancer.cfg', renderBalancer(plan));
  if (cluster.vip !== undefined) {
    files.set('vip.yaml', renderVip(plan, name));
    if (own.roles.includes('balancer')) {
      files.set('keepalived.conf', renderKeepalived(plan, name));
      files.set('keepalived.release', renderKeepalivedRelease(plan));
    }
  }
  files.set('stats.yaml', renderNodeStats(plan, name));
  files.set('watchdog.yaml', renderWatchdog(plan, name, DRAIN_DIRECTORY));
  return files;
}

function planCluster(options: NodeOptions): Plan {
  const { cluster, clusterFile, by, natsSyncInterval } = options;
  const brokers = cluster.nodes.filter(({ roles }) => roles.includes('broker'));
  const balancers = cluster.nodes.filter(({ roles }) => roles.includes('balancer'));
  const ports = piPorts(brokers.length);
  return {
    cluster,
    clusterFile,
    by,
    host: LOOPBACK,
    publicHost: cluster.nodes.some(({ address }) => isIPv6(address)) ? '::' : '*',
    balancers: balancers.map(({ name, address }) => ({ name, address })),
    trusted: [LOOPBACK, '::1', ...balancers.map(({ address }) => address)],
    ports,
    nodes: brokers.map(({ name, address }, index) => ({
      name,
      number: index + 1,
      host: address,
      ports: ports.nodes[index]!,
      store: STORE,
      pidFile: NATS_PID,
      routeTls: {
        certificate: `${ETC}/${ROUTE_CERTIFICATE}`,
        authority: `${ETC}/${ROUTE_AUTHORITY}`,
      },
      drain: DRAIN_DIRECTORY,
    })),
    natsSyncInterval,
    openStats: false,
  };
}

/** PEM lets text stand before what counts (RFC 7468, 2). */
function renderRouteCertificates(
  plan: Plan,
  node: { name: string; address: string },
): [string, string][] {
  const { authority, node: own } = routeCertificates(plan.cluster.cluster.secret, node);
  return [
    [
      ROUTE_AUTHORITY,
      `${header('Whom a nats-server takes for another node', plan)}\n\n${authority}`,
    ],
    [ROUTE_CERTIFICATE, `${header(`What the nats-server of ${node.name} shows`, plan)}\n\n${own}`],
  ];
}

/** `/metrics` of what runs on a node beside the page. */
function metricsOf(plan: Plan, name: string): { service: string; url: string }[] {
  const { cluster, host, ports, nodes } = plan;
  const roles: readonly string[] = cluster.nodes.find((node) => node.name === name)?.roles ?? [];
  const broker = nodes.find((node) => node.name === name);
  const bridge = bridgeNodes(plan).some((node) => node.name === name);
  const health: (readonly [string, number | undefined])[] = [
    ['balancer', roles.includes('balancer') ? ports.balancerHealth : undefined],
    ['broker', broker?.ports.health],
    ['bridge', bridge ? ports.bridgeHealth[0] : undefined],
    ['watchdog', ports.supervisorHealth],
    ['vip', cluster.vip === undefined ? undefined : VIP_PORTS.health],
  ];
  return health.flatMap(([service, port]) =>
    port === undefined ? [] : { service, url: `http://${at(host, port)}/metrics` },
  );
}

/** stats.yaml of a node: it asks its own services, and of the other nodes their pages. */
function renderNodeStats(plan: Plan, name: string): string {
  const { cluster, host, ports, nodes, clusterFile } = plan;
  const own = (port: number, path = '') => `http://${at(host, port)}${path}`;
  const bridges = new Set(bridgeNodes(plan).map((one) => one.name));
  const page = (address: string, path: string) => `http://${at(address, ports.page)}/api/${path}`;
  const config: z.input<typeof statsConfigSchema> = {
    cluster: clusterFile,
    page: { host: plan.publicHost === '*' ? '0.0.0.0' : plan.publicHost, port: ports.page },
    mqtt: {
      host:
        cluster.vip ??
        cluster.nodes.find(({ roles }) => roles.includes('balancer'))?.address ??
        host,
      port: ports.mqtt,
    },
    health: { host, port: ports.statsHealth },
    ...(cluster.monitoring === undefined ? {} : { metrics: metricsOf(plan, name) }),
    balancers: cluster.nodes
      .filter(({ roles }) => roles.includes('balancer'))
      .map((node) => ({
        node: node.name,
        status:
          node.name === name
            ? own(ports.balancerHealth, '/status')
            : page(node.address, 'node/balancer'),
      })),
    nodes: cluster.nodes.map((node) => {
      const broker = nodes.find((planned) => planned.name === node.name);
      if (node.name === name) {
        return {
          name,
          vitals: 'local',
          ...(broker === undefined
            ? {}
            : {
                broker: own(broker.ports.health, '/status'),
                nats: own(broker.ports.natsMonitor),
              }),
          ...(bridges.has(name) ? { bridge: own(ports.bridgeHealth[0]!, '/status') } : {}),
          watchdog: own(ports.supervisorHealth, '/status'),
          ...(cluster.vip === undefined ? {} : { vip: own(VIP_PORTS.health, '/status') }),
        };
      }
      const { address } = node;
      return {
        name: node.name,
        vitals: page(address, 'vitals'),
        ...(broker === undefined
          ? {}
          : { broker: page(address, 'node/broker'), nats: page(address, 'node/nats') }),
        ...(bridges.has(node.name) ? { bridge: page(address, 'node/bridge') } : {}),
        watchdog: page(address, 'node/watchdog'),
        ...(cluster.vip === undefined ? {} : { vip: page(address, 'node/vip') }),
      };
    }),
  };
  return `${header(`The page of ${name}: where it listens and whom it asks`, plan)}

${stringify(config)}`;
}
