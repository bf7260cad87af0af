import { version } from '../command/usage.ts';
import { descriptorLimit } from '../listeners/descriptors.ts';
import type { Column } from '../stats/columns.ts';
import type { RuntimeHost } from './host.ts';

export interface InfoField {
  /** Place among HAProxy's fields. */
  readonly position: number;
  readonly name: string;
  readonly tags: Pick<Column, 'origin' | 'nature' | 'scope'>;
  readonly type: 'str' | 'u32' | 'u64';
  readonly value: string | number;
  readonly description: string;
}

type Row = readonly [
  position: number,
  name: string,
  tags: string,
  type: InfoField['type'],
  value: (host: RuntimeHost) => string | number | undefined,
  description: string,
];

const uptimeOf = (host: RuntimeHost): number => Math.floor((Date.now() - host.startedAt) / 1000);

function spelledUptime(host: RuntimeHost): string {
  const seconds = uptimeOf(host);
  const two = (value: number): string => String(value).padStart(2, '0');
  const [days, hours] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3600) % 24];
  return `${days}d ${hours}h${two(Math.floor(seconds / 60) % 60)}m${two(seconds % 60)}s`;
}

const sum = <T>(items: readonly T[], of: (item: T) => number): number =>
  items.reduce((total, item) => total + of(item), 0);

/**
 * The fields of `show info` that mean something here, at HAProxy's positions and under its names
 * (management guide, section 9.3). What counts HAProxy's pools, pipes, peers and compression has
 * no counterpart and is left out.
 */
