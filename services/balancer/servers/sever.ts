import type { Server } from './server.ts';

/** Its server went down, a server that it stood in for came up, or somebody ordered it. */
export type SeverReason = 'D' | 'U' | 'K';

/** A session that can be ended from outside; `reason` is HAProxy's letter for the log. */
export interface Severable {
  sever(reason: SeverReason): void;
}

/** Ends the sessions that must not outlive a server's turn: `on-marked-down`, `on-marked-up`. */
export function severSessions({ running, config, weight, sessions, backend }: Server): void {
  const { health, backup } = config;
  if (!health) return;
  if (!running && health.shutsSessions) {
    for (const session of sessions ?? []) session.sever('D');
  }
  if (!running || !health.shutsBackups || backup || weight === 0) return;
  for (const server of backend.servers) {
    if (!server.config.backup) continue;
    for (const session of server.sessions ?? []) session.sever('U');
  }
}
