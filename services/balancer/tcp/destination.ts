import type { Address, ServerConfig } from '../model.ts';

/** Where a client has connected to. */
export interface Asked {
  readonly localHost: string;
  readonly localPort: number;
}

/** Highest port of TCP. */
const MAX_PORT = 65_535;

/**
 * Where a connection to a server goes for one client: a server line without a port, or with `+N` or
 * `-N`, takes the port that the client has asked for, moved by N; one without an address takes the
 * client's (HAProxy configuration manual, section 5.2).
 */
export function destinationOf(server: ServerConfig, asked: Asked): Address {
  if (server.takesOver === undefined) return server;
  const { host, port } = server.takesOver;
  const moved = port ? asked.localPort + server.port : server.port;
  return {
    host: host ? asked.localHost : server.host,
    // As HAProxy's 16 bits: what runs over goes on from the other end.
    port: moved & MAX_PORT,
  };
}

/** What tells connections to such a server apart that cannot take each other's place. */
export function destinationKey(server: ServerConfig, asked: Asked): string | undefined {
  if (server.takesOver === undefined) return undefined;
  const { host, port } = destinationOf(server, asked);
  return `${host} ${port}`;
}
