import { z } from 'zod';
import type { Unreadiness } from '#core/health.ts';

const INTERVAL = 1_000;
const TIMEOUT = 1_000;

const readySchema = z.object({ reasons: z.array(z.string()) });

/** The first worker asks the others whether they serve, so that one question tells of a node. */
export class Siblings {
  readonly #urls: readonly string[];
  readonly #reasons: string[][];
  #timer: NodeJS.Timeout | undefined;

  constructor(host: string, ports: readonly number[]) {
    const name = host.includes(':') ? `[${host}]` : host;
    this.#urls = ports.map((port) => `http://${name}:${port}/readyz`);
    this.#reasons = ports.map((_, index) => [`worker ${index + 2} has not answered yet`]);
  }

  /** Why the others do not serve. */
  get unready(): Unreadiness {
    return this.#reasons.flat();
  }

  start(): void {
    if (this.#urls.length === 0) return;
    const ask = (): void => {
      for (const [index, url] of this.#urls.entries()) void this.#ask(index, url);
    };
    this.#timer = setInterval(ask, INTERVAL);
    ask();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #ask(index: number, url: string): Promise<void> {
    const worker = `worker ${index + 2}`;
    try {
      const answer = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT) });
      const { reasons } = readySchema.parse(await answer.json());
      this.#reasons[index] = reasons.map((reason) => `${worker}: ${reason}`);
    } catch {
      this.#reasons[index] = [`${worker} does not answer`];
    }
  }
}
