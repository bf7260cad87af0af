import { Counter, Gauge, type Registry } from '#core/metrics.ts';
import type { StreamHub } from './page/stream.ts';
import type { Sources } from './sources/sources.ts';

/** What Prometheus learns of this service. */
export class StatsMetrics {
  readonly #registry: Registry;
  readonly #failures: Counter<'source'>;

  constructor(registry: Registry) {
    this.#registry = registry;
    this.#failures = new Counter({
      name: 'bramble_stats_poll_failures_total',
      help: 'Questions to a source that got no usable answer',
      labelNames: ['source'],
      registers: [registry],
    });
  }

  failed(source: string): void {
    this.#failures.inc({ source });
  }

  /** Reads these two when Prometheus asks. */
  watch(sources: Sources, hub: StreamHub): void {
    const registers = [this.#registry];
    new Gauge({
      name: 'bramble_stats_source_fresh',
      help: 'Whether a source answers (1) or not (0)',
      labelNames: ['source'],
      registers,
      collect() {
        for (const { name, state } of sources.all) {
          this.set({ source: name }, state.state === 'fresh' ? 1 : 0);
        }
      },
    });
    new Gauge({
      name: 'bramble_stats_streams',
      help: 'Open live pages',
      registers,
      collect() {
        this.set(hub.size);
      },
    });
    new Gauge({
      name: 'bramble_stats_streams_dropped',
      help: 'Live pages dropped since the start because they did not keep up',
      registers,
      collect() {
        this.set(hub.dropped);
      },
    });
  }
}
