import type { ProxyConfig } from '../model.ts';
import type { Backend } from '../servers/backend.ts';
import type { Server } from '../servers/server.ts';
import { CHECK_NAMES } from '../servers/texts.ts';
import type { Totals } from '../servers/totals.ts';
import type { FrontendContext, StatsView } from '../servers/types.ts';

/** One row of the statistics: HAProxy's columns by name; one without a value is absent. */
export type StatRow = Record<string, string | number>;

/** Connections to one server that the HTTP plane holds. */
export interface ServerConnections {
  idle(server: Server): number;
  safe(server: Server): number;
  used(server: Server): number;
  need(server: Server): number;
}

export const FRONTEND = 0;
export const BACKEND = 1;
export const SERVER = 2;

/** HAProxy's share of the frontends' maxconn that is an unset `fullconn`: 10 %. */
const FULLCONN_SHARE = 0.1;

const compression = ({ compIn, compOut, compByp, compRsp }: Totals): StatRow => ({
  comp_in: compIn,
  comp_out: compOut,
  comp_byp: compByp,
  comp_rsp: compRsp,
});

const NO_TLS = { '-': '-', ssl_sess: 0, ssl_reused_sess: 0, ssl_failed_handshake: 0 };

const NO_H2 = {
  h2_headers_rcvd: 0,
  h2_data_rcvd: 0,
  h2_settings_rcvd: 0,
  h2_rst_stream_rcvd: 0,
  h2_goaway_rcvd: 0,
  h2_detected_conn_protocol_errors: 0,
  h2_detected_strm_protocol_errors: 0,
  h2_rst_stream_resp: 0,
  h2_goaway_resp: 0,
  h2_open_connections: 0,
  h2_backend_open_streams: 0,
  h2_total_connections: 0,
  h2_backend_total_streams: 0,
};

/**
 * All rows in HAProxy's order: proxy by proxy, its frontend, its servers, its backend
 * (management guide, section 9.1). Values that HAProxy leaves empty are absent, and so are the
 * few that we do not count (raw bytes of the HTTP/1 layer).
 */
export function buildRows(
  view: StatsView,
  connections?: ServerConnections,
  now: number = Date.now(),
): StatRow[] {
  const rows: { id: number; row: StatRow }[] = [];
  for (const frontend of view.frontends) {
    rows.push({ id: frontend.config.id, row: frontendRow(frontend, now) });
  }
  for (const backend of view.backends) {
    const { id } = backend.config;
    for (const server of backend.servers) {
      rows.push({ id, row: serverRow(server, connections, now) });
    }
    rows.push({ id, row: backendRow(backend, view, connections, now) });
  }
  // A stable sort: within one proxy the frontend was first, then servers, then the backend.
  return rows.sort((a, b) => a.id - b.id).map(({ row }) => row);
}

function frontendStatus(state: FrontendContext['state'], full: boolean): string {
  if (state === 'paused') return 'PAUSED';
  if (state === 'stopped') return 'STOP';
  return full ? 'FULL' : 'OPEN';
}

function frontendRow(frontend: FrontendContext, now: number): StatRow {
  const { config, state } = frontend;
  const counters = frontend.counters.totals(now);
  return {
    ...identity(config, 'FRONTEND', FRONTEND, 0),
    ...sessions(counters, now),
    slim: config.maxconn,
    dreq: counters.dreq,
    ereq: counters.ereq,
    status: frontendStatus(state, counters.scur >= config.maxconn),
    rate_lim: config.rateLimit ?? 0,
    ...responses(config, counters),
    req_rate: counters.requestRate.read(now),
    req_rate_max: counters.requestRate.max,
    req_tot: counters.reqTot,
    ...compression(counters),
    conn_rate: counters.connectionRate.read(now),
    conn_rate_max: counters.connectionRate.max,
    conn_tot: counters.connTot,
    dcon: 0,
    dses: 0,
    ...(config.mode === 'http' ? { intercepted: counters.intercepted } : {}),
    ...cache(config, counters),
    ...NO_H2,
    ...http1(config, counters.scur, counters.connTot, counters.reqTot),
  };
}

