import { loadCluster } from '#core/config/cluster.ts';
import type { StatsConfig } from '#core/contracts/service-config.ts';
import { describeError } from '#core/errors.ts';
import { HealthServer } from '#core/health.ts';
import type { Service } from '#core/lifecycle.ts';
import type { Logger } from '#core/log.ts';
import { createRegistry } from '#core/metrics.ts';
import { processPart } from '#core/process-part.ts';
import { createApp } from './api/app.ts';
import { PageServer } from './api/page-server.ts';
import { clusterFacts } from './facts.ts';
import { StatsMetrics } from './metrics.ts';
import { ClusterModel } from './model/cluster-model.ts';
import { lastKnown } from './model/sourced.ts';
import { type Asking, MonitoringDoor } from './monitoring/door.ts';
import { NodeMetrics } from './monitoring/node-metrics.ts';
import { watchVitals } from './monitoring/vitals-metrics.ts';
import { loadAssets } from './page/assets.ts';
import { Renderer } from './page/renderer.ts';
import { StreamHub } from './page/stream.ts';
import { Sources } from './sources/sources.ts';

/** From one snapshot to the next, milliseconds. */
const TICK = 1000;

/** The stats page as one service: sources → model → page and stream. */
export class StatsService implements Service {
  readonly #config: StatsConfig;
  readonly #log: Logger;
  readonly #sources: Sources;
  readonly #model: ClusterModel;
  readonly #hub: StreamHub;
  readonly #page: PageServer;
  readonly #health: HealthServer;
  readonly #metrics: NodeMetrics;
  #door: MonitoringDoor;
  #ticker: NodeJS.Timeout | undefined;
  #listening = false;

  /** Throws ConfigError for cluster.yaml, BrambleError CONFIG_INVALID for a source's URL. */
  constructor(config: StatsConfig, log: Logger) {
    this.#config = config;
    this.#log = log;
    const registry = createRegistry({ service: 'stats' });
    const metrics = new StatsMetrics(registry);
    this.#sources = new Sources({
      config,
      onFailure: (source, error) => {
        metrics.failed(source);
        log.debug({ source }, `no answer: ${describeError(error)}`);
      },
    });
    const cluster = loadCluster(config.cluster);
    this.#door = new MonitoringDoor(cluster.monitoring);
    this.#metrics = new NodeMetrics({ registry, sources: config.metrics ?? [] });
    this.#model = new ClusterModel(this.#sources, clusterFacts(cluster, config));
    const renderer = new Renderer(loadAssets());
    this.#hub = new StreamHub({ renderer });
    metrics.watch(this.#sources, this.#hub);
    const { own } = this.#sources;
    watchVitals(registry, () => (own.state.state === 'fresh' ? lastKnown(own.state) : undefined));
    const [model, sources, hub] = [this.#model, this.#sources, this.#hub];
    const monitoring = {
      metrics: this.#metrics,
      judge: (asking: Asking) => this.#door.judge(asking),
    };
    const handler = createApp({ model, sources, renderer, hub, log, monitoring });
    this.#page = new PageServer({ ...config.page, handler });
    this.#health = new HealthServer({
      ...config.health,
      registry,
      unready: () => this.#unready(),
      status: () => this.#status(),
    });
  }

  async start(): Promise<void> {
    await this.#health.start();
    await this.#sources.start();
    // The first snapshot knows nothing yet, so that all that comes is a change.
    this.#model.refresh();
    await this.#page.start();
    this.#listening = true;
    this.#ticker = setInterval(() => this.#tick(), TICK);
    const { host, port } = this.#config.page;
    this.#log.info({ host, port }, `the page is at http://${host}:${port}/`);
  }

  /** Reads cluster.yaml again. Rejects and keeps the old one when it is not valid. */
  async reload(): Promise<void> {
    const cluster = loadCluster(this.#config.cluster);
    this.#model.facts = clusterFacts(cluster, this.#config);
    this.#door = new MonitoringDoor(cluster.monitoring);
  }

  async close(): Promise<void> {
    clearInterval(this.#ticker);
    this.#listening = false;
    this.#hub.close();
    await Promise.all([this.#page.close(), this.#sources.close()]);
    this.#metrics.close();
    await this.#health.close();
  }

  /** A peer may say what nobody foresaw; that costs one second's picture, not the service. */
  #tick(): void {
    try {
      this.#hub.publish(this.#model.refresh());
    } catch (error) {
      this.#log.error({ err: error }, `no picture of this second: ${describeError(error)}`);
    }
  }

  /** A peer that is silent does not make us unready: showing that is what we are for. */
  #unready(): string[] {
    return this.#listening ? [] : ['the page does not listen yet'];
  }

  #status() {
    return {
      service: 'stats',
      ...processPart(this.#unready()),
      streams: this.#hub.size,
      sources: this.#sources.all.map(({ name, state }) => ({ name, state: state.state })),
    };
  }
}
