import type { AgentConfig } from './health-config.ts';
import type { Server } from './server.ts';

/** Sends the checks of a server elsewhere from now on; undefined = as before. */
export function redirectChecks(
  server: Server,
  { addr, port }: { addr?: string | undefined; port?: number | undefined },
): void {
  const { check } = server.config;
  if (!check) return;
  const changed = { ...check, addr: addr ?? check.addr, port: port ?? check.port };
  server.config = { ...server.config, check: changed };
}

/** Asks its agent elsewhere, or something else, from now on. */
export function redirectAgent(server: Server, change: Partial<AgentConfig>): void {
  const { health } = server.config;
  if (!health?.agent) return;
  const agent = { ...health.agent, ...change };
  server.config = { ...server.config, health: { ...health, agent } };
}
