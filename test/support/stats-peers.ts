import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  type BridgeStatus,
  bridgeStatusSchema,
  type ToKafkaRow,
  type ToMqttRow,
} from '#core/contracts/bridge.ts';
import {
  type BalancerStatus,
  type BrokerStatus,
  balancerStatusSchema,
  brokerStatusSchema,
  type ClusterEvent,
  type StatRow,
  type SupervisorStatus,
  supervisorStatusSchema,
  type VipStatus,
  vipStatusSchema,
  type WatchdogStatus,
} from '#core/contracts/status.ts';
import { type Vitals, vitalsSchema } from '#core/contracts/vitals.ts';

const GIB = 1 << 30;
/** Fixed, as a real process's start is: another one would be another process. */
const STARTED = Date.now() - 86_400_000;

/** A broker that has run for a day, as the contract has it. */
export function brokerStatus(changes: Partial<BrokerStatus> = {}): BrokerStatus {
  return brokerStatusSchema.parse({
    service: 'broker',
    node: 'pi1',
    pid: 1201,
    startedAt: STARTED,
    rss: 88 << 20,
    cpu: 120,
    ready: true,
    reasons: [],
    clients: 148,
    clientsMax: 161,
    connects: 1904,
    refused: 3,
    takeovers: 12,
    subscriptions: 412,
    sessions: 155,
    retained: 873,
    messagesIn: 1_284_000,
    messagesOut: 5_310_400,
    bytesIn: 310_000_000,
    bytesOut: 1_220_000_000,
    dropped: 0,
    routedOut: 420_000,
    routedIn: 418_000,
    natsConnected: true,
    ...changes,
  } satisfies BrokerStatus);
}

export function vitals(changes: Partial<Vitals> = {}): Vitals {
  return vitalsSchema.parse({
    service: 'vitals',
    at: Date.now(),
    hostname: 'pi1',
    model: 'Raspberry Pi 5 Model B Rev 1.0',
    os: 'Debian GNU/Linux 13 (trixie)',
    kernel: '6.12.47+rpt-rpi-2712',
    arch: 'arm64',
    uptime: 273_900,
    cpu: { cores: 4, usage: 17.4 },
    load: [0.62, 0.55, 0.48],
    memory: { total: 8 * GIB, available: 6.1 * GIB, swapTotal: 0, swapUsed: 0 },
    disks: [
      { mount: '/', device: '/dev/mmcblk0p2', size: 29 * GIB, used: 6.4 * GIB, readOnly: false },
      {
        mount: '/data',
        device: '/dev/nvme0n1p1',
        size: 233 * GIB,
        used: 41 * GIB,
        readOnly: false,
      },
    ],
    temperature: 51.4,
    throttled: { now: [], sinceBoot: [] },
    ...changes,
  } satisfies Vitals);
}

/** A row of HAProxy's statistics; columns that are not given are empty, as HAProxy leaves them. */
export function statRow(pxname: string, svname: string, columns: StatRow = {}): StatRow {
  const type = svname === 'FRONTEND' ? 0 : svname === 'BACKEND' ? 1 : 2;
  const figures = { scur: 0, smax: 0, stot: 0, rate: 0, bin: 0, bout: 0 };
  const empty = { qcur: '', econ: '', check_status: '', lastchg: '', downtime: '' };
  const status = type === 0 ? 'OPEN' : 'UP';
  return { pxname, svname, status, type, ...figures, ...empty, ...columns };
}

export function balancerStatus(rows: StatRow[], changes: Partial<BalancerStatus> = {}) {
  return balancerStatusSchema.parse({
    service: 'balancer',
    pid: 1100,
    startedAt: STARTED,
    rss: 61 << 20,
    cpu: 300,
    ready: true,
    reasons: [],
    rows,
    ...changes,
  } satisfies BalancerStatus);
}

/** What nats-server answers under `/varz`, as far as anyone here reads it. */
export function varz(changes: Record<string, unknown> = {}) {
  return {
    server_name: 'pi1',
    version: '2.10.27',
    start: new Date(STARTED).toISOString(),
    mem: 31 << 20,
    cpu: 2,
    connections: 1,
    routes: 1,
    subscriptions: 88,
    in_msgs: 420_000,
    out_msgs: 418_000,
    slow_consumers: 0,
    jetstream: { stats: { storage: 512 << 20 }, meta: { leader: 'pi1', cluster_size: 2 } },
    ...changes,
  };
}

