import type { InfoField } from '../runtime/info.ts';
import type { StatsView } from '../servers/types.ts';
import {
  BACKEND,
  buildRows,
  FRONTEND,
  SERVER,
  type ServerConnections,
  type StatRow,
} from './rows.ts';

/**
 * `metric column [scopes]`, in HAProxy's order and under its names (its Prometheus exporter):
 * F frontends, B backends, S servers, H where it is in `mode http` alone, C of servers that are checked. Times in `/` milliseconds
 * become seconds. What ends in `_total` is a counter.
 */
const TABLE = `
current_queue qcur BS
max_queue qmax BS
current_sessions scur FBS
max_sessions smax FBS
limit_sessions slim FBS
sessions_total stot FBS
max_session_rate rate_max FBS
limit_session_rate rate_lim F
connections_rate_max conn_rate_max F
connections_total conn_tot F
bytes_in_total bin FBS
bytes_out_total bout FBS
queue_time_average_seconds qtime/ BS
connect_time_average_seconds ctime/ BS
response_time_average_seconds rtime/ BS
total_time_average_seconds ttime/ BS
max_queue_time_seconds qtime_max/ BS
max_connect_time_seconds ctime_max/ BS
max_response_time_seconds rtime_max/ BS
max_total_time_seconds ttime_max/ BS
requests_denied_total dreq FB
responses_denied_total dresp FBS
request_errors_total ereq F
connection_errors_total econ BS
response_errors_total eresp BS
retry_warnings_total wretr BS
redispatch_warnings_total wredis BS
failed_header_rewriting_total wrew FBS
internal_errors_total eint FBS
client_aborts_total cli_abrt BS
server_aborts_total srv_abrt BS
weight weight BS
uweight uweight BS
active_servers act B
backup_servers bck B
check_failures_total chkfail S
check_up_down_total chkdown BS
check_last_change_seconds lastchg BS
downtime_seconds_total downtime BS
queue_limit qlimit S
current_throttle throttle S
loadbalanced_total lbtot BS
check_code check_code SC
check_duration_seconds check_duration/ SC
http_requests_rate_max req_rate_max FH
http_requests_total req_tot FBH
intercepted_requests_total intercepted FH
denied_connections_total dcon F
denied_sessions_total dses F
connection_attempts_total connect BS
connection_reuses_total reuse BS
http_cache_lookups_total cache_lookups FBH
http_cache_hits_total cache_hits FBH
http_comp_bytes_in_total comp_in FBH
http_comp_bytes_out_total comp_out FBH
http_comp_bytes_bypassed_total comp_byp FBH
http_comp_responses_total comp_rsp FBH
last_session_seconds lastsess BS
idle_connections_current srv_icur S
idle_connections_limit src_ilim S
unsafe_idle_connections_current idle_conn_cur S
safe_idle_connections_current safe_conn_cur S
used_connections_current used_conn_cur S
need_connections_current need_conn_est S
`;

const METRICS = TABLE.trim()
  .split('\n')
  .map((line) => {
    const [metric = '', column = '', scopes = ''] = line.split(' ');
    const divisor = column.endsWith('/') ? 1000 : 1;
    return { metric, column: column.replace('/', ''), scopes, divisor };
  });

const STATES = {
  frontend: ['DOWN', 'UP'],
  backend: ['DOWN', 'UP'],
  server: ['DOWN', 'UP', 'MAINT', 'DRAIN', 'NOLB'],
};
/** Those of checks that are over. */
const CHECK_STATES =
  'HANA SOCKERR L4OK L4TOUT L4CON L6OK L6TOUT L6RSP L7TOUT L7RSP L7OK L7OKC L7STS PROCERR PROCTOUT PROCOK'.split(
    ' ',
  );
const CODES = ['1xx', '2xx', '3xx', '4xx', '5xx', 'other'] as const;

/** Metrics of the process, from the fields of `show info`. */
const PROCESS: Readonly<Record<string, string>> = {
  Nbthread: 'nbthread',
  Nbproc: 'nbproc',
  Process_num: 'relative_process_id',
  Uptime_sec: 'uptime_seconds',
  'Ulimit-n': 'max_fds',
  Maxsock: 'max_sockets',
  Maxconn: 'max_connections',
  Hard_maxconn: 'hard_max_connections',
  CurrConns: 'current_connections',
  CumConns: 'connections_total',
  CumReq: 'requests_total',
  ConnRate: 'current_connection_rate',
  MaxConnRate: 'max_connection_rate',
  SessRate: 'current_session_rate',
  MaxSessRate: 'max_session_rate',
  Idle_pct: 'idle_time_percent',
  Stopping: 'stopping',
  Jobs: 'jobs',
  Listeners: 'listeners',
  DroppedLogs: 'dropped_logs_total',
  TotalBytesOut: 'bytes_out_total',
  PoolAlloc_bytes: 'pool_allocated_bytes',
  Start_time_sec: 'start_time_seconds',
};

type Scope = 'frontend' | 'backend' | 'server';
const SCOPES: readonly [Scope, type: number, letter: string][] = [
  ['frontend', FRONTEND, 'F'],
  ['backend', BACKEND, 'B'],
  ['server', SERVER, 'S'],
];
const KNOWN_SCOPES = ['*', 'global', 'frontend', 'listener', 'backend', 'server', 'sticktable'];

