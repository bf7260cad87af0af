import { z } from 'zod';
import type { Unreadiness } from '#core/health.ts';

const INTERVAL = 1_000;
const TIMEOUT = 1_000;

const readySchema = z.object({ reasons: z.array(z.string()) });

export interface Request {
  method?: string;
  token?: string | undefined;
}

/** What one of the others has answered; undefined where it has not. */
export type Reply = { status: number; body: unknown } | undefined;

/**
 * The other workers of the node, as the first one sees them on their health ports: it asks whether
 * they serve, so that one question tells of a node, and what they count and know.
 */
export class Siblings {
  readonly #urls: readonly string[];
  readonly #reasons: string[][];
  #timer: NodeJS.Timeout | undefined;

  constructor(host: string, ports: readonly number[]) {
    const name = host.includes(':') ? `[${host}]` : host;
    this.#urls = ports.map((port) => `http://${name}:${port}`);
    this.#reasons = ports.map((_, index) => [`worker ${index + 2} has not answered yet`]);
  }

  get count(): number {
    return this.#urls.length;
  }

  /** Why the others do not serve. */
  get unready(): Unreadiness {
    return this.#reasons.flat();
  }

  start(): void {
    if (this.#urls.length === 0) return;
    const ask = (): void => {
      for (const index of this.#urls.keys()) void this.#askReady(index);
    };
    this.#timer = setInterval(ask, INTERVAL);
    ask();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Asks one of them, from 0. Never rejects. */
  async ask(index: number, path: string, { method = 'GET', token }: Request = {}): Promise<Reply> {
    try {
      const answer = await fetch(`${this.#urls[index]}${path}`, {
        method,
        signal: AbortSignal.timeout(TIMEOUT),
        ...(token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }),
      });
      return { status: answer.status, body: await answer.json() };
    } catch {
      return undefined;
    }
  }

  /** Asks all of them at once. Never rejects. */
  askAll(path: string, request?: Request): Promise<Reply[]> {
    return Promise.all(this.#urls.map((_, index) => this.ask(index, path, request)));
  }

  async #askReady(index: number): Promise<void> {
    const worker = `worker ${index + 2}`;
    const answer = readySchema.safeParse((await this.ask(index, '/readyz'))?.body);
    this.#reasons[index] = answer.success
      ? answer.data.reasons.map((reason) => `${worker}: ${reason}`)
      : [`${worker} does not answer`];
  }
}
