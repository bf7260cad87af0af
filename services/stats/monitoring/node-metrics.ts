import http from 'node:http';
import type { Registry } from '#core/metrics.ts';
import { fetchText } from '../sources/fetch-json.ts';
import { type Exposition, mergeExpositions } from './exposition.ts';

export interface NodeMetricsOptions {
  /** The page's own. */
  registry: Pick<Registry, 'metrics' | 'contentType'>;
  /** `/metrics` of the other services here. */
  sources: readonly { service: string; url: string }[];
  /** Milliseconds for one answer; default 2000. */
  timeout?: number;
}

const DEFAULT_TIMEOUT = 2_000;
const UP = 'bramble_service_up';

/** The metrics of all services of this node, as one text. */
export class NodeMetrics {
  readonly #options: NodeMetricsOptions;
  readonly #agent = new http.Agent({ keepAlive: true });
  #running: Promise<string> | undefined;

  constructor(options: NodeMetricsOptions) {
    this.#options = options;
  }

  get contentType(): string {
    return this.#options.registry.contentType;
  }

  /** Whoever asks meanwhile gets the same answer. A service that is silent is told by `up`. */
  read(): Promise<string> {
    this.#running ??= this.#gather().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  close(): void {
    this.#agent.destroy();
  }

  async #gather(): Promise<string> {
    const { registry, sources, timeout = DEFAULT_TIMEOUT } = this.#options;
    const asked = sources.map(async ({ service, url }): Promise<Exposition | string> => {
      const signal = AbortSignal.timeout(timeout);
      return fetchText(new URL(url), this.#agent, signal).then(
        (text) => ({ service, text }),
        () => service,
      );
    });
    const own: Exposition = { service: 'stats', text: await registry.metrics() };
    const answers = [own, ...(await Promise.all(asked))];
    const heard = answers.filter((answer) => typeof answer !== 'string');
    const up = answers.map((answer) =>
      typeof answer === 'string'
        ? `${UP}{service="${answer}"} 0\n`
        : `${UP}{service="${answer.service}"} 1\n`,
    );
    return `# HELP ${UP} Whether a service of this node answers (1) or not (0)
# TYPE ${UP} gauge
${[...new Set(up)].join('')}${mergeExpositions(heard)}`;
  }
}
