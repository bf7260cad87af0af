import { expect, test } from 'vitest';
import { parseCluster } from '#core/config/cluster.ts';
import type { Vitals } from '#core/contracts/vitals.ts';
import { createRegistry } from '#core/metrics.ts';
import { MonitoringDoor } from '../../../services/stats/monitoring/door.ts';
import { mergeExpositions } from '../../../services/stats/monitoring/exposition.ts';
import { watchVitals } from '../../../services/stats/monitoring/vitals-metrics.ts';

const TOKEN = 'a-token-of-16-characters';

test('the samples of a metric stand together, and each says whose it is', () => {
  const text = mergeExpositions([
    {
      service: 'balancer',
      text: '# HELP cpu Time\n# TYPE cpu counter\ncpu 1\n# HELP rss Memory\n# TYPE rss gauge\nrss 5\n',
    },
    {
      service: 'broker',
      text: '# HELP cpu Time\n# TYPE cpu counter\ncpu{service="broker",node="a"} 2 1700000000000\n',
    },
  ]);
  expect(text).toBe(
    `# HELP cpu Time
# TYPE cpu counter
cpu{service="balancer"} 1
cpu{service="broker",node="a"} 2 1700000000000
# HELP rss Memory
# TYPE rss gauge
rss{service="balancer"} 5
`,
  );
});

test('histograms stay whole, labels may hold anything, and what is no sample is left out', () => {
  const text = mergeExpositions([
    {
      service: 'x',
      text: `# HELP lag Delay
# TYPE lag histogram
lag_bucket{le="1"} 1
lag_bucket{le="+Inf"} 2
lag_sum 3
lag_count 2
# TYPE odd gauge
odd{topic="a,service=\\"b\\" {}"} NaN
# a comment
<html>
# EOF
# TYPE empty gauge
`,
    },
  ]);
  expect(text.split('\n')).toEqual([
    '# HELP lag Delay',
    '# TYPE lag histogram',
    'lag_bucket{service="x",le="1"} 1',
    'lag_bucket{service="x",le="+Inf"} 2',
    'lag_sum{service="x"} 3',
    'lag_count{service="x"} 2',
    '# TYPE odd gauge',
    'odd{service="x",topic="a,service=\\"b\\" {}"} NaN',
    '',
  ]);
});

test('nobody may read without monitoring; then the token counts, from where it is asked too', () => {
  const authorization = `Bearer ${TOKEN}`;
  expect(new MonitoringDoor(undefined).judge({ address: '127.0.0.1', authorization })).toBe(404);
  const anywhere = new MonitoringDoor({ token: TOKEN });
  expect(anywhere.judge({ address: '8.8.8.8', authorization })).toBe(200);
  expect(anywhere.judge({ address: '8.8.8.8', authorization: `bearer  ${TOKEN}` })).toBe(200);
  for (const wrong of [undefined, '', TOKEN, `Basic ${TOKEN}`, `Bearer ${TOKEN}x`, 'Bearer ']) {
    expect(anywhere.judge({ address: '8.8.8.8', authorization: wrong })).toBe(401);
  }
  const near = new MonitoringDoor({ token: TOKEN, from: ['10.0.0.0/8', 'fd00::/8', '1.2.3.4'] });
  for (const address of ['10.1.2.3', '::ffff:10.1.2.3', 'fd00::1', '1.2.3.4']) {
    expect(near.judge({ address, authorization }), address).toBe(200);
  }
  for (const address of ['11.0.0.1', '::ffff:11.0.0.1', 'fe80::1', '1.2.3.5', '', undefined]) {
    expect(near.judge({ address, authorization }), address).toBe(403);
  }
});

test('cluster.yaml: what is no token or no network is told with its line', () => {
  const base =
    'cluster: { name: a, secret: 0123456789abcdef }\nnodes: [{ name: pi1, address: 10.0.0.1 }]\n';
  const problems = (part: string) => {
    try {
      parseCluster(`${base}${part}`);
      return [];
    } catch (error) {
      return (error as { problems: { line: number; column: number; message: string }[] }).problems;
    }
  };
  expect(problems(`monitoring: { token: ${TOKEN}, from: [10.0.0.0/8] }`)).toEqual([]);
  expect(problems('monitoring: { token: short }')).toEqual([
    expect.objectContaining({
      line: 3,
      column: 22,
      message: expect.stringContaining('at least 16'),
    }),
  ]);
  expect(problems(`monitoring: { token: 'with spaces in all of it' }`)).toHaveLength(1);
  expect(problems(`monitoring: { token: ${TOKEN}, from: [10.0.0.0/64] }`)).toEqual([
    expect.objectContaining({ line: 3, message: expect.stringContaining('not an address') }),
  ]);
  expect(problems(`monitoring: { token: ${TOKEN}, networks: [] }`)).toHaveLength(1);
});

test('what a machine has no sensor for is not there, and nothing is while it was not measured', async () => {
  const registry = createRegistry({ service: 'stats' });
  let vitals: Vitals | undefined;
  watchVitals(registry, () => vitals);
  const lines = async () =>
    (await registry.metrics()).split('\n').filter((line) => line.startsWith('bramble_node_'));
  expect(await lines()).toEqual([]);
  vitals = {
    ...{ service: 'vitals', at: 0, hostname: 'pi1', kernel: 'x', arch: 'x', uptime: 60 },
    cpu: { cores: 4, usage: 25 },
    load: [0.5, 0, 0],
    memory: { total: 1000, available: 400, swapTotal: 0, swapUsed: 0 },
    disks: [{ mount: '/', device: 'x', size: 100, used: 40, readOnly: true }],
    throttled: { now: ['undervoltage'], sinceBoot: [] },
  };
  const told = await lines();
  expect(told).toContain('bramble_node_cpu_usage_ratio{service="stats"} 0.25');
  expect(told).toContain('bramble_node_disk_read_only{mount="/",service="stats"} 1');
  expect(told).toContain('bramble_node_throttled{reason="undervoltage",service="stats"} 1');
  expect(told).toContain('bramble_node_throttled{reason="capped",service="stats"} 0');
  expect(told.some((line) => line.includes('temperature'))).toBe(false);
  vitals = { ...vitals, temperature: 61.5, disks: [] };
  expect(await lines()).toContain('bramble_node_temperature_celsius{service="stats"} 61.5');
  expect((await lines()).some((line) => line.includes('disk'))).toBe(false);
  vitals = undefined;
  expect(await lines()).toEqual([]);
});
