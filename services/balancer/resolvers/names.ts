import type { ResolversConfig } from './config.ts';
import { Lookup } from './lookup.ts';

/** Names that are remembered, and names that are asked for at a time, per `resolvers` section. */
const MAX_KNOWN = 1000;
const MAX_ASKED = 1000;

type Told = (address: string | undefined) => void;

/**
 * Addresses of names that traffic brings (`do-resolve`). Who asks for a name that is being asked
 * for waits with the others, and what was found holds as long as `hold valid` says.
 */
export class Names {
  readonly #config: ResolversConfig;
  readonly #lookup: Lookup;
  readonly #known = new Map<string, { address: string; until: number }>();
  readonly #asked = new Map<string, Set<Told>>();

  constructor(config: ResolversConfig) {
    this.#config = config;
    this.#lookup = new Lookup(config);
  }

  /** What is known already. */
  known(name: string, prefer: 4 | 6): string | undefined {
    const known = this.#known.get(keyOf(name, prefer));
    return known && known.until > performance.now() ? known.address : undefined;
  }

  /**
   * Asks for one. `told` is called once, never before this returns: with undefined where there is
   * no address, or none within all retries; not at all after the returned function.
   */
  ask(name: string, prefer: 4 | 6, told: Told): () => void {
    const key = keyOf(name, prefer);
    let waiting = this.#asked.get(key);
    const tell: Told = (address) => {
      clearTimeout(timer);
      waiting?.delete(tell);
      told(address);
    };
    const full = !waiting && this.#asked.size >= MAX_ASKED;
    const { retry, retries } = this.#config;
    const timer = setTimeout(tell, full ? 0 : retry * retries, undefined);
    if (!waiting && !full) {
      waiting = new Set();
      this.#asked.set(key, waiting);
      void this.#look(key, name, prefer, waiting);
    }
    waiting?.add(tell);
    return () => {
      clearTimeout(timer);
      waiting?.delete(tell);
    };
  }

  async #look(key: string, name: string, prefer: 4 | 6, waiting: Set<Told>): Promise<void> {
    const answer = await this.#lookup.ask({ hostname: name, prefer, networks: [] });
    this.#asked.delete(key);
    const address = 'endpoints' in answer ? answer.endpoints[0]?.host : undefined;
    if (address !== undefined) this.#keep(key, address);
    for (const tell of [...waiting]) tell(address);
  }

  #keep(key: string, address: string): void {
    this.#known.delete(key);
    const [oldest] = this.#known.keys();
    if (oldest !== undefined && this.#known.size >= MAX_KNOWN) this.#known.delete(oldest);
    this.#known.set(key, { address, until: performance.now() + this.#config.hold.valid });
  }
}

const keyOf = (name: string, prefer: 4 | 6): string => `${prefer} ${name}`;

const shared = new WeakMap<ResolversConfig, Names>();

/** The names of a section, shared by all rules that use it. */
export function namesOf(config: ResolversConfig): Names {
  let names = shared.get(config);
  if (!names) {
    names = new Names(config);
    shared.set(config, names);
  }
  return names;
}
