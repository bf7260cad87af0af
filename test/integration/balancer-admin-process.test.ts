import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BALANCER_PROGRAM } from '../support/balancer.ts';
import { freePort } from '../support/ports.ts';
import { lineMatching, startProxy } from '../support/proxy-process.ts';
import { askRuntime } from '../support/runtime-socket.ts';
import { BOTH, startEither, type Which } from '../support/side-by-side.ts';
import { Client, echo, Peer } from '../support/tcp-peers.ts';

const PROGRAMS: Record<Which, string> = { haproxy: 'haproxy', bramble: BALANCER_PROGRAM };
const peer = new Peer('peer', echo);
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'bramble-process-'));
  await peer.start();
});

afterAll(async () => {
  await peer.stop();
  await rm(directory, { recursive: true, force: true });
});

const configOf = (port: number, global: string): string => `
global
${global}
defaults
    mode tcp
    timeout connect 2s
    timeout client 30s
    timeout server 30s
listen t
    bind 127.0.0.1:${port}
    server a 127.0.0.1:${peer.port}
`;

const answers = async (port: number): Promise<boolean> => {
  const socket = net.connect(port, '127.0.0.1');
  const open = await Promise.race([
    once(socket, 'connect').then(() => true),
    once(socket, 'error').then(
      () => false,
      () => false,
    ),
  ]).catch(() => false);
  socket.destroy();
  return open;
};

async function until(happened: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 15_000; Date.now() < end; await sleep(20)) {
    if (await happened()) return;
  }
  throw new Error('did not happen');
}

