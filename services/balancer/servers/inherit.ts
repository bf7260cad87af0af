import type { Server } from './server.ts';

/**
 * Gives a server what the same one had before a reload. What was changed by hand since holds as
 * long as the line that it changed says what it said.
 */
export function inherit(server: Server, previous: Server): void {
  const { configured: after, standing } = server;
  const before = previous.configured;
  server.counters = previous.counters;
  if (server.sessions && previous.sessions) server.sessions = previous.sessions;
  standing.downtime = previous.standing.downtime;
  server.lastChange = previous.lastChange;
  server.timesDown = previous.timesDown;
  server.checksFailed = previous.checksFailed;
  if (before.weight === after.weight) server.weight = previous.weight;
  if (before.maxconn === after.maxconn) server.maxconn = previous.maxconn;
  if (before.disabled === after.disabled) standing.admin = previous.standing.admin;
  if (before.host === after.host && before.port === after.port) {
    const { host, port } = previous.config;
    server.config = { ...after, host, port };
  }
  if (after.check && before.check) {
    server.checksEnabled = previous.checksEnabled;
    server.checkStatus = previous.checkStatus;
    server.checkDuration = previous.checkDuration;
    server.checkCode = previous.checkCode;
    server.checkInfo = previous.checkInfo;
    server.lastOutcome = previous.lastOutcome;
    standing.takeOver(previous.standing, before.check, after.check);
  }
  if (server.agent && previous.agent) {
    server.agentEnabled = previous.agentEnabled;
    Object.assign(server.agent, previous.agent);
  }
}
