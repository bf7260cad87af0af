import type { AdminState } from './admin-state.ts';
import type { Server } from './server.ts';
import type { CheckStatus } from './types.ts';

/** Where a server stands, as one worker tells it to the others. */
export interface ServerSnapshot {
  readonly backend: string;
  readonly server: string;
  readonly admin: AdminState;
  readonly health: number;
  readonly stopping: boolean;
  readonly downtime: number;
  readonly weight: number;
  readonly maxconn: number | undefined;
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly checksEnabled: boolean;
  readonly agentEnabled: boolean;
  readonly checkStatus: CheckStatus;
  readonly checkDuration: number | undefined;
  readonly checkCode: number | undefined;
  readonly checkInfo: string | undefined;
  readonly checksFailed: number;
  readonly timesDown: number;
  readonly lastChange: number;
  /** How often `observe` had seen too many errors. */
  readonly observed: number;
  readonly agent: object | undefined;
}

export function snapshotOf(server: Server): ServerSnapshot {
  const { standing, config, agent } = server;
  return {
    backend: server.backend.config.name,
    server: config.name,
    admin: standing.admin,
    health: standing.health,
    stopping: standing.stopping,
    downtime: standing.downtime,
    weight: server.weight,
    maxconn: server.maxconn,
    host: config.host,
    port: config.port,
    tls: config.tls !== undefined,
    checksEnabled: server.checksEnabled,
    agentEnabled: server.agentEnabled,
    checkStatus: server.checkStatus,
    checkDuration: server.checkDuration,
    checkCode: server.checkCode,
    checkInfo: server.checkInfo,
    checksFailed: server.checksFailed,
    timesDown: server.timesDown,
    lastChange: server.lastChange,
    observed: server.observer?.reached ?? 0,
    agent: agent && { ...agent },
  };
}

/** Puts it where the snapshot says, but for its address and TLS, and without telling anybody. */
export function applySnapshot(server: Server, snapshot: ServerSnapshot): void {
  const { standing, agent, observer } = server;
  standing.admin = snapshot.admin;
  standing.health = snapshot.health;
  standing.stopping = snapshot.stopping;
  server.weight = snapshot.weight;
  server.maxconn = snapshot.maxconn;
  server.checksEnabled = snapshot.checksEnabled;
  server.agentEnabled = snapshot.agentEnabled;
  server.checkStatus = snapshot.checkStatus;
  server.checkDuration = snapshot.checkDuration;
  server.checkCode = snapshot.checkCode;
  server.checkInfo = snapshot.checkInfo;
  server.checksFailed = snapshot.checksFailed;
  if (observer) observer.reached = snapshot.observed;
  if (agent && snapshot.agent) Object.assign(agent, snapshot.agent);
}
