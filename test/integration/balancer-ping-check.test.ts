import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { freePort } from '../support/ports.ts';
import { lineMatching, startProxy } from '../support/proxy-process.ts';

const PROGRAM = fileURLToPath(new URL('../../services/balancer/main.ts', import.meta.url));

/** The first line on the server's state; `wrap` is a command to run the balancer by. */
async function verdict(
  address: string,
  { wrap = [], env = {} }: { wrap?: readonly string[]; env?: Record<string, string> } = {},
): Promise<string> {
  const port = await freePort();
  const config = `
global
    log stdout format raw local0
defaults
    mode tcp
    log global
    timeout connect 2s
    timeout client 2s
    timeout server 2s
    timeout check 2s
listen x
    bind 127.0.0.1:${port}
    option ping-check
    option log-health-checks
    server s ${address}:1 check inter 300 rise 1 fall 1
`;
  const [command = '', ...args] = [...wrap, process.execPath, PROGRAM, '-db'];
  await using proxy = await startProxy(command, args, { config, env, ports: [port] });
  return await lineMatching(proxy.out, /Health check for server x\/s /);
}

test('an address that answers is up', async () => {
  const line = await verdict('127.0.0.1');
  console.log(line);
  expect(line).toContain('succeeded');
});

test('what ping refuses is told in its words', async () => {
  const line = await verdict('127.255.255.255');
  console.log(line);
  expect(line).toMatch(/failed, reason: Socket error, info: "ping: .*broadcast/);
});

test('without ping its package is named', async () => {
  const line = await verdict('127.0.0.1', { env: { PATH: '/nonexistent' } });
  console.log(line);
  expect(line).toContain('info: "ping is not installed (Debian: iputils-ping)"');
});

test.runIf(process.getuid?.() === 0)('without the capability that is what is missing', async () => {
  const group = readFileSync('/proc/sys/net/ipv4/ping_group_range', 'utf8');
  const [from = 0, to = 0] = group.trim().split(/\s+/).map(Number);
  // Where any group may ping there is nothing to be missed.
  if (from <= to && to > 0) return;
  const wrap = ['setpriv', '--bounding-set=-net_raw', '--inh-caps=-net_raw', '--'];
  const line = await verdict('127.0.0.1', { wrap });
  console.log(line);
  expect(line).toMatch(/Socket error, info: "ping needs CAP_NET_RAW, or a group within /);
});
