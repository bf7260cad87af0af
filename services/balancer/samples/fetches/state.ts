import type { Backend } from '../../servers/backend.ts';
import type { Server } from '../../servers/server.ts';
import type { FrontendContext } from '../../servers/types.ts';
import {
  type CompileEnvironment,
  ExpressionError,
  type Fetch,
  type FetchTable,
  plain,
} from '../fetch.ts';
import { bool, int, optional, type Sample, str } from '../sample.ts';
import type { Scope } from '../scope.ts';

const ofBackend = (summary: string, count: (backend: Backend) => number): Fetch => ({
  out: 'sint',
  source: 'internal',
  usage: '[<backend>]',
  args: [0, 1],
  summary,
  make: ([name = ''], environment) => {
    environment.proxyNamed?.('backend', name);
    return (scope) => {
      const backend = name === '' ? scope.backend : scope.directory?.backend(name);
      return backend && int(count(backend));
    };
  },
});

const ofFrontend = (summary: string, count: (frontend: FrontendContext) => number): Fetch => ({
  out: 'sint',
  source: 'internal',
  usage: '[<frontend>]',
  args: [0, 1],
  summary,
  make: ([name = ''], environment) => {
    environment.proxyNamed?.('frontend', name);
    return (scope) => {
      const frontend = name === '' ? scope.frontend : scope.directory?.frontend(name);
      return frontend && int(count(frontend));
    };
  },
});

const ofServer = (
  out: Fetch['out'],
  summary: string,
  value: (server: Server) => Sample,
): Fetch => ({
  out,
  source: 'internal',
  usage: '[<backend>/]<server>',
  args: [1, 1],
  summary,
  make: ([name = ''], environment) => {
    const find = serverFinder(name, environment);
    return (scope) => {
      const server = find(scope);
      return server && value(server);
    };
  },
});

/** Finds `[<backend>/]<server>` when it is asked for. */
export function serverFinder(
  text: string,
  environment: CompileEnvironment,
): (scope: Scope) => Server | undefined {
  if (text === '') throw new ExpressionError('expects a server name');
  environment.proxyNamed?.('server', text);
  const slash = text.indexOf('/');
  const [backendName, name] =
    slash < 0 ? ['', text] : [text.slice(0, slash), text.slice(slash + 1)];
  return (scope) => {
    const backend = backendName === '' ? scope.backend : scope.directory?.backend(backendName);
    return backend?.servers.find((server) => server.config.name === name);
  };
}

const usableServers = (backend: Backend): number => backend.active || backend.backups;
const sessions = (server: Server): number => server.counters.present;

function connectionSlots(backend: Backend): number {
  let free = 0;
  for (const server of backend.servers) {
    const { maxconn } = server.config;
    if (maxconn === undefined) return -1;
    if (server.usable) free += Math.max(0, maxconn - sessions(server) - server.counters.waiting);
  }
  return free;
}

function freeConnections(backend: Backend): number {
  let free = 0;
  for (const server of backend.servers) {
    const { maxconn } = server.config;
    if (!server.usable) continue;
    if (maxconn === undefined) return -1;
    free += Math.max(0, maxconn - sessions(server));
  }
  return free;
}

const queued = (backend: Backend): number =>
  backend.servers.reduce((sum, server) => sum + server.counters.waiting, backend.counters.waiting);

/** What proxies and servers are doing: HAProxy 2.6 manual, section 7.3.2. */
export const STATE_FETCHES: FetchTable = {
  cur_server_timeout: plain(
    'sint',
    'backend',
    'timeout server as it is now, milliseconds',
    ({ serverTimeout, backend }) => int(serverTimeout ?? backend?.config.timeouts.server ?? 0),
  ),
  cur_tunnel_timeout: plain(
    'sint',
    'backend',
    'timeout tunnel as it is now, milliseconds',
    ({ tunnelTimeout, backend }) => int(tunnelTimeout ?? backend?.config.timeouts.tunnel ?? 0),
  ),
  last_rule_file: plain('str', 'internal', 'file of the rule that ended a list last', (scope) =>
    optional(scope.lastRule?.file, str),
  ),
  last_rule_line: plain('sint', 'internal', 'line of that rule', (scope) =>
    optional(scope.lastRule?.line, int),
  ),
  nbsrv: ofBackend('usable servers', usableServers),
  be_conn: ofBackend('sessions', ({ counters }) => counters.present),
  be_conn_free: ofBackend('free places on usable servers, -1 = no limit', freeConnections),
  be_sess_rate: ofBackend('new sessions a second', ({ counters }) =>
    counters.sessionRate.readAll(),
  ),
  connslots: ofBackend('free places on servers and in queues, -1 = no limit', connectionSlots),
  queue: ofBackend('sessions that wait', queued),
  avg_queue: ofBackend('sessions that wait for each usable server', (backend) =>
    Math.ceil(queued(backend) / Math.max(1, usableServers(backend))),
  ),
  fe_conn: ofFrontend('connections', ({ counters }) => counters.present),
  fe_req_rate: ofFrontend('requests a second', ({ counters }) => counters.requestRate.readAll()),
  fe_sess_rate: ofFrontend('new connections a second', ({ counters }) =>
    counters.sessionRate.readAll(),
  ),
  srv_conn: ofServer('sint', "a server's sessions", (server) => int(sessions(server))),
  srv_conn_free: ofServer('sint', 'free places on a server, -1 = no limit', (server) => {
    const { maxconn } = server.config;
    return int(maxconn === undefined ? -1 : Math.max(0, maxconn - sessions(server)));
  }),
  srv_is_up: ofServer('bool', 'whether a server is up', (server) => bool(server.running)),
  srv_queue: ofServer('sint', 'sessions that wait for a server', (server) =>
    int(server.counters.waiting),
  ),
  srv_sess_rate: ofServer('sint', "a server's new sessions a second", (server) =>
    int(server.counters.sessionRate.readAll()),
  ),
  srv_weight: ofServer('sint', "a server's effective weight", (server) => int(server.weight)),
  srv_uweight: ofServer('sint', "a server's weight as it was set", (server) => int(server.weight)),
  srv_iweight: ofServer('sint', "a server's weight in the configuration", (server) =>
    int(server.config.weight),
  ),
};