function backendRow(
  backend: Backend,
  view: StatsView,
  connections: ServerConnections | undefined,
  now: number,
): StatRow {
  const { config, servers } = backend;
  const counters = backend.counters.totals(now);
  const has = servers.length > 0;
  let open = 0;
  for (const server of servers) if (connections) open += connectionsTo(server, connections);
  return {
    ...identity(config, 'BACKEND', BACKEND, 0),
    ...sessions(counters, now),
    ...serverSide(counters, now),
    slim: config.fullconn ?? defaultFullconn(config, view),
    dreq: counters.dreq,
    status: backend.usable || !has ? 'UP' : 'DOWN',
    weight: backend.weight,
    uweight: backend.weight,
    act: backend.active,
    bck: backend.backups,
    chkdown: backend.timesDown,
    lastchg: seconds(now - backend.lastChange),
    ...(has ? { downtime: seconds(backend.downtime(now)) } : {}),
    ...responses(config, counters),
    ...(config.mode === 'http' ? { req_tot: counters.reqTot } : {}),
    ...compression(counters),
    ...cache(config, counters),
    algo: config.balance.name,
    agg_server_status: 0,
    agg_server_check_status: 0,
    agg_check_status: 0,
    ...NO_H2,
    ...http1(config, open, counters.connect, counters.connect + counters.reuse),
  };
}

function serverRow(
  server: Server,
  connections: ServerConnections | undefined,
  now: number,
): StatRow {
  const { config, backend } = server;
  const counters = server.counters.totals(now);
  const { check } = config;
  const http = backend.config.mode === 'http';
  const idle = connections?.idle(server) ?? 0;
  const safe = connections?.safe(server) ?? 0;
  return {
    ...identity(backend.config, config.name, SERVER, config.id),
    ...sessions(counters, now),
    ...serverSide(counters, now),
    ...(server.maxconn === undefined ? {} : { slim: server.maxconn }),
    status: serverStatus(server),
    // Sixteenths, rounded up as HAProxy does.
    weight: Math.ceil(server.effectiveWeight / 16),
    uweight: server.weight,
    ...(config.maxqueue === undefined ? {} : { qlimit: config.maxqueue }),
    ...(server.throttle === undefined ? {} : { throttle: server.throttle }),
    act: config.backup ? 0 : 1,
    bck: config.backup ? 1 : 0,
    ...(check ? checkPart(server, check.rise, check.fall, now) : {}),
    ...agentPart(server),
    ...(server.tracked ? { tracked: nameOf(server.tracked) } : {}),
    ...(server.observer ? { hanafail: server.observer.reached } : {}),
    ...(http ? { ...responses(backend.config, counters), req_tot: counters.reqTot } : {}),
    lastchg: seconds(now - server.lastChange),
    addr: config.host.includes(':')
      ? `[${config.host}]:${config.port}`
      : `${config.host}:${config.port}`,
    ...(server.cookie === undefined ? {} : { cookie: server.cookie }),
    srv_icur: idle + safe,
    idle_conn_cur: idle,
    safe_conn_cur: safe,
    used_conn_cur: http ? (connections?.used(server) ?? 0) : counters.scur,
    need_conn_est: connections?.need(server) ?? 0,
    ...(config.pool && config.pool.max >= 0 ? { src_ilim: config.pool.max } : {}),
  };
}

function identity(config: ProxyConfig, svname: string, type: number, sid: number): StatRow {
  return {
    pxname: config.name,
    svname,
    pid: 1,
    iid: config.id,
    sid,
    type,
    mode: config.mode,
    wrew: 0,
    eint: 0,
    ...NO_TLS,
  };
}

/** What every row has. */
function sessions(counters: Totals, now: number): StatRow {
  return {
    scur: counters.scur,
    smax: counters.smax,
    stot: counters.stot,
    bin: counters.bin,
    bout: counters.bout,
    dresp: counters.dresp,
    rate: counters.sessionRate.read(now),
    rate_max: counters.sessionRate.max,
  };
}

/** What servers and backends have, but not frontends. */
function serverSide(counters: Totals, now: number): StatRow {
  const { lastSession } = counters;
  return {
    qcur: counters.qcur,
    qmax: counters.qmax,
    econ: counters.econ,
    eresp: counters.eresp,
    wretr: counters.wretr,
    wredis: counters.wredis,
    lbtot: counters.lbtot,
    cli_abrt: counters.cliAborts,
    srv_abrt: counters.srvAborts,
    lastsess: lastSession === undefined ? -1 : seconds(now - lastSession),
    qtime: counters.qtime.read(),
    ctime: counters.ctime.read(),
    rtime: counters.rtime.read(),
    ttime: counters.ttime.read(),
    qtime_max: Math.round(counters.qtime.max),
    ctime_max: Math.round(counters.ctime.max),
    rtime_max: Math.round(counters.rtime.max),
    ttime_max: Math.round(counters.ttime.max),
    connect: counters.connect,
    reuse: counters.reuse,
  };
}

