import http from 'node:http';
import type { z } from 'zod';
import { type BridgeStatus, bridgeStatusSchema } from '#core/contracts/bridge.ts';
import type { StatsConfig } from '#core/contracts/service-config.ts';
import {
  type BalancerStatus,
  type BrokerStatus,
  balancerStatusSchema,
  brokerStatusSchema,
  type SupervisorStatus,
  supervisorStatusSchema,
  type VipStatus,
  vipStatusSchema,
  type WatchdogStatus,
  watchdogStatusSchema,
} from '#core/contracts/status.ts';
import { type Vitals, vitalsSchema } from '#core/contracts/vitals.ts';
import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import type { Service } from '#core/lifecycle.ts';
import type { NatsStatus } from '../model/snapshot.ts';
import { fetchJson } from './fetch-json.ts';
import { LocalVitals } from './local-vitals.ts';
import { natsStatusSchema, natsVarzSchema, toNatsStatus } from './nats.ts';
import { Poller } from './poller.ts';

export interface NodeSources {
  readonly name: string;
  readonly vitals: Poller<Vitals>;
  readonly broker: Poller<BrokerStatus> | undefined;
  readonly nats: Poller<NatsStatus> | undefined;
  readonly bridge: Poller<BridgeStatus> | undefined;
  readonly watchdog: Poller<WatchdogStatus> | undefined;
  readonly vip: Poller<VipStatus> | undefined;
}

export interface SourcesOptions {
  config: Pick<StatsConfig, 'nodes' | 'balancers' | 'supervisor'>;
  /** Milliseconds from one question to the next; default 1000. */
  interval?: number;
  /** Milliseconds for one answer; default 2000. */
  timeout?: number;
  onFailure?: (source: string, error: unknown) => void;
}

const DEFAULT_INTERVAL = 1000;
const DEFAULT_TIMEOUT = 2000;
/** Paths of another node's page; everything else is a nats-server's own. */
const PAGE_API = '/api/';
/** Own sampling shares the machine with what it measures. */
const LOCAL = 'local';

/** All that the page asks, each with its own poller, so that a slow peer delays nobody else. */
export class Sources implements Service {
  /** This machine's own vitals, served to the other nodes. */
  readonly own: Poller<Vitals>;
  readonly nodes: readonly NodeSources[];
  readonly balancers: readonly { node: string; status: Poller<BalancerStatus> }[];
  readonly supervisor: Poller<SupervisorStatus> | undefined;
  readonly #agent = new http.Agent({ keepAlive: true });
  readonly #options: SourcesOptions;

  /** Throws BrambleError CONFIG_INVALID for what is no `http:` URL. */
  constructor(options: SourcesOptions) {
    this.#options = options;
    const { nodes, balancers, supervisor } = options.config;
    const local = new LocalVitals();
    this.own = this.#poller('own vitals', () => local.sample());
    this.nodes = nodes.map(({ name, vitals, broker, nats, bridge, watchdog, vip }) => ({
      name,
      vitals: vitals === LOCAL ? this.own : this.#http(`vitals ${name}`, vitals, vitalsSchema),
      broker:
        broker === undefined ? undefined : this.#http(`broker ${name}`, broker, brokerStatusSchema),
      nats: nats === undefined ? undefined : this.#nats(name, nats),
      bridge:
        bridge === undefined ? undefined : this.#http(`bridge ${name}`, bridge, bridgeStatusSchema),
      watchdog:
        watchdog === undefined
          ? undefined
          : this.#http(`watchdog ${name}`, watchdog, watchdogStatusSchema),
      vip: vip === undefined ? undefined : this.#http(`vip ${name}`, vip, vipStatusSchema),
    }));
    this.balancers = balancers.map(({ node, status }) => ({
      node,
      status: this.#http(`balancer ${node}`, status, balancerStatusSchema),
    }));
    this.supervisor =
      supervisor === undefined
        ? undefined
        : this.#http('supervisor', supervisor, supervisorStatusSchema);
  }

  /** What this machine's own services say, served to the other nodes. */
  get here(): Readonly<
    Record<
      'broker' | 'balancer' | 'nats' | 'bridge' | 'watchdog' | 'vip',
      Poller<unknown> | undefined
    >
  > {
    const node = this.nodes.find(({ vitals }) => vitals === this.own);
    const balancer = this.balancers.find((one) => one.node === node?.name);
    const { broker, nats, bridge, watchdog, vip } = node ?? {};
    return { broker, balancer: balancer?.status, nats, bridge, watchdog, vip };
  }

  /** Every poller, each once. */
  get all(): readonly Poller<unknown>[] {
    const pollers = [
      this.own,
      ...this.nodes.flatMap((node) => [
        ...[node.vitals, node.broker, node.nats, node.bridge, node.watchdog, node.vip],
      ]),
      ...this.balancers.map(({ status }) => status),
      this.supervisor,
    ];
    return [...new Set(pollers.filter((poller) => poller !== undefined))];
  }

  async start(): Promise<void> {
    await Promise.all(this.all.map((poller) => poller.start()));
  }

  async close(): Promise<void> {
    await Promise.all(this.all.map((poller) => poller.close()));
    this.#agent.destroy();
  }

  #http<S extends z.ZodType>(name: string, text: string, schema: S): Poller<z.output<S>> {
    const url = httpUrl(name, text);
    return this.#poller(name, (signal) => fetchJson(url, schema, this.#agent, signal));
  }

  #nats(node: string, text: string): Poller<NatsStatus> {
    const name = `nats ${node}`;
    const url = httpUrl(name, text);
    if (url.pathname.startsWith(PAGE_API)) return this.#http(name, text, natsStatusSchema);
    url.pathname = `${url.pathname.replace(/\/(varz)?$/, '')}/varz`;
    return this.#poller(name, async (signal) =>
      toNatsStatus(await fetchJson(url, natsVarzSchema, this.#agent, signal)),
    );
  }

  #poller<T>(name: string, read: (signal: AbortSignal) => Promise<T>): Poller<T> {
    const { interval = DEFAULT_INTERVAL, timeout = DEFAULT_TIMEOUT, onFailure } = this.#options;
    const failed = onFailure ? { onFailure: (error: unknown) => onFailure(name, error) } : {};
    return new Poller({ name, read, interval, timeout, ...failed });
  }
}

function httpUrl(name: string, text: string): URL {
  const url = URL.parse(text);
  if (url?.protocol === 'http:') return url;
  throw new BrambleError(ERROR_CODES.CONFIG_INVALID, `${name}: "${text}" is no http:// URL`);
}
