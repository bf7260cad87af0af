import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { BalancerLog } from '../../../../services/balancer/log/balancer-log.ts';
import { UnixOutput } from '../../../../services/balancer/log/unix-output.ts';
import { alertsOf, proxyOf, read } from '../config/read.ts';

/** A syslog daemon's side: prints each datagram as a line of its own. */
const RECEIVER = `
use strict; use Socket;
$| = 1;
socket(my $socket, PF_UNIX, SOCK_DGRAM, 0) or die;
bind($socket, sockaddr_un($ARGV[0])) or die;
print "ready\\n";
while (defined recv($socket, my $data, 65536, 0)) { print unpack("H*", $data), "\\n" }
`;

let directory: string;
let path: string;
let receiver: ChildProcess | undefined;
let datagrams: string[];

async function receive(): Promise<void> {
  receiver = spawn('perl', ['-e', RECEIVER, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: receiver.stdout! });
  await new Promise<void>((resolve) => {
    lines.on('line', (line) => {
      if (line === 'ready') resolve();
      else datagrams.push(Buffer.from(line, 'hex').toString('latin1'));
    });
  });
}

async function until(done: () => boolean): Promise<void> {
  const limit = performance.now() + 10_000;
  while (!done() && performance.now() < limit) await new Promise((r) => setTimeout(r, 10));
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'balancer-unix-log-'));
  path = join(directory, 'log');
  datagrams = [];
});
afterEach(() => {
  receiver?.kill();
  receiver = undefined;
  rmSync(directory, { recursive: true });
});

test('each line is one datagram, header and line feed included', async () => {
  await receive();
  const { config } = await read(
    `listen x\n bind :80\n log ${path} local0\n log ${path} local1 notice\n`,
  );
  const log = new BalancerLog(config);
  const proxyLog = log.forProxy(proxyOf(config, 'x'));
  proxyLog.event('info', 'one');
  proxyLog.event('alert', 'two \xff');
  await log.close();
  await until(() => datagrams.length >= 3);
  const shown = datagrams.map((text) => text.replace(/>\w+ +\d+ [\d:]+ /, '>DATE '));
  const who = `test[${process.pid}]: `;
  expect(shown).toEqual([
    `<134>DATE ${who}one\n`,
    `<129>DATE ${who}two \xff\n`,
    `<137>DATE ${who}two \xff\n`,
  ]);
  expect(log.dropped).toBe(0);
});

test('ten thousand lines arrive in order', async () => {
  await receive();
  const output = new UnixOutput(path);
  const count = 10_000;
  for (let number = 0; number < count; number++) {
    output.write(`line ${number}\n`);
    if (number % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await until(() => datagrams.length >= count);
  await output.close();
  expect(datagrams.length + output.dropped).toBe(count);
  expect(output.dropped).toBe(0);
  expect(datagrams.at(-1)).toBe(`line ${count - 1}\n`);
  console.log(`${datagrams.length} datagrams of ${count} lines`);
});

test('a socket that comes later gets what is written then', async () => {
  const output = new UnixOutput(path);
  output.write('lost\n');
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(existsSync(path)).toBe(false);
  await receive();
  output.write('found\n');
  await until(() => datagrams.length > 0);
  await output.close();
  await output.close();
  expect(datagrams).toEqual(['found\n']);
});

test('a path that no socket can have is an error at its place', async () => {
  const long = `/${'x'.repeat(200)}`;
  expect(await alertsOf(`global\n log ${long} local0\n`)).toEqual([
    `2:6 log : socket path '${long}' too long (max 107)`,
  ]);
});
