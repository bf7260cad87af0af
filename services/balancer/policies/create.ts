import type { BalanceAlgorithm } from '../model.ts';
import type { Server } from '../servers/server.ts';
import { LeastConnections } from './leastconn.ts';
import type { Policy } from './policy.ts';
import { RoundRobin } from './roundrobin.ts';

/** The policy that `balance` names, over a backend's active (non-backup) servers. */
export function createPolicy(algorithm: BalanceAlgorithm, servers: readonly Server[]): Policy {
  switch (algorithm.name) {
    case 'roundrobin':
      return new RoundRobin(servers);
    case 'leastconn':
      return new LeastConnections(servers);
  }
}
