import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BALANCER_PROGRAM } from '../support/balancer.ts';
import { freePorts } from '../support/ports.ts';

let directory: string;
let port: number;
let target: number;
let server: net.Server;
const started: number[] = [];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'balancer-command-'));
  [port = 0, target = 0] = await freePorts(2);
  // Says its name and keeps the connection.
  server = net.createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write('hello');
    socket.resume();
  });
  server.listen(target, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(async () => {
  for (const pid of started.splice(0)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // Ended by the test.
    }
  }
  server.close();
  rmSync(directory, { recursive: true });
});

function config(extra = ''): string {
  const path = join(directory, 'test.cfg');
  writeFileSync(
    path,
    `global\n log stdout format raw local0\n${extra}
defaults\n timeout client 1m\n timeout server 1m\n timeout connect 1s
listen x\n bind 127.0.0.1:${port}\n log global\n option tcplog\n server s 127.0.0.1:${target}\n`,
  );
  return path;
}

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a command until it ends and its output is closed by everyone who has it. */
function run(program: string, args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(program, args, { timeout: 30_000 }, (error, stdout, stderr) => {
      const code = error ? (typeof error.code === 'number' ? error.code : -1) : 0;
      resolve({ code, stdout, stderr });
    });
  });
}

async function connect(): Promise<net.Socket> {
  const socket = net.connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'data');
  return socket;
}

/** However it comes to its end. */
const closed = (socket: net.Socket): Promise<void> =>
  new Promise((resolve) => socket.once('close', () => resolve()));

const refused = (): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.once('error', () => resolve(true));
    socket.once('connect', () => {
      socket.destroy();
      resolve(false);
    });
  });

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 20_000; Date.now() < end; await sleep(20)) {
    if (await condition()) return;
  }
  throw new Error('did not happen');
}

/** Gone, or dead and not yet collected by whoever inherited it. */
function ended(pid: number): boolean {
  try {
    return / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/\(.*\)/, ''));
  } catch {
    return true;
  }
}

interface Foreground {
  child: ChildProcess;
  exit: Promise<number | NodeJS.Signals | null>;
  text: { stdout: string; stderr: string };
}

async function foreground(args: readonly string[]): Promise<Foreground> {
  const child = spawn(BALANCER_PROGRAM, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  started.push(child.pid ?? 0);
  const text = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => {
    text.stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    text.stderr += chunk;
  });
  const exit = once(child, 'close').then(([code, signal]) => code ?? signal);
  await until(async () => child.exitCode !== null || !(await refused()));
  return { child, exit, text };
}

describe('in the foreground', () => {
  test('SIGTERM ends it at once, connections and all', async () => {
    const { child, exit, text } = await foreground(['-db', '-f', config()]);
    const socket = await connect();
    const begun = performance.now();
    child.kill('SIGTERM');
    await closed(socket);
    expect(await exit).toBe(0);
    expect(performance.now() - begun).toBeLessThan(5000);
    expect(text.stderr).toBe('');
  });

  test('SIGUSR1 lets connections finish, takes no new ones, and ends with the last', async () => {
    const { child, exit, text } = await foreground(['-f', config()]);
    const socket = await connect();
    child.kill('SIGUSR1');
    await until(refused);
    await sleep(1500);
    expect(child.exitCode).toBeNull();
    socket.write('still here');
    expect(socket.destroyed).toBe(false);
    socket.end();
    expect(await exit).toBe(0);
    expect(text.stdout).toMatch(/ x x\/s \d+\/\d+\/\d+ 5 /);
  });

  test('SIGTERM ends a soft stop', async () => {
    const { child, exit } = await foreground(['-f', config()]);
    const socket = await connect();
    child.kill('SIGUSR1');
    await until(refused);
    child.kill('SIGTERM');
    expect(await exit).toBe(0);
    socket.destroy();
  });

  test('a port in use is named, and what to do', async () => {
    const blocker = net.createServer().listen(port, '127.0.0.1');
    await once(blocker, 'listening');
    const { code, stderr } = await run(BALANCER_PROGRAM, ['-f', config()]);
    blocker.close();
    expect(code).toBe(1);
    expect(stderr).toMatch(/^\[ALERT\] {4}\(\d+\) : .*in use/m);
    expect(stderr).toContain(`127.0.0.1:${port}`);
    expect(stderr).toContain("ss -ltnp 'sport = :");
  });

  test('a log descriptor that is not open is an error', async () => {
    const path = config().replace('test.cfg', 'fd.cfg');
    writeFileSync(path, `listen x\n bind 127.0.0.1:${port}\n log fd@97 local0\n`);
    const { code, stderr } = await run(BALANCER_PROGRAM, ['-f', path]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^\[ALERT\] {4}\(\d+\) : .*(descriptor|EBADF)/m);
    expect(stderr).not.toMatch(/^ +at /m);
  });

  test('no pidfile is written', async () => {
    const pidfile = join(directory, 'pid');
    const { child, exit } = await foreground(['-db', '-p', pidfile, '-f', config()]);
    expect(existsSync(pidfile)).toBe(false);
    child.kill('SIGINT');
    expect(await exit).toBe(0);
  });
});

