import { Resolver } from 'node:dns/promises';
import { BlockList, isIPv6 } from 'node:net';
import type { HoldStatus, ResolversConfig, ServerResolution } from './config.ts';

/** What is asked for. */
type Question = Pick<ServerResolution, 'hostname' | 'prefer' | 'networks'>;

export interface Endpoint {
  readonly host: string;
  /** Of SRV records; undefined = the one that the server's line has. */
  readonly port: number | undefined;
}

export type Answer =
  | { readonly endpoints: readonly Endpoint[] }
  | { readonly failure: Exclude<HoldStatus, 'valid' | 'obsolete'> };

const FAILURES: Readonly<Record<string, Exclude<HoldStatus, 'valid' | 'obsolete'>>> = {
  ENOTFOUND: 'nx',
  ENODATA: 'nx',
  EREFUSED: 'refused',
  ECONNREFUSED: 'refused',
  ETIMEOUT: 'timeout',
  ETIMEDOUT: 'timeout',
  ECANCELLED: 'timeout',
};

const failureOf = (error: unknown): Answer => ({
  failure: FAILURES[String((error as NodeJS.ErrnoException).code)] ?? 'other',
});

/** Asks the nameservers of a `resolvers` section. Never rejects. */
export class Lookup {
  readonly #resolver: Resolver;

  constructor(resolvers: ResolversConfig) {
    this.#resolver = new Resolver({ timeout: resolvers.retry, tries: resolvers.retries });
    const servers = resolvers.nameservers.map(({ address }) => address);
    if (servers.length > 0) this.#resolver.setServers(servers);
  }

  async ask(resolution: Question): Promise<Answer> {
    const { hostname } = resolution;
    if (!hostname.startsWith('_')) return this.#addresses(hostname, resolution);
    try {
      const records = await this.#resolver.resolveSrv(hostname);
      const answers = await Promise.all(
        records.map(async ({ name, port }) => {
          const answer = await this.#addresses(name, resolution);
          return 'endpoints' in answer
            ? answer.endpoints.slice(0, 1).map((one) => ({ ...one, port }))
            : [];
        }),
      );
      return { endpoints: sorted(answers.flat()) };
    } catch (error) {
      return failureOf(error);
    }
  }

  cancel(): void {
    this.#resolver.cancel();
  }

  /** The preferred family's, the other one's where it has none. */
  async #addresses(name: string, { prefer, networks }: Question): Promise<Answer> {
    let failure: Answer = { failure: 'nx' };
    for (const family of [prefer, prefer === 4 ? 6 : 4]) {
      try {
        const found =
          family === 4 ? await this.#resolver.resolve4(name) : await this.#resolver.resolve6(name);
        if (found.length > 0) return { endpoints: inNetworks(found, networks) };
      } catch (error) {
        failure = failureOf(error);
      }
    }
    return failure;
  }
}

/** Always in the same order, so that an answer in another one changes nothing. */
const sorted = (endpoints: readonly Endpoint[]): Endpoint[] =>
  endpoints.toSorted((a, b) => (`${a.host} ${a.port}` < `${b.host} ${b.port}` ? -1 : 1));

function inNetworks(addresses: readonly string[], networks: readonly string[]): Endpoint[] {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', bits] = network.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  const wanted = addresses.filter((one) => list.check(one, isIPv6(one) ? 'ipv6' : 'ipv4'));
  const chosen = wanted.length > 0 ? wanted : addresses;
  return sorted(chosen.map((host) => ({ host, port: undefined })));
}
