import { Counter, Gauge, type Registry } from '#core/metrics.ts';
import type { Backend } from './servers/backend.ts';
import type { Counters } from './servers/counters.ts';
import type { Server } from './servers/server.ts';
import type { Totals } from './servers/totals.ts';
import type { StatsView } from './servers/types.ts';

type Kind = 'gauge' | 'counter';
type Row<T> = readonly [name: string, kind: Kind, help: string, value: (subject: T) => number];

const HTTP_CLASSES = ['1xx', '2xx', '3xx', '4xx', '5xx'] as const;
const SERVER_STATES = ['DOWN', 'UP', 'MAINT', 'DRAIN', 'NOLB'] as const;

/** What frontends, backends and servers have in common. */
const COMMON: readonly Row<Totals>[] = [
  ['current_sessions', 'gauge', 'Sessions now.', (it) => it.scur],
  ['max_sessions', 'gauge', 'Most sessions at a time.', (it) => it.smax],
  ['sessions_total', 'counter', 'Sessions.', (it) => it.stot],
  ['current_session_rate', 'gauge', 'Sessions in the last second.', (it) => it.sessionRate.read()],
  ['bytes_in_total', 'counter', 'Bytes from clients.', (it) => it.bin],
  ['bytes_out_total', 'counter', 'Bytes to clients.', (it) => it.bout],
];

const FRONTEND: readonly Row<Totals>[] = [
  ['connections_total', 'counter', 'Connections.', (it) => it.connTot],
  ['http_requests_total', 'counter', 'HTTP requests.', (it) => it.reqTot],
  ['requests_denied_total', 'counter', 'Requests denied.', (it) => it.dreq],
  ['request_errors_total', 'counter', 'Invalid requests.', (it) => it.ereq],
];

/** Backends and servers. */
const ASSIGNED: readonly Row<Totals>[] = [
  ['current_queue', 'gauge', 'Sessions waiting now.', (it) => it.qcur],
  ['max_queue', 'gauge', 'Most sessions waiting at a time.', (it) => it.qmax],
  ['connection_errors_total', 'counter', 'Failed connections.', (it) => it.econ],
  ['response_errors_total', 'counter', 'Invalid responses.', (it) => it.eresp],
  ['retry_warnings_total', 'counter', 'Retries on one server.', (it) => it.wretr],
  ['redispatch_warnings_total', 'counter', 'Retries on another server.', (it) => it.wredis],
  ['client_aborts_total', 'counter', 'Ended by the client.', (it) => it.cliAborts],
  ['server_aborts_total', 'counter', 'Ended by the server.', (it) => it.srvAborts],
  ['loadbalanced_total', 'counter', 'Times chosen by balancing.', (it) => it.lbtot],
];

const BACKEND: readonly Row<Backend>[] = [
  ['active_servers', 'gauge', 'Usable servers, backups apart.', (it) => it.active],
  ['backup_servers', 'gauge', 'Usable backup servers.', (it) => it.backups],
  ['weight', 'gauge', 'Sum of the weights in use.', (it) => it.weight],
  ['check_up_down_total', 'counter', 'Times without a usable server.', (it) => it.timesDown],
  ['downtime_seconds_total', 'counter', 'Without a usable server.', (it) => seconds(it.downtime())],
  ['status', 'gauge', '1 with a usable server, else 0.', (it) => Number(it.usable)],
];

const SERVER: readonly Row<Server>[] = [
  ['weight', 'gauge', 'Its weight.', (it) => it.weight],
  ['check_failures_total', 'counter', 'Failed checks while up.', (it) => it.checksFailed],
  ['check_up_down_total', 'counter', 'Times that it went down.', (it) => it.timesDown],
  ['downtime_seconds_total', 'counter', 'Time down.', (it) => seconds(it.downtime())],
  [
    'check_duration_seconds',
    'gauge',
    'Duration of the last check.',
    (it) => (it.checkDuration ?? 0) / 1000,
  ],
];

const seconds = (milliseconds: number): number => Math.floor(milliseconds / 1000);

/**
 * HAProxy's metrics under its names (its Prometheus exporter), gathered when they are asked for:
 * counting them costs the planes nothing.
 */