const ROWS: readonly Row[] = [
  [0, 'Name', 'POS', 'str', () => 'HAProxy', 'Product whose interface this is'],
  [1, 'Version', 'POS', 'str', () => version(), 'Version of this program'],
  [3, 'Nbthread', 'CGS', 'u32', ({ crew }) => crew?.workers ?? 1, 'Threads that serve'],
  [4, 'Nbproc', 'CGS', 'u32', () => 1, 'Processes that serve'],
  [5, 'Process_num', 'KGP', 'u32', () => 1, 'Number of this process'],
  [6, 'Pid', 'SGP', 'u32', () => process.pid, 'Process id'],
  [7, 'Uptime', 'MDP', 'str', spelledUptime, 'Time since the start'],
  [8, 'Uptime_sec', 'MDP', 'u32', uptimeOf, 'Time since the start, seconds'],
  [13, 'Ulimit-n', 'CLP', 'u32', () => finite(descriptorLimit()), 'File descriptors there may be'],
  [14, 'Maxsock', 'CLP', 'u32', () => finite(descriptorLimit()), 'Sockets there may be'],
  [15, 'Maxconn', 'CLP', 'u32', (host) => host.admission.limit, 'Connections there may be'],
  [
    16,
    'Hard_maxconn',
    'CLP',
    'u32',
    (host) => host.config.global.maxconn ?? host.admission.limit,
    'Connections there may be by the configuration',
  ],
  [17, 'CurrConns', 'MGP', 'u32', (host) => host.admission.current, 'Connections now'],
  [
    18,
    'CumConns',
    'MCP',
    'u32',
    (host) => host.admission.total + host.runtime.total,
    'Connections since the start',
  ],
  [
    19,
    'CumReq',
    'MCP',
    'u32',
    (host) =>
      sum(host.frontends, ({ counters, config }) =>
        config.mode === 'http' ? counters.totals().reqTot : counters.totals().stot,
      ),
    'Requests since the start',
  ],
  [
    26,
    'ConnRate',
    'MRP',
    'u32',
    (host) => sum(host.frontends, ({ counters }) => counters.connectionRate.readAll()),
    'Connections in the last second',
  ],
  [
    27,
    'ConnRateLimit',
    'CLP',
    'u32',
    ({ admission }) => admission.rates.limits.connections,
    'Most connections in a second',
  ],
  [
    28,
    'MaxConnRate',
    'MMP',
    'u32',
    (host) =>
      Math.max(0, ...host.frontends.map(({ counters }) => counters.connectionRate.maxOfAll)),
    'Most connections of one frontend in a second',
  ],
  [
    29,
    'SessRate',
    'MRP',
    'u32',
    (host) => sum(host.frontends, ({ counters }) => counters.sessionRate.readAll()),
    'Sessions in the last second',
  ],
  [
    30,
    'SessRateLimit',
    'CLP',
    'u32',
    ({ admission }) => admission.rates.limits.sessions,
    'Most sessions in a second',
  ],
  [
    31,
    'MaxSessRate',
    'MRP',
    'u32',
    (host) => Math.max(0, ...host.frontends.map(({ counters }) => counters.sessionRate.maxOfAll)),
    'Most sessions of one frontend in a second',
  ],
  [
    32,
    'SslRate',
    'MRP',
    'u32',
    ({ admission }) => admission.rates.tls.readAll(),
    'TLS handshakes in the last second',
  ],
  [
    33,
    'SslRateLimit',
    'CLP',
    'u32',
    ({ admission }) => admission.rates.limits.tls,
    'Most TLS handshakes in a second',
  ],
  [
    34,
    'MaxSslRate',
    'MMP',
    'u32',
    ({ admission }) => admission.rates.tls.maxOfAll,
    'Most TLS handshakes in a second so far',
  ],
  [
    49,
    'Idle_pct',
    'MaP',
    'u32',
    () => Math.round(100 * (1 - performance.eventLoopUtilization().utilization)),
    'Share of the time that the event loop waited, percent',
  ],
  [50, 'node', 'COS', 'str', ({ config }) => config.global.node, 'Name of the node'],
  [
    51,
    'description',
    'COS',
    'str',
    ({ config }) => config.global.description,
    'Description of the process',
  ],
  [52, 'Stopping', 'MGP', 'u32', (host) => Number(host.stopping), '1 on its way out, else 0'],
  [
    53,
    'Jobs',
    'MGP',
    'u32',
    (host) => host.admission.current + listening(host) + 1,
    'Connections and listening sockets',
  ],
  [55, 'Listeners', 'MGP', 'u32', (host) => listening(host), 'Sockets that listen'],
  [58, 'DroppedLogs', 'MGP', 'u32', (host) => host.droppedLogLines, 'Log lines that were given up'],
  [
    61,
    'TotalBytesOut',
    'MGP',
    'u64',
    (host) => sum(host.frontends, ({ counters }) => counters.totals().bout),
    'Bytes to clients since the start',
  ],
  [
    66,
    'Build info',
    'POS',
    'str',
    () => `${version()} (Node ${process.versions.node})`,
    'What it runs on',
  ],
  [
    68,
    'PoolAlloc_bytes',
    'MGP',
    'u64',
    () => process.memoryUsage.rss(),
    `Memory of the process, bytes`,
  ],
  [
    70,
    'Start_time_sec',
    'MDP',
    'u32',
    (host) => Math.floor(host.startedAt / 1000),
    'When it started, seconds since the epoch',
  ],
];

const finite = (value: number): number => (Number.isFinite(value) ? value : 0);
const listening = (host: RuntimeHost): number =>
  host.listeners.filter((listener) => listener.listening).length + host.runtime.sockets.length;

const ORIGINS = { P: 'Product', C: 'Config', K: 'Key', S: 'Status', M: 'Metric' } as const;
const NATURES = {
  O: 'Output',
  G: 'Gauge',
  D: 'Duration',
  L: 'Limit',
  C: 'Counter',
  R: 'Rate',
  M: 'Max',
  a: 'Avg',
} as const;

function tagsOf(letters: string): InfoField['tags'] {
  return {
    origin: ORIGINS[letters[0] as keyof typeof ORIGINS],
    nature: NATURES[letters[1] as keyof typeof NATURES],
    scope: letters[2] === 'S' ? 'Service' : 'Process',
  };
}

/** What is known of the process now. */
export function infoFields(host: RuntimeHost): InfoField[] {
  return ROWS.flatMap(([position, name, tags, type, value, description]) => {
    const found = value(host);
    if (found === undefined) return [];
    return [{ position, name, tags: tagsOf(tags), type, value: found, description }];
  });
}
