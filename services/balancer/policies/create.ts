import type { BalanceAlgorithm, HashConfig } from '../model.ts';
import type { Server } from '../servers/server.ts';
import { First } from './first.ts';
import { HashMap } from './hashing/map.ts';
import { HashRing } from './hashing/ring.ts';
import { LeastPending } from './least-pending.ts';
import { LeastConnections } from './leastconn.ts';
import { PeakEwma } from './peak-ewma.ts';
import type { Policy } from './policy.ts';
import { Random } from './random.ts';
import { RoundRobin } from './roundrobin.ts';
import { StaticRoundRobin } from './static-rr.ts';

/**
 * The policy that `balance` names, over a backend's active (non-backup) servers.
 *
 * | `balance`       | takes                                            | order of HAProxy      |
 * | --------------- | ------------------------------------------------ | --------------------- |
 * | `roundrobin`    | turns by weight, weights may change at any time  | the same              |
 * | `static-rr`     | turns by weight, from a table                    | the same              |
 * | `leastconn`     | fewest sessions for its weight                   | the same              |
 * | `first`         | lowest id with a free place                      | the same              |
 * | `random(draws)` | least loaded of some drawn at random by weight   | the same shares       |
 * | `peak-ewma`     | shortest expected response time                  | ours alone            |
 * | `least-pending` | fewest connections being established             | ours alone            |
 * | `source` `uri` `url_param` `hdr` `rdp-cookie` `hash` | where the key's hash falls       | the same |
 */
export function createPolicy(
  algorithm: BalanceAlgorithm,
  hash: HashConfig,
  servers: readonly Server[],
): Policy {
  switch (algorithm.name) {
    case 'roundrobin':
      return new RoundRobin(servers);
    case 'static-rr':
      return new StaticRoundRobin(servers);
    case 'leastconn':
      return new LeastConnections(servers);
    case 'first':
      return new First(servers);
    case 'random':
      return new Random(servers, algorithm.draws);
    case 'peak-ewma':
      return new PeakEwma(servers);
    case 'least-pending':
      return new LeastPending(servers);
    default:
      return hash.method === 'consistent'
        ? new HashRing(servers, hash.balanceFactor)
        : new HashMap(servers);
  }
}

/** Whether the weights of its servers may change while it runs (HAProxy's "dynamic"). */
export function isDynamic({ name }: BalanceAlgorithm, hash: HashConfig): boolean {
  switch (name) {
    case 'static-rr':
      return false;
    case 'source':
    case 'uri':
    case 'url_param':
    case 'hdr':
    case 'rdp-cookie':
    case 'hash':
      return hash.method === 'consistent';
    default:
      return true;
  }
}
