import type {
  ProxyConfig,
  ServerConfig,
  StatsConfig,
} from '../../../../services/balancer/model.ts';
import { Backend } from '../../../../services/balancer/servers/backend.ts';
import { Counters } from '../../../../services/balancer/servers/counters.ts';
import type { FrontendContext, StatsView } from '../../../../services/balancer/servers/types.ts';

const position = { file: 'test.cfg', line: 1, column: 1 };

export const STATS: StatsConfig = {
  uri: '/haproxy?stats',
  users: [{ user: 'guest', password: 's3cret' }],
  realm: 'HAProxy Statistics',
  refresh: 5,
  hideVersion: false,
};

export function proxy(over: Partial<ProxyConfig>): ProxyConfig {
  return {
    name: 'web',
    kind: 'listen',
    mode: 'http',
    id: 1,
    disabled: false,
    position,
    binds: [],
    defaultBackend: undefined,
    maxconn: 2000,
    servers: [],
    balance: { name: 'roundrobin' },
    hash: { method: 'map-based', function: 'sdbm', avalanche: false, balanceFactor: 0 },
    allBackups: false,
    persist: false,
    retryOn: ['conn-failure'],
    persistRdpCookie: undefined,
    dynamicCookieKey: undefined,
    retries: 3,
    redispatch: undefined,
    fullconn: undefined,
    timeouts: {
      connect: undefined,
      client: undefined,
      server: undefined,
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
      logFormat: undefined,
      logasap: false,
      logHealthChecks: false,
      httpConnection: 'keep-alive',
      forwardFor: undefined,
    },
    cookie: undefined,
    httpCheck: undefined,
    log: [],
    stats: undefined,
    errorFiles: new Map(),
    ...over,
  } as ProxyConfig;
}

export function server(over: Partial<ServerConfig>): ServerConfig {
  return {
    name: 's1',
    id: 1,
    host: '127.0.0.1',
    port: 8080,
    weight: 1,
    maxconn: undefined,
    minconn: undefined,
    maxqueue: undefined,
    slowstart: undefined,
    backup: false,
    disabled: false,
    check: undefined,
    sendProxy: undefined,
    source: undefined,
    cookie: undefined,
    position,
    ...over,
  };
}

export const CHECK = {
  inter: 2000,
  fastinter: 2000,
  downinter: 2000,
  rise: 2,
  fall: 3,
  addr: undefined,
  port: undefined,
  sendProxy: false,
};

/** A view on proxies that serve nobody; `frontends` and `backends` as their kinds say. */
export function viewOf(...proxies: ProxyConfig[]): StatsView & { backends: Backend[] } {
  const backends = proxies
    .filter(({ kind }) => kind !== 'frontend')
    .map((config) => new Backend(config, () => {}));
  const frontends = proxies
    .filter(({ kind }) => kind !== 'backend')
    .map((config): FrontendContext => {
      const name = config.kind === 'listen' ? config.name : config.defaultBackend;
      return {
        config,
        counters: new Counters(),
        logging: false,
        backendFor: () => backends.find((backend) => backend.config.name === name),
        log: () => {},
        actconn: () => 0,
      };
    });
  return { frontends, backends, startedAt: Date.now() - 90_000 };
}
