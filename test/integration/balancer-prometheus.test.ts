import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { ask, both, startWebs, withListens } from '../support/webs.ts';

/** What differs from run to run, and what is HAProxy's machinery alone. */
const MOVING =
  /_(seconds|seconds_total|rate|rate_max|bytes|max_fds|max_sockets|max_connections|jobs|idle_time_percent|listeners|idle_connections_current|used_connections_current|need_connections_current|check_status|nbthread|current_tasks)$/;
/** Aggregates of 2.6 whose values depend on a server's check's moment, and its own machinery. */
const MACHINERY = /agg_|process_(?!build)|proxy="probe"/;
/** Counted at another moment of the request that asks. */
const IN_FLIGHT =
  /frontend_(bytes_in_total|intercepted_requests_total|current_sessions|max_sessions)/;

test('the metrics are those of HAProxy’s exporter', async () => {
  const [web] = await startWebs('a');
  const lines = ` http-request use-service prometheus-exporter if { path /metrics }
 compression algo gzip
 server s1 127.0.0.1:${web!.port}
 server s2 127.0.0.1:${web!.port} disabled
 server s3 127.0.0.1:${web!.port} check inter 60s pool-max-conn 42
 stick-table type ip size 1m expire 10s store http_req_rate(10s)
 http-request track-sc0 src\n`;
  const { haproxy, bramble } = await both((which) =>
    withListens(which, [lines, ' mode tcp\n option tcplog\n'], async ([port], proxy) => {
      for (let turn = 0; turn < 3; turn++) await ask(port!, { path: `/${turn}` });
      const page = await ask(port!, { path: '/metrics' });
      const metrics = new Map<string, string>();
      const types = new Set<string>();
      for (const line of page.body.split('\n')) {
        const [, name = '', told = '', value = ''] = /^(\w+)(\{[^}]*\})? (\S+)$/.exec(line) ?? [];
        const labels = told.replace(/version="[^"]+"/, 'version="V"');
        if (name !== '' && !MACHINERY.test(name + labels) && !IN_FLIGHT.test(name)) {
          metrics.set(`${name}${labels}`, MOVING.test(name) && value !== 'NaN' ? 'N' : value);
        }
        if (line.startsWith('# TYPE') && !MACHINERY.test(line)) types.add(line);
      }
      const scoped = await ask(port!, { path: '/metrics?scope=server&no-maint' });
      const names = new Set(
        scoped.body
          .split('\n')
          .flatMap(
            (line) => /^haproxy_([a-z]+)_.*server="(\w+)"/.exec(line)?.slice(1).join(' ') ?? [],
          ),
      );
      const unknown = await ask(port!, { path: '/metrics?scope=nope' });
      for (let turn = 0; proxy.out.length < 6 && turn < 100; turn++) await sleep(20);
      const log = proxy.out.map((line) => / x0 (x0\/<\w+>)/.exec(line)?.[1]).filter(Boolean);
      return {
        metrics: Object.fromEntries([...metrics].toSorted(([a], [b]) => (a < b ? -1 : 1))),
        types: [...types].toSorted(),
        head: [page.status, page.headers['content-type'], page.headers['cache-control']],
        names: [...names].toSorted(),
        unknown: unknown.status,
        log,
      };
    }),
  );
  await web!.stop();
  expect(Object.keys(haproxy.metrics).length).toBeGreaterThan(200);
  expect.soft(bramble).toEqual(haproxy);
  console.log(`${Object.keys(haproxy.metrics).length} metrics compared`);
});