const quoted = (text: string): string =>
  `"${text.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n')}"`;
const numberOf = (value: unknown): string => (typeof value === 'number' ? `${value}` : 'NaN');

function labelsOf(row: StatRow, scope: Scope): string {
  const proxy = `proxy=${quoted(String(row.pxname))}`;
  return scope === 'server' ? `${proxy},server=${quoted(String(row.svname))}` : proxy;
}

const family = (name: string, lines: readonly string[]): string => {
  if (lines.length === 0) return '';
  const type = name.endsWith('_total') ? 'counter' : 'gauge';
  return `# TYPE ${name} ${type}\n${lines.map((line) => `${name}${line}\n`).join('')}`;
};

function stateOf({ status }: StatRow, scope: Scope): string {
  const text = String(status);
  if (scope === 'frontend') return text === 'STOP' ? 'DOWN' : 'UP';
  if (text.startsWith('MAINT')) return 'MAINT';
  if (text.startsWith('DRAIN')) return 'DRAIN';
  if (text.startsWith('NOLB')) return 'NOLB';
  return text.startsWith('DOWN') ? 'DOWN' : 'UP';
}

function scopeText(rows: readonly StatRow[], scope: Scope, letter: string): string {
  const labelled = rows.map((row) => [labelsOf(row, scope), row] as const);
  const states = labelled.flatMap(([labels, row]) => {
    const now = stateOf(row, scope);
    return STATES[scope].map((state) => `{${labels},state="${state}"} ${Number(state === now)}`);
  });
  const http = labelled.filter(([, row]) => row.mode === 'http');
  const checked = labelled.filter(([, row]) => row.check_status !== undefined);
  const responses = http.flatMap(([labels, row]) =>
    CODES.map((code) => `{${labels},code="${code}"} ${numberOf(row[`hrsp_${code}`])}`),
  );
  const checks = checked
    .filter(([, { status }]) => !String(status).startsWith('MAINT'))
    .flatMap(([labels, { check_status: now }]) =>
      CHECK_STATES.map((state) => `{${labels},state="${state}"} ${Number(state === now)}`),
    );
  let text = family(`haproxy_${scope}_status`, states);
  text += family(`haproxy_${scope}_check_status`, checks);
  for (const { metric, column, scopes, divisor } of METRICS) {
    if (!scopes.includes(letter)) continue;
    const subjects = scopes.endsWith('H') ? http : scopes.endsWith('C') ? checked : labelled;
    const lines = subjects.map(([labels, row]) => {
      const value = row[column] ?? (column === 'check_code' ? 0 : undefined);
      return `{${labels}} ${numberOf(typeof value === 'number' ? value / divisor : value)}`;
    });
    text += family(`haproxy_${scope}_${metric}`, lines);
  }
  return text + family(`haproxy_${scope}_http_responses_total`, responses);
}

function processText(fields: readonly InfoField[]): string {
  return fields
    .map(({ name, value }) => {
      if (name === 'Version') {
        const label = `{version=${quoted(String(value))}} 1`;
        return family('haproxy_process_build_info', [label]);
      }
      const metric = Object.hasOwn(PROCESS, name) ? PROCESS[name] : undefined;
      return metric === undefined ? '' : family(`haproxy_process_${metric}`, [` ${value}`]);
    })
    .join('');
}

function tablesText(tables: StatsView['tables'] = []): string {
  const labelled = [...tables].map(
    (table) =>
      [`{name=${quoted(table.config.name)},type=${quoted(table.config.type)}}`, table] as const,
  );
  const sizes = labelled.map(([labels, { config }]) => `${labels} ${config.size}`);
  const used = labelled.map(([labels, table]) => `${labels} ${table.used}`);
  return family('haproxy_sticktable_size', sizes) + family('haproxy_sticktable_used', used);
}

/**
 * The text of Prometheus' exposition format, of the scopes that the query names (`scope=…`, more
 * than once; all without one) and without servers in maintenance for `no-maint`. undefined = the
 * query names a scope that there is not.
 */
export function prometheusText(
  view: StatsView,
  connections: ServerConnections,
  info: () => readonly InfoField[],
  query: string,
): string | undefined {
  const parameters = new URLSearchParams(query);
  const wanted = new Set(parameters.getAll('scope').map((each) => (each === '' ? 'none' : each)));
  for (const scope of wanted)
    if (!KNOWN_SCOPES.includes(scope) && scope !== 'none') return undefined;
  const has = (scope: string): boolean => wanted.size === 0 || wanted.has('*') || wanted.has(scope);
  const rows = buildRows(view, connections);
  const shown = parameters.has('no-maint')
    ? rows.filter(({ status }) => !String(status).startsWith('MAINT'))
    : rows;
  let text = has('global') ? processText(info()) : '';
  for (const [scope, type, letter] of SCOPES) {
    if (has(scope))
      text += scopeText(
        shown.filter((row) => row.type === type),
        scope,
        letter,
      );
  }
  return has('sticktable') ? text + tablesText(view.tables) : text;
}