export function registerMetrics(registry: Registry, view: StatsView): void {
  const each = <T>(
    scope: 'frontend' | 'backend' | 'server',
    rows: readonly Row<T>[],
    subjects: () => Iterable<[labels: Record<string, string>, subject: T]>,
  ): void => {
    const labelNames = scope === 'server' ? ['proxy', 'server'] : ['proxy'];
    for (const [suffix, kind, help, value] of rows) {
      const name = `haproxy_${scope}_${suffix}`;
      expose(registry, { name, help, labelNames, kind }, function* () {
        for (const [labels, subject] of subjects()) yield [labels, value(subject)];
      });
    }
  };
  const frontends = () => view.frontends.map((it) => [labelsOf(it), it] as const);
  const backends = () => view.backends.map((it) => [labelsOf(it), it] as const);
  const servers = () =>
    view.backends.flatMap((backend) =>
      backend.servers.map(
        (it) => [{ proxy: backend.config.name, server: it.config.name }, it] as const,
      ),
    );
  each('frontend', [...COMMON, ...FRONTEND], () => counted(frontends()));
  each('backend', [...COMMON, ...ASSIGNED], () => counted(backends()));
  each('server', [...COMMON, ...ASSIGNED], () => counted(servers()));
  each('backend', BACKEND, () => backends().map(([labels, it]) => [labels, it]));
  each('server', SERVER, () => servers().map(([labels, it]) => [labels, it]));
  limits(registry, view);
  states(registry, servers);
  responses(registry, 'frontend', ['proxy'], () => counted(frontends()));
  responses(registry, 'backend', ['proxy'], () => counted(backends()));
  responses(registry, 'server', ['proxy', 'server'], () => counted(servers()));
}

const labelsOf = ({ config }: { config: { name: string } }): Record<string, string> => ({
  proxy: config.name,
});

const counted = <L>(subjects: readonly (readonly [L, { counters: Counters }])[]): [L, Totals][] =>
  subjects.map(([labels, { counters }]) => [labels, counters.totals()]);

interface Metric {
  name: string;
  help: string;
  labelNames: string[];
  kind: Kind;
}

/** One metric whose values are read at every scrape. */
function expose(
  registry: Registry,
  { kind, ...metric }: Metric,
  read: () => Iterable<[Record<string, string>, number]>,
): void {
  const options = { ...metric, registers: [registry] };
  if (kind === 'gauge') {
    new Gauge({
      ...options,
      collect() {
        this.reset();
        for (const [labels, value] of read()) this.set(labels, value);
      },
    });
  } else {
    new Counter({
      ...options,
      collect() {
        this.reset();
        for (const [labels, value] of read()) this.inc(labels, value);
      },
    });
  }
}

function limits(registry: Registry, view: StatsView): void {
  const metric = (scope: string, labelNames: string[]): Metric => ({
    name: `haproxy_${scope}_limit_sessions`,
    help: 'Most sessions allowed at a time.',
    labelNames,
    kind: 'gauge',
  });
  expose(registry, metric('frontend', ['proxy']), () =>
    view.frontends.map((it) => [labelsOf(it), it.config.maxconn]),
  );
  expose(registry, metric('server', ['proxy', 'server']), function* () {
    for (const backend of view.backends) {
      for (const { config } of backend.servers) {
        if (config.maxconn === undefined) continue;
        yield [{ proxy: backend.config.name, server: config.name }, config.maxconn];
      }
    }
  });
}

function states(
  registry: Registry,
  servers: () => readonly (readonly [Record<string, string>, Server])[],
): void {
  const metric: Metric = {
    name: 'haproxy_server_status',
    help: '1 for the state that the server is in.',
    labelNames: ['proxy', 'server', 'state'],
    kind: 'gauge',
  };
  expose(registry, metric, function* () {
    for (const [labels, server] of servers()) {
      const now = stateOf(server);
      for (const state of SERVER_STATES) yield [{ ...labels, state }, Number(state === now)];
    }
  });
}

function stateOf(server: Server): (typeof SERVER_STATES)[number] {
  switch (server.state) {
    case 'maint':
      return 'MAINT';
    case 'drain':
      return 'DRAIN';
    case 'stopping':
      return 'NOLB';
    case 'down':
    case 'going-up':
      return 'DOWN';
    default:
      return server.weight > 0 ? 'UP' : 'NOLB';
  }
}

function responses(
  registry: Registry,
  scope: string,
  labelNames: string[],
  subjects: () => [Record<string, string>, Totals][],
): void {
  const metric: Metric = {
    name: `haproxy_${scope}_http_responses_total`,
    help: 'HTTP responses by class.',
    labelNames: [...labelNames, 'code'],
    kind: 'counter',
  };
  expose(registry, metric, function* () {
    for (const [labels, counters] of subjects()) {
      for (const code of HTTP_CLASSES) yield [{ ...labels, code }, counters[`hrsp${code}`]];
      yield [{ ...labels, code: 'other' }, counters.hrspOther];
    }
  });
}
