import type { BalanceAlgorithm } from '../model.ts';
import type { Server } from '../servers/server.ts';
import { First } from './first.ts';
import { LeastConnections } from './leastconn.ts';
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
 *
 * Those that hash something of the session (`source`, `uri`, `url_param`, `hdr`, `rdp-cookie`,
 * `hash`) are refused in the configuration.
 */
export function createPolicy(algorithm: BalanceAlgorithm, servers: readonly Server[]): Policy {
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
  }
}
