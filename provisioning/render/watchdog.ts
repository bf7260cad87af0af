import { stringify } from 'yaml';
import type { z } from 'zod';
import { VIP_PORTS } from '#core/contracts/ports.ts';
import type { watchdogConfigSchema } from '#core/contracts/service-config.ts';
import { bridgeNodes } from './bridge.ts';
import { at, header, type Plan } from './plan.ts';

type Config = z.input<typeof watchdogConfigSchema>;
type Watched = Config['services'][number];

/** Where the watchdog keeps what outlives a reboot, and the services their data. */
const STATE = '/var/lib/bramble/watchdog';
const DATA = '/var/lib/bramble';
/** Of the process that advertises, many times a second: see bramble-keepalived.service. */
const KEEPALIVED_PID = '/run/bramble-keepalived/vrrp.pid';
/** One that advertises less often may do nothing between two looks; milliseconds. */
const ADVERT_MAX = 1_000;

/** watchdog.yaml of a node: what runs there, how it is asked, and what may be done for it. */
export function renderWatchdog(plan: Plan, name: string, drain: string): string {
  const { cluster, host, ports } = plan;
  const config: Config = {
    node: name,
    health: { host, port: ports.supervisorHealth },
    state: STATE,
    data: DATA,
    drain,
    services: servicesOf(plan, name),
    peers: cluster.nodes
      .filter((node) => node.name !== name)
      .map((node) => ({
        name: node.name,
        status: `http://${at(node.address, ports.page)}/api/node/watchdog`,
      })),
  };
  return `${header(`Watchdog of ${name}: what it asks, and what it may do`, plan)}
# alive: each must answer, or the service is down after three rounds of 5 s.
# ready: unready for 5 min is down too, unless what it needs is unready.
# Ladder: restart (twice), clients sent away and restart, reboot (at most 2 in 6 h), every 5 min.

${stringify(config)}`;
}

/** What others stand on comes first: it is mended first. */
function servicesOf(plan: Plan, name: string): Watched[] {
  const { cluster, host, ports } = plan;
  const roles = cluster.nodes.find((node) => node.name === name)?.roles ?? [];
  const health = (port: number, question: 'healthz' | 'readyz') =>
    `http://${at(host, port)}/${question}`;
  const services: Watched[] = [];
  const broker = plan.nodes.find((node) => node.name === name);
  if (broker !== undefined) {
    const { nats, natsMonitor, mqtt, health: port } = broker.ports;
    services.push({
      name: 'nats',
      unit: 'bramble-nats.service',
      alive: [{ tcp: { host, port: nats } }, { http: `http://${at(host, natsMonitor)}/varz` }],
      // One that could not write gives JetStream up for good, and runs on without.
      ready: `http://${at(host, natsMonitor)}/healthz?js-enabled-only=true`,
      reboot: true,
    });
    services.push({
      name: 'broker',
      unit: 'bramble-broker.service',
      alive: [
        { http: health(port, 'healthz') },
        { mqtt: { host: broker.host, port: mqtt, proxyProtocol: true } },
      ],
      ready: health(port, 'readyz'),
      needs: ['nats'],
      drain: true,
      reboot: true,
    });
  }
  if (roles.includes('balancer')) {
    services.push({
      name: 'balancer',
      unit: 'bramble-balancer.service',
      alive: [
        { http: health(ports.balancerHealth, 'healthz') },
        { tcp: { host: plan.publicHost === '::' ? '::1' : host, port: ports.mqtt } },
      ],
      reboot: true,
    });
  }
  if (cluster.vip !== undefined) {
    services.push({
      name: 'vip',
      unit: 'bramble-vip.service',
      alive: [{ http: health(VIP_PORTS.health, 'healthz') }],
    });
    // Frozen it keeps its addresses while another node takes them.
    if (roles.includes('balancer') && cluster.vrrp.advert <= ADVERT_MAX) {
      services.push({
        name: 'keepalived',
        unit: 'bramble-keepalived.service',
        alive: [{ pulse: KEEPALIVED_PID }],
      });
    }
  }
  const kafka = kafkaOf(plan, name);
  if (kafka !== undefined) services.push(kafka);
  if (bridgeNodes(plan).some((node) => node.name === name)) {
    services.push({
      name: 'bridge',
      unit: 'bramble-bridge.service',
      alive: [{ http: health(ports.bridgeHealth[0]!, 'healthz') }],
    });
  }
  services.push({
    name: 'stats',
    unit: 'bramble-stats.service',
    alive: [
      { http: health(ports.statsHealth, 'healthz') },
      { http: `http://${at(host, ports.page)}/` },
    ],
  });
  return services;
}

/** Its controller runs without the others, and does not take long to answer. */
function kafkaOf({ cluster, ports }: Plan, name: string): Watched | undefined {
  const nodes = cluster.nodes.filter(({ roles }) => roles.includes('kafka'));
  const own = nodes.find((node) => node.name === name);
  if (own === undefined) return undefined;
  const { clients, controller } = ports.kafka;
  const tls = cluster.kafka?.tls !== undefined;
  const controllers = nodes.map(({ address }) => ({ host: address, port: controller }));
  return {
    name: 'kafka',
    unit: 'bramble-kafka.service',
    alive: [
      { tcp: { host: own.address, port: controller } },
      { kafka: { host: own.address, port: clients, tls, controllers } },
    ],
  };
}
