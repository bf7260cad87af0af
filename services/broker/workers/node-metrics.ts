import { nodeOfWorker } from '#core/contracts/workers.ts';
import { AggregatorRegistry, type Registry } from '#core/metrics.ts';
import type { Siblings } from './siblings.ts';

type Metrics = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

/**
 * `/metrics` of a whole node: what its workers count is added up, and what each of them has a copy
 * of counts once (`aggregator` of the metric). One that does not answer counts with what it told
 * last.
 */
export class NodeMetrics {
  readonly #siblings: Siblings;
  readonly #own: Registry;
  readonly #last: (Metrics | undefined)[] = [];

  constructor(siblings: Siblings, own: Registry) {
    this.#siblings = siblings;
    this.#own = own;
  }

  get contentType(): Registry['contentType'] {
    return this.#own.contentType;
  }

  async metrics(): Promise<string> {
    return this.#siblings.count === 0 ? this.#own.metrics() : (await this.#all()).metrics();
  }

  async getMetricsAsJSON(): Promise<Metrics> {
    const registry = this.#siblings.count === 0 ? this.#own : await this.#all();
    return registry.getMetricsAsJSON();
  }

  async #all(): Promise<Registry> {
    const replies = await this.#siblings.askAll('/metrics.json');
    for (const [index, reply] of replies.entries()) {
      if (reply?.status === 200) this.#last[index] = withoutWorkers(reply.body as Metrics);
    }
    const others = this.#last.filter((one) => one !== undefined);
    return AggregatorRegistry.aggregate([await this.#own.getMetricsAsJSON(), ...others]);
  }
}

/** Under the node's name. */
function withoutWorkers(metrics: Metrics): Metrics {
  for (const { values } of metrics as { values: { labels: Record<string, unknown> }[] }[]) {
    for (const { labels } of values) {
      if (typeof labels.node === 'string') labels.node = nodeOfWorker(labels.node);
    }
  }
  return metrics;
}