function responses(config: ProxyConfig, counters: Totals): StatRow {
  if (config.mode !== 'http') return {};
  return {
    hrsp_1xx: counters.hrsp1xx,
    hrsp_2xx: counters.hrsp2xx,
    hrsp_3xx: counters.hrsp3xx,
    hrsp_4xx: counters.hrsp4xx,
    hrsp_5xx: counters.hrsp5xx,
    hrsp_other: counters.hrspOther,
  };
}

/** HAProxy's HTTP/1 layer counts raw bytes and streams under way too; we do not. */
function http1(config: ProxyConfig, open: number, total: number, streams: number): StatRow {
  const on = config.mode === 'http';
  return {
    h1_open_connections: on ? open : 0,
    h1_total_connections: on ? total : 0,
    h1_total_streams: on ? streams : 0,
    h1_spliced_bytes_in: 0,
    h1_spliced_bytes_out: 0,
  };
}

function connectionsTo(server: Server, connections: ServerConnections): number {
  return connections.idle(server) + connections.safe(server) + connections.used(server);
}

function cache(config: ProxyConfig, { cacheLookups, cacheHits }: Totals): StatRow {
  return config.mode === 'http' ? { cache_lookups: cacheLookups, cache_hits: cacheHits } : {};
}

function checkPart(server: Server, rise: number, fall: number, now: number): StatRow {
  const { checkStatus, checkDuration, checkCode, checkInfo } = server;
  return {
    chkfail: server.checksFailed,
    chkdown: server.timesDown,
    downtime: seconds(server.downtime(now)),
    check_status: checkStatus,
    check_desc: CHECK_NAMES[checkStatus],
    check_rise: rise,
    check_fall: fall,
    check_health: server.health,
    ...(checkCode === undefined ? {} : { check_code: checkCode }),
    ...(checkDuration === undefined ? {} : { check_duration: Math.round(checkDuration) }),
    last_chk: checkInfo ?? '',
  };
}

const nameOf = ({ backend, config }: Server): string => `${backend.config.name}/${config.name}`;

function agentPart({ agent }: Server): StatRow {
  if (!agent) return {};
  const { status, duration, code, info, up } = agent;
  return {
    agent_status: status,
    agent_desc: CHECK_NAMES[status],
    agent_rise: 1,
    agent_fall: 1,
    agent_health: up ? 1 : 0,
    ...(code === undefined ? {} : { agent_code: code }),
    ...(duration === undefined ? {} : { agent_duration: Math.round(duration) }),
    last_agt: info ?? '',
  };
}

/** ` 1/3` for one that serves and is not fully up. */
function between({ config: { check }, health }: Server): string {
  if (!check || health < check.rise || health >= check.rise + check.fall - 1) return '';
  return ` ${health - check.rise + 1}/${check.fall}`;
}

/** HAProxy's words, with the place between two states where there is one (`UP 1/3`). */
export function serverStatus(server: Server): string {
  // One that tracks is shown as the end of its chain is.
  let source = server;
  while (source.tracked) source = source.tracked;
  const { check } = source.config;
  switch (server.state) {
    case 'maint':
      return server.admin === 'maint' ? 'MAINT' : `MAINT (via ${nameOf(source)})`;
    case 'no-check':
      return 'no check';
    case 'drain':
      return source.agent ? 'DRAIN (agent)' : `DRAIN${between(source)}`;
    case 'stopping':
      return `NOLB${between(source)}`;
    case 'down':
      return source.agent && !source.agent.up ? 'DOWN (agent)' : 'DOWN';
    case 'going-up':
      return `DOWN ${source.health}/${check?.rise ?? 1}`;
    case 'going-down':
      return source.checksEnabled ? `UP${between(source)}` : 'no check';
    case 'up':
      return source.checksEnabled ? 'UP' : 'no check';
  }
}

/** A tenth of what all frontends that lead here may hold, rounded up (manual, `fullconn`). */
function defaultFullconn(config: ProxyConfig, view: StatsView): number {
  let sum = 0;
  for (const { config: frontend } of view.frontends) {
    if (frontend.id === config.id || frontend.defaultBackend === config.name) {
      sum += frontend.maxconn;
    }
  }
  return Math.ceil(sum * FULLCONN_SHARE);
}

function seconds(milliseconds: number): number {
  return Math.max(0, Math.floor(milliseconds / 1000));
}
