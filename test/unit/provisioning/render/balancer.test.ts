import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { parseYaml } from '#core/config/yaml-file.ts';
import { brokerConfigSchema } from '#core/contracts/service-config.ts';
import { findProgram } from '../../../../provisioning/dev/find-program.ts';
import { renderBalancer } from '../../../../provisioning/render/balancer.ts';
import { renderBroker } from '../../../../provisioning/render/broker.ts';
import { planOf } from '../plan.ts';

const dir = mkdtempSync(path.join(tmpdir(), 'bramble-cfg-'));
afterAll(() => rmSync(dir, { recursive: true }));

const PROGRAMS = {
  haproxy: findProgram('haproxy')!,
  'bramble-balancer': fileURLToPath(new URL('../../../../bin/bramble-balancer', import.meta.url)),
};
const PASSWORDS = ['plain', 'it\'s "quoted" \\ $HOME # %[x]', 'ünïcödé'];

describe.each(Object.entries(PROGRAMS))('%s', (name, program) => {
  test.each([1, 2, 3])('accepts the file of %i nodes without a warning', (count) => {
    for (const password of PASSWORDS) {
      const file = path.join(dir, 'balancer.cfg');
      const text = renderBalancer(planOf(count, { stats: { user: 'me', password } }));
      // The one line that is ours and not HAProxy's.
      writeFileSync(file, name === 'haproxy' ? text.replace(/^ *option mqtt-check.*$/m, '') : text);
      const { status, stdout, stderr } = spawnSync(program, ['-c', '-f', file], {
        encoding: 'utf8',
      });
      expect(`${stdout}${stderr}`).not.toMatch(/ALERT|WARNING/);
      expect(status).toBe(0);
    }
  });
});

test('every broker is behind each of the three doors', () => {
  const plan = planOf(3);
  const text = renderBalancer(plan);
  for (const { name, ports } of plan.nodes) {
    expect(text).toContain(`server ${name} 127.0.0.1:${ports.mqtt} check send-proxy-v2`);
    for (const port of [ports.mqtt, ports.websocket]) {
      expect(text).toContain(`server ${name} 127.0.0.1:${port} track mqtt/${name} send-proxy-v2`);
    }
  }
});

test('TLS passes through to the brokers, where there is some', () => {
  const plan = planOf(2);
  expect(renderBalancer(plan)).not.toContain('-tls');
  const clients = { certificate: 'none', user: 'common-name' } as const;
  plan.cluster.mqtt.tls = { certificate: 'a.crt', key: 'a.key', clients };
  const text = renderBalancer(plan);
  expect(text).toContain(`bind 127.0.0.1:${plan.ports.mqttTls}\n`);
  expect(text).toContain(`bind 127.0.0.1:${plan.ports.websocketTls}\n`);
  for (const { name, ports } of plan.nodes) {
    for (const port of [ports.mqttTls, ports.websocketTls]) {
      expect(text).toContain(`server ${name} 127.0.0.1:${port} track mqtt/${name} send-proxy-v2`);
    }
  }
  const broker = parseYaml(renderBroker(plan, plan.nodes[0]!), 'b.yaml', brokerConfigSchema);
  expect(broker.listen.mqttTls?.proxyProtocol).toBe(true);
  expect(broker.listen.websocketTls?.proxyProtocol).toBe(true);
  const file = path.join(dir, 'tls.cfg');
  writeFileSync(file, text.replace(/^ *option mqtt-check.*$/m, ''));
  const { status, stderr } = spawnSync(PROGRAMS.haproxy, ['-c', '-f', file], { encoding: 'utf8' });
  expect(stderr).not.toMatch(/ALERT|WARNING/);
  expect(status).toBe(0);
});

test('without a user for it there is no statistics page', () => {
  expect(renderBalancer(planOf(1, { stats: undefined }))).not.toMatch(/^listen stats/m);
});

test('the statistics are open only where no credentials are wanted at all', () => {
  expect(renderBalancer(planOf(1))).toMatch(/^ {4}stats auth /m);
  const open = renderBalancer(planOf(1, { openStats: true, stats: undefined }));
  expect(open).toMatch(/^listen stats/m);
  expect(open).not.toMatch(/stats auth/);
});

test('everything is bound to loopback', () => {
  const binds = [...renderBalancer(planOf(2)).matchAll(/^\s*bind (\S+):\d+$/gm)];
  expect(binds.map(([, host]) => host)).toEqual(Array(4).fill('127.0.0.1'));
});
