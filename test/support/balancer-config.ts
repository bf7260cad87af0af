import { connectOnly } from '../../services/balancer/checks/steps.ts';
import type { CheckConfig, ProxyConfig, ServerConfig } from '../../services/balancer/model.ts';

const POSITION = { file: 'test.cfg', line: 1, column: 1 };

export const checkConfig = (more: Partial<CheckConfig> = {}): CheckConfig => ({
  inter: 2000,
  fastinter: 2000,
  downinter: 2000,
  rise: 2,
  fall: 3,
  addr: undefined,
  port: undefined,
  sendProxy: false,
  tls: undefined,
  ...more,
});

export const serverConfig = (more: Partial<ServerConfig> = {}): ServerConfig => ({
  name: 'a',
  id: 1,
  host: '127.0.0.1',
  port: 1,
  weight: 1,
  maxconn: undefined,
  minconn: undefined,
  maxqueue: undefined,
  slowstart: undefined,
  backup: false,
  disabled: false,
  check: undefined,
  sendProxy: undefined,
  cookie: undefined,
  position: POSITION,
  ...more,
});

/** A `listen` with these servers, named a, b, c … where they have no names. */
export const proxyConfig = (
  servers: Partial<ServerConfig>[],
  more: Partial<ProxyConfig> = {},
): ProxyConfig => ({
  name: 'x',
  kind: 'listen',
  mode: 'tcp',
  id: 1,
  disabled: false,
  position: POSITION,
  binds: [],
  defaultBackend: 'x',
  maxconn: 1000,
  servers: servers.map((server, index) =>
    serverConfig({ name: String.fromCharCode(97 + index), id: index + 1, ...server }),
  ),
  balance: { name: 'roundrobin' },
  hash: { method: 'map-based', function: 'sdbm', avalanche: false, balanceFactor: 0 },
  allBackups: false,
  retries: 3,
  redispatch: undefined,
  fullconn: undefined,
  timeouts: {
    connect: 1000,
    client: 1000,
    server: 1000,
    queue: undefined,
    check: undefined,
    tunnel: undefined,
    httpRequest: undefined,
    httpKeepAlive: undefined,
    clientFin: undefined,
    serverFin: undefined,
  },
  options: {
    clitcpka: false,
    srvtcpka: false,
    dontlognull: false,
    logFormat: 'tcplog',
    logasap: false,
    logHealthChecks: false,
    httpConnection: 'keep-alive',
    forwardFor: undefined,
  },
  cookie: undefined,
  checkMethod: connectOnly(),
  log: [],
  logTag: 'test',
  stats: undefined,
  errorFiles: new Map(),
  ...more,
});