/** A row of a mapping to Kafka that is carried, by `owner` where that is another bridge. */
export function toKafkaRow(changes: Partial<ToKafkaRow> = {}): ToKafkaRow {
  return {
    name: 'everything',
    state: 'carrying',
    owner: 'pi1#5f0c1a2b',
    lag: { messages: 0, bytes: 0, seconds: 0, retention: 0 },
    delivered: 480_000,
    bytes: 96_000_000,
    retries: 0,
    renewals: 0,
    deadLetters: 0,
    refused: 0,
    dropped: 0,
    lost: 0,
    pending: 0,
    ...changes,
  };
}

export function toMqttRow(changes: Partial<ToMqttRow> = {}): ToMqttRow {
  return {
    name: 'commands',
    assigned: { commands: [0, 1] },
    lag: 0,
    published: 1_200,
    bytes: 90_000,
    looped: 0,
    deadLetters: 0,
    ...changes,
  };
}

/** A bridge that carries one mapping each way. */
export function bridgeStatus(changes: Partial<BridgeStatus> = {}): BridgeStatus {
  return bridgeStatusSchema.parse({
    service: 'bridge',
    node: 'pi1',
    pid: 1401,
    startedAt: STARTED,
    rss: 96 << 20,
    cpu: 80,
    ready: true,
    reasons: [],
    kafka: { asked: true, reachable: true, brokers: 3 },
    bridges: ['pi1#5f0c1a2b'],
    toKafka: [toKafkaRow()],
    toMqtt: [toMqttRow()],
    ...changes,
  } satisfies BridgeStatus);
}

export function supervisorStatus(
  processes: SupervisorStatus['processes'],
  events: ClusterEvent[] = [],
): SupervisorStatus {
  return supervisorStatusSchema.parse({
    service: 'supervisor',
    pid: 1000,
    startedAt: STARTED,
    processes,
    events,
  } satisfies SupervisorStatus);
}

/** What a peer does when asked: answer, hold the line and say nothing, or hang up. */
export type Manner = 'answers' | 'hangs' | 'refuses';

/** Stands in for every peer of the page: paths with bodies that a test changes at will. */
export class StatsPeers {
  readonly bodies = new Map<string, () => unknown>();
  readonly manners = new Map<string, Manner>();
  readonly #server = http.createServer((request, response) => {
    const path = request.url ?? '/';
    const body = this.bodies.get(path);
    switch (this.manners.get(path) ?? 'answers') {
      case 'hangs':
        return;
      case 'refuses':
        request.socket.destroy();
        return;
      case 'answers':
        response.writeHead(body ? 200 : 404, { 'content-type': 'application/json' });
        response.end(JSON.stringify(body?.() ?? { error: 'unknown' }));
    }
  });

  async start(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  url(path: string): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}${path}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** What a node's watchdog says when all is well. */
export function watchdogStatus(over: Partial<WatchdogStatus> = {}): WatchdogStatus {
  return {
    service: 'watchdog',
    node: 'pi1',
    pid: 77,
    startedAt: 1_700_000_000_000,
    rss: 50_000_000,
    cpu: 1,
    ready: true,
    reasons: [],
    services: [{ name: 'broker', state: 'up', since: 1_700_000_000_000, reason: '' }],
    rebootsLeft: 2,
    events: [],
    ...over,
  };
}

/** A node that may have virtual addresses, and has none. */
export function vipStatus(changes: Partial<VipStatus> = {}): VipStatus {
  return vipStatusSchema.parse({
    service: 'vip',
    node: 'pi1',
    pid: 78,
    startedAt: STARTED,
    rss: 60_000_000,
    cpu: 1,
    ready: true,
    reasons: [],
    fault: false,
    since: STARTED,
    owned: [],
    peers: [{ name: 'pi2', reached: true, serves: true }],
    ...changes,
  } satisfies VipStatus);
}