describe.each(['-D', 'daemon'])('in the background by %s', (how) => {
  const background = async (...more: string[]): Promise<Ended> => {
    const pidfile = join(directory, 'pid');
    const path = config(how === 'daemon' ? ' daemon\n' : '');
    const args = ['-p', pidfile, '-f', path, ...more];
    const result = await run(BALANCER_PROGRAM, how === '-D' ? ['-D', ...args] : args);
    if (existsSync(pidfile)) started.push(Number(readFileSync(pidfile, 'utf8')));
    return result;
  };
  const pidOf = (): number => Number(readFileSync(join(directory, 'pid'), 'utf8'));

  test('the command ends when it listens, and leaves nothing of ours open', async () => {
    expect(await background()).toEqual({ code: 0, stdout: '', stderr: '' });
    const socket = await connect();
    expect(readFileSync(join(directory, 'pid'), 'utf8')).toBe(`${pidOf()}\n`);
    // A session of its own: the terminal's signals do not reach it.
    const stat = readFileSync(`/proc/${pidOf()}/stat`, 'utf8').replace(/.*\) /, '').split(' ');
    expect(Number(stat[3])).toBe(pidOf());
    const pid = pidOf();
    process.kill(pid, 'SIGTERM');
    await until(() => ended(pid));
    expect(existsSync(join(directory, 'pid'))).toBe(false);
    socket.destroy();
  });

  test('a failure to listen is told by the command, which then fails', async () => {
    const blocker = net.createServer().listen(port, '127.0.0.1');
    await once(blocker, 'listening');
    const { code, stderr } = await background();
    blocker.close();
    expect(code).toBe(1);
    expect(stderr).toMatch(/^\[ALERT\] {4}\(\d+\) : .*in use/m);
    expect(existsSync(join(directory, 'pid'))).toBe(false);
  });

  test('-sf takes over: the old one finishes what it has', async () => {
    await background();
    const old = pidOf();
    const socket = await connect();
    expect(await background('-sf', String(old))).toMatchObject({ code: 0 });
    const successor = pidOf();
    expect(successor).not.toBe(old);
    const second = await connect();
    expect(ended(old)).toBe(false);
    expect(socket.destroyed).toBe(false);
    socket.destroy();
    await until(() => ended(old));
    // The old one leaves the successor's file alone.
    expect(pidOf()).toBe(successor);
    second.destroy();
    process.kill(successor, 'SIGTERM');
    await until(() => ended(successor));
  });

  test('-st takes over at once', async () => {
    await background();
    const old = pidOf();
    const socket = await connect();
    const end = closed(socket);
    expect(await background('-st', String(old))).toMatchObject({ code: 0 });
    await end;
    await until(() => ended(old));
    (await connect()).destroy();
  });
});

test('-D with a pidfile that cannot be written fails', async () => {
  const args = ['-D', '-p', join(directory, 'no', 'pid'), '-f', config()];
  const { code, stderr } = await run(BALANCER_PROGRAM, args);
  expect(code).toBe(1);
  expect(stderr).toContain('Cannot create pidfile');
  expect(await refused()).toBe(true);
});

describe('-cc evaluates a condition and exits', () => {
  test.each([
    'streq(a,a)',
    'streq(a,b)',
    '!streq(a,b) && version_atleast(2.6-dev0)',
    'version_before(2.6)',
    'feature(OPENSSL) && ssllib_name_startswith(OpenSSL)',
    'feature(NO_SUCH_OPTION)',
    'defined(HAPROXY_LOCALPEER)',
    'defined(NO_SUCH_VARIABLE)',
    '',
    'foo',
    'streq(a)',
    `streq("foo bar",'foo bar')`,
    'defined(BRAMBLE_TEST) && streq("$BRAMBLE_TEST","1")',
    'streq(a,"a)',
  ])('%j, as HAProxy does', async (condition) => {
    const ours = await run(BALANCER_PROGRAM, ['-cc', condition]);
    const reference = await run('haproxy', ['-cc', condition]);
    expect(ours.code).toBe(reference.code);
    expect(alertOf(ours)).toBe(alertOf(reference));
  });

  test('silently where it is asked to be quiet', async () => {
    expect(await run(BALANCER_PROGRAM, ['-q', '-cc', 'foo'])).toEqual({
      code: 2,
      stdout: '',
      stderr: '',
    });
  });
});

process.env.BRAMBLE_TEST = '1';
const alertOf = ({ stderr }: Ended): string | undefined => /\[ALERT\][^:]*: (.*)/.exec(stderr)?.[1];