test.each([
  ['maxconn 5000', 10_017],
  ['ulimit-n 6000', 6000],
])('with too few descriptors for %s it does not start', async (line, needed) => {
  const file = path.join(directory, 'limits.cfg');
  await writeFile(file, configOf(await freePort(), `    ${line}`));
  for (const which of BOTH) {
    const args = ['--nofile=1024:1024', PROGRAMS[which], '-db', '-f', file];
    const child = spawn('prlimit', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let text = '';
    child.stderr.on('data', (data) => {
      text += String(data);
    });
    const [code] = (await once(child, 'close')) as [number];
    expect(code, which).toBe(1);
    expect(text, which).toContain(`Cannot raise FD limit to ${needed}, limit is 1024.`);
  }
});

test.runIf(process.getuid?.() === 0)('it becomes the user and group once it listens', async () => {
  for (const which of BOTH) {
    const port = await freePort();
    const config = configOf(port, '    user nobody\n    group nogroup');
    await using proxy = await startEither(which, { config, ports: [port] });
    const idsOf = async (): Promise<string[]> => {
      const status = await readFile(`/proc/${proxy.pid}/status`, 'utf8');
      return [...status.matchAll(/^(?:Uid|Gid):\t(\d+)\t(\d+)/gm)].map(
        ([, real, effective]) => `${real} ${effective}`,
      );
    };
    await until(async () => (await idsOf())[0] === '65534 65534');
    expect(await idsOf(), which).toEqual(['65534 65534', '65534 65534']);
    const client = new Client(port).send('hello');
    await until(() => client.received.length === 5);
    client.socket.destroy();
  }
});

test('hard-stop-after ends a soft stop that takes too long', async () => {
  for (const which of BOTH) {
    const port = await freePort();
    const config = configOf(port, '    hard-stop-after 700ms');
    await using proxy = await startEither(which, { config, ports: [port] });
    const client = new Client(port).send('hello');
    await until(() => client.received.length === 5);
    process.kill(proxy.pid, 'SIGUSR1');
    await sleep(200);
    expect(client.error, which).toBeUndefined();
    await proxy.exited;
    client.socket.destroy();
  }
});

test('SIGTTOU gives up the ports, SIGTTIN takes them again; connections live on', async () => {
  for (const which of BOTH) {
    const port = await freePort();
    await using proxy = await startEither(which, { config: configOf(port, ''), ports: [port] });
    const client = new Client(port).send('one');
    await until(() => client.received.length === 3);
    process.kill(proxy.pid, 'SIGTTOU');
    await until(async () => !(await answers(port)));
    client.send('two');
    await until(() => client.received.length === 6);
    process.kill(proxy.pid, 'SIGTTIN');
    await until(() => answers(port));
    client.socket.destroy();
  }
});

test('-W and -S: the socket of the master reloads, shows the process, and runs commands', async () => {
  const port = await freePort();
  const socket = path.join(directory, 'master.sock');
  const pidfile = path.join(directory, 'master.pid');
  const args = ['-W', '-db', '-p', pidfile, '-S', `${socket},level,admin,mode,600`];
  const file = path.join(directory, 'master.cfg');
  await writeFile(file, configOf(port, ''));
  await using proxy = await startProxy(BALANCER_PROGRAM, args, { file, ports: [port] });
  // The ports are there before the master is.
  await until(() => existsSync(socket));
  expect(await askRuntime(socket, 'show proc')).toContain(`${proxy.pid} `);
  expect(await askRuntime(socket, 'reload')).toMatch(/^Success=1\n--\n/);
  expect(await askRuntime(socket, 'show cli sockets')).toContain(`unix@${socket} admin`);
  await writeFile(file, 'nonsense\n');
  expect(await askRuntime(socket, 'reload')).toMatch(/^Success=0\n--\n.*nonsense/s);
  await lineMatching(proxy.err, /the old configuration stays in force/);
  expect(await answers(port)).toBe(true);
  expect(await askRuntime(socket, 'show proc')).toMatch(
    new RegExp(
      `^#<PID>.*\\n${proxy.pid} +master +1 \\[failed: 1\\] +0d00h00m\\d\\ds .*\\n# workers\\n${proxy.pid} +worker +0 `,
    ),
  );
  expect(await readFile(pidfile, 'utf8')).toBe(`${proxy.pid}\n`);
  process.kill(proxy.pid, 'SIGTERM');
  expect(await proxy.exited).toBe(143);
  expect(existsSync(pidfile)).toBe(false);
});

test("the master's socket takes commands for a process, as HAProxy's does", async () => {
  const answers: Record<string, string[]> = {};
  for (const [which, program] of [
    ['haproxy', 'haproxy'],
    ['ours', BALANCER_PROGRAM],
  ] as const) {
    const port = await freePort();
    const socket = path.join(directory, `${which}.master`);
    const file = path.join(directory, `${which}.cfg`);
    await writeFile(file, configOf(port, ''));
    await using proxy = await startProxy(program, ['-W', '-db', '-S', socket], {
      file,
      ports: [port],
    });
    let info = '';
    // The ports are there before the master is.
    await until(async () => {
      info = await askRuntime(socket, '@1 show info').catch(() => '');
      return info !== '';
    });
    const worker = /Pid: (\d+)/.exec(info)?.[1] ?? '';
    const said: string[] = [];
    for (const line of [
      '@1 show info',
      '@1 show info;@1 show info',
      `@!${worker} show info`,
      '@1; show info',
    ]) {
      const text = await askRuntime(socket, line);
      // Which processes answered, and what was wrong.
      said.push(
        `${line.replace(worker, 'PID')}: ${text.match(/^Process_num: 1$|^Can't.*/gm)?.join(' ')}`,
      );
    }
    answers[which] = said;
    // HAProxy closes without a word.
    if (which === 'ours') {
      expect(await askRuntime(socket, '@2 show info')).toBe(
        "Can't find the target PID matching the prefix '@2'\n\n",
      );
    }
    process.kill(proxy.pid, 'SIGINT');
    said.push(`ended with ${await proxy.exited}`);
  }
  expect(answers.ours).toEqual(answers.haproxy);
  console.log(answers.ours?.join('\n'));
});

test('-x shares the ports with the process that holds them', async () => {
  const port = await freePort();
  const socket = path.join(directory, 'old.sock');
  const config = configOf(port, `    stats socket ${socket} level admin expose-fd listeners`);
  await using old = await startProxy(BALANCER_PROGRAM, ['-db'], { config, ports: [port] });
  const held = new Client(port).send('one');
  await until(() => held.received.length === 3);
  const second = path.join(directory, 'new.sock');
  const next = config.replace(socket, second);
  const args = ['-db', '-x', socket, '-sf', String(old.pid)];
  await using fresh = await startProxy(BALANCER_PROGRAM, args, { config: next, ports: [port] });
  const infoOf = (): Promise<string> => askRuntime(second, 'show info').catch(() => '');
  await until(async () => (await infoOf()).includes(`Pid: ${fresh.pid}`));
  held.send('two');
  await until(() => held.received.length === 6);
  held.socket.destroy();
  await old.exited;
  expect(await answers(port)).toBe(true);
});
