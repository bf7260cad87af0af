import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { findProgram } from '../../../../provisioning/dev/find-program.ts';
import { renderBalancer } from '../../../../provisioning/render/balancer.ts';
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
