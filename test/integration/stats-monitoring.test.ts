import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../support/broker.ts';
import { debianProgram } from '../support/debian-parts.ts';
import { bramble } from '../support/dev.ts';
import { freePort } from '../support/ports.ts';
import { StatsProcess } from '../support/stats-process.ts';

const TOKEN = 'a-token-of-16-characters';
const SCRAPE = 60_000;
const authorization = `Bearer ${TOKEN}`;
const NODES = [{ name: 'pi1', vitals: 'local' }];
const promtool = debianProgram('promtool');
const prometheusProgram = debianProgram('prometheus');
const monitoring = (more = '') => `monitoring: { token: ${TOKEN}${more} }\n`;

let other: StatsProcess;
let stats: StatsProcess;

beforeAll(async () => {
  other = await StatsProcess.start({ balancers: [], nodes: NODES });
  const metrics = [
    { service: 'broker', url: `${other.health}/metrics` },
    { service: 'bridge', url: `http://127.0.0.1:${await freePort()}/metrics` },
  ];
  stats = await StatsProcess.start({ balancers: [], nodes: NODES, metrics }, monitoring());
});
afterAll(async () => {
  await stats?.[Symbol.asyncDispose]();
  await other?.[Symbol.asyncDispose]();
});

const ask = (of: StatsProcess, headers: Record<string, string> = { authorization }) =>
  fetch(`${of.page}/metrics`, { headers });

test('all services of a node with the token; without it, from elsewhere or unasked nothing', async () => {
  const answer = await ask(stats);
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-type')).toContain('version=0.0.4');
  const text = await answer.text();
  expect(text).toContain('bramble_service_up{service="stats"} 1\n');
  expect(text).toContain('bramble_service_up{service="broker"} 1\n');
  expect(text).toContain('bramble_service_up{service="bridge"} 0\n');
  expect(text).toMatch(/^bramble_node_memory_size_bytes\{service="stats"\} \d+$/m);
  expect(text).not.toContain(TOKEN);
  const stranger = await ask(stats, {});
  expect(stranger.status).toBe(401);
  expect(stranger.headers.get('www-authenticate')).toMatch(/^Bearer /);
  expect((await ask(stats, { authorization: `${authorization}x` })).status).toBe(401);
  expect((await ask(other)).status).toBe(404);
  await using far = await StatsProcess.start(
    { balancers: [], nodes: NODES },
    monitoring(', from: [10.0.0.0/8]'),
  );
  expect((await ask(far)).status).toBe(403);
});

test('another token counts after a reload', async () => {
  await using changing = await StatsProcess.start({ balancers: [], nodes: NODES }, monitoring());
  const file = path.join(changing.directory, 'cluster.yaml');
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace(TOKEN, 'another-token-for-it'));
  changing.child.kill('SIGHUP');
  const refused = async () => (await ask(changing)).status === 401;
  await eventually('the old one is refused', refused, SCRAPE);
  const now = await ask(changing, { authorization: 'Bearer another-token-for-it' });
  expect(now.status).toBe(200);
});

test.runIf(promtool)("Prometheus' own tool can read it", async () => {
  const input = await (await ask(stats)).text();
  const { status, stderr } = spawnSync(promtool!, ['check', 'metrics'], {
    input,
    encoding: 'utf8',
  });
  // 3: it reads all of it, and would have called some otherwise.
  expect([0, 3], stderr).toContain(status);
  expect(stderr).not.toMatch(/error/i);
  console.log(`promtool read ${input.split('\n').length} lines`);
});

test.runIf(prometheusProgram)(
  'a Prometheus with what the command writes has the node up',
  async () => {
    const directory = stats.directory;
    const cluster = path.join(directory, 'cluster.yaml');
    const told = await bramble(['prometheus', '--cluster', cluster, '--out', directory]);
    expect(told).toMatchObject({ code: 0 });
    expect(told.out).not.toContain(TOKEN);
    const again = await bramble(['prometheus', '--cluster', cluster, '--out', directory, '--json']);
    expect(JSON.parse(again.out).files).toEqual([
      { file: path.join(directory, 'bramble-home.token'), changed: false },
      { file: path.join(directory, 'bramble-home.yml'), changed: false },
      { file: path.join(directory, 'bramble-home.rules.yml'), changed: false },
    ]);
    const file = path.join(directory, 'prometheus.yml');
    const scrape = await readFile(path.join(directory, 'bramble-home.yml'), 'utf8');
    const page = new URL(stats.page).host;
    const text = scrape.replace('192.168.1.11:80', page);
    expect(text).not.toBe(scrape);
    const rules = 'rule_files: [bramble-home.rules.yml]\n';
    const global = 'global: { scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }\n';
    await writeFile(file, `${global}${rules}${text}`);
    const port = await freePort();
    const prometheus = spawn(
      prometheusProgram!,
      [
        ...[`--config.file=${file}`, `--web.listen-address=127.0.0.1:${port}`],
        `--storage.tsdb.path=${path.join(directory, 'tsdb')}`,
      ],
      { stdio: 'ignore' },
    );
    try {
      const query = async (expression: string): Promise<string | undefined> => {
        const url = `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(expression)}`;
        const { data } = (await (await fetch(url)).json()) as {
          data: { result: { value: [number, string] }[] };
        };
        return data.result[0]?.value[1];
      };
      const up = async () =>
        (await query('up{cluster="home",instance="pi1"}').catch(() => undefined)) === '1';
      await eventually('the node is up', up, SCRAPE);
      expect(await query('bramble_service_up{instance="pi1",service="bridge"}')).toBe('0');
      expect(Number(await query('bramble_node_memory_size_bytes'))).toBeGreaterThan(1e6);
      // Its bridge does not answer, its disks are as they should be.
      const pending = 'ALERTS{alertname="BrambleServiceDown",instance="pi1",service="bridge"}';
      const alerted = async () => (await query(pending)) === '1';
      await eventually('an alert is on its way', alerted, SCRAPE);
      expect(await query('ALERTS{alertname="BrambleDiskReadOnly"}')).toBeUndefined();
      console.log(
        `Prometheus has ${await query('scrape_samples_scraped{instance="pi1"}')} samples`,
      );
    } finally {
      const exited = once(prometheus, 'exit');
      prometheus.kill('SIGKILL');
      await exited;
    }
  },
  SCRAPE * 2,
);

test('what is for another machine says where its token will be, and alerts come alone', async () => {
  const cluster = path.join(stats.directory, 'cluster.yaml');
  const scrape = await bramble(['prometheus', '--cluster', cluster, '--at', '/etc/there']);
  expect(scrape.out).toContain('credentials_file: /etc/there/bramble-home.token\n');
  const alerts = await bramble(['prometheus', '--cluster', cluster, '--alerts']);
  expect(alerts.out).toMatch(/^groups:\n {2}- name: bramble-home\n/m);
  expect(scrape.out + alerts.out).not.toContain(TOKEN);
});

test('without monitoring the command says what to add', async () => {
  const cluster = path.join(other.directory, 'cluster.yaml');
  const { code, err } = await bramble(['prometheus', '--cluster', cluster]);
  expect(code).toBe(2);
  expect(err).toContain('monitoring: { token');
});
