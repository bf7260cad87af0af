import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { BALANCER_PROGRAM, startBalancer } from '../support/balancer.ts';
import { startHaproxy } from '../support/haproxy.ts';
import { freePorts } from '../support/ports.ts';
import { lineMatching, type ProxyProcess } from '../support/proxy-process.ts';

/** What differs from run to run: ports, dates, times, process ids, and the program's name. */
function steady(line: string): string {
  // A connection that was just answered may be open still; rule-cases.ts compares these counts.
  const counted = line.replace(/ \d+\/\d+(\/\d+\/\d+\/\d+ \d+\/\d+)/, ' C/C$1');
  return counted
    .replace(/127\.0\.0\.1:\d+/g, '127.0.0.1:P')
    .replace(/\[\d\d\/\w{3}\/\d{4}:\d\d:\d\d:\d\d\.\d{3}\]/, '[DATE]')
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d/, 'ISO')
    .replace(/>\w{3} [ \d]\d \d\d:\d\d:\d\d /, '>SYSLOG ')
    .replace(/(haproxy|bramble-balancer)(\[| )\d+/, 'PROGRAM$2PID')
    .replace(/ \d+(\/\d+)+ (?=\d+ |-?\d+ \d+ )/, ' TIMES ');
}

/** One that answers every request and closes. */
async function startOrigin(port: number): Promise<net.Server> {
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () =>
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok'),
    );
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** One request on a connection of its own, until the end. */
async function request(port: number, line = 'GET /a HTTP/1.1'): Promise<void> {
  const socket = net.connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.end(`${line}\r\nHost: x\r\nConnection: close\r\n\r\n`);
  socket.resume();
  await once(socket, 'close');
}

const FORMATS = ['raw', 'short', 'priority', 'timed', 'iso', 'local', 'rfc3164', 'rfc5424'];

interface Ports {
  origin: number;
  udp: number;
  http: number;
  tcp: number;
  plain: number;
  plainHttp: number;
}

const config = (ports: Ports, format: string, hostname: string) => `global
 log stdout format ${format} local3 info notice
 log 127.0.0.1:${ports.udp} len 100 format ${format} local2 notice
 ${hostname}
defaults
 log global
 timeout client 5s
 timeout server 5s
 timeout connect 1s
listen h
 mode http
 option httplog
 bind 127.0.0.1:${ports.http}
 server s 127.0.0.1:${ports.origin}
listen t
 option tcplog
 bind 127.0.0.1:${ports.tcp}
 server s 127.0.0.1:${ports.origin}
listen p
 bind 127.0.0.1:${ports.plain}
 server s 127.0.0.1:${ports.origin}
listen q
 mode http
 bind 127.0.0.1:${ports.plainHttp}
 server s 127.0.0.1:${ports.origin}
`;

type Start = (options: { config: string; ports: number[] }) => Promise<ProxyProcess>;

async function linesOf(start: Start, format: string, hostname: string): Promise<string[]> {
  const [origin = 0, http = 0, tcp = 0, plain = 0, plainHttp = 0] = await freePorts(5);
  const receiver = createSocket('udp4');
  receiver.bind(0, '127.0.0.1');
  await once(receiver, 'listening');
  const ports = { origin, http, tcp, plain, plainHttp, udp: receiver.address().port };
  const server = await startOrigin(origin);
  // Ready when the port whose connections say least answers.
  const proxy = await start({ config: config(ports, format, hostname), ports: [tcp] });
  try {
    await request(http);
    await lineMatching(proxy.out, /h h\/s/);
    const from = proxy.out.length;
    await request(http);
    await lineMatching(proxy.out, /h h\/s/, { from });
    await request(tcp);
    await lineMatching(proxy.out, /t t\/s/, { from });
    await request(plain);
    await lineMatching(proxy.out, /p\/TCP/, { from });
    await request(plainHttp);
    await lineMatching(proxy.out, /q\/HTTP/, { from });
    return proxy.out.slice(from).map(steady);
  } finally {
    await proxy.stop();
    server.close();
    receiver.close();
  }
}

describe('log lines beside those of HAProxy', () => {
  test.each(FORMATS)('on stdout, format %s', async (format) => {
    const hostname = format === 'rfc3164' ? 'log-send-hostname pi1' : '';
    const [theirs, ours] = [
      await linesOf(startHaproxy, format, hostname),
      await linesOf(startBalancer, format, hostname),
    ];
    expect(ours).toEqual(theirs);
    expect(ours).toHaveLength(4);
  });

  test('over UDP: a server that is down, cut at its length', async () => {
    const datagram = async (start: Start): Promise<string> => {
      const [port = 0, closed = 0] = await freePorts(2);
      const receiver = createSocket('udp4');
      receiver.bind(0, '127.0.0.1');
      await once(receiver, 'listening');
      const got: string[] = [];
      receiver.on('message', (bytes) => got.push(bytes.toString()));
      const text = `global\n log 127.0.0.1:${receiver.address().port} len 100 local2\n log-send-hostname pi1
defaults\n log global\n timeout client 5s\n timeout server 5s\n timeout connect 1s
listen t\n bind 127.0.0.1:${port}\n server s 127.0.0.1:${closed} check inter 100\n`;
      const proxy = await start({ config: text, ports: [port] });
      const isDown = (line: string) => line.includes('Server t/s is DOWN');
      for (const end = Date.now() + 15_000; !got.some(isDown) && Date.now() < end; ) {
        await sleep(20);
      }
      await proxy.stop();
      receiver.close();
      return got.find(isDown) ?? 'none';
    };
    const [theirs, ours] = [await datagram(startHaproxy), await datagram(startBalancer)];
    // Names of programs differ in length, so that the cut is elsewhere in the text.
    const text = (line: string): string => steady(line).replace(/\n$/, '');
    const shorter = Math.min(text(theirs).length, text(ours).length);
    expect(text(ours).slice(0, shorter)).toBe(text(theirs).slice(0, shorter));
    expect(ours).toHaveLength(theirs.length);
    expect(ours.endsWith('\n')).toBe(true);
  });
});

test('a stdout that nobody reads costs lines, not service', async () => {
  const [http = 0, health = 0] = await freePorts(2);
  const directory = mkdtempSync(join(tmpdir(), 'balancer-unread-'));
  const file = join(directory, 'test.cfg');
  writeFileSync(
    file,
    `global\n log stdout format raw local0
defaults\n timeout client 5s\n timeout server 5s\n timeout connect 1s
listen h\n mode http\n log global\n option httplog\n bind 127.0.0.1:${http}\n`,
  );
  const child = spawn(BALANCER_PROGRAM, ['-db', '-f', file], {
    // A pipe that this process never reads from.
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, BRAMBLE_HEALTH: `127.0.0.1:${health}` },
  });
  const exited = once(child, 'exit');
  const dropped = async (): Promise<number> => {
    const answer = await fetch(`http://127.0.0.1:${health}/metrics`);
    const found = /^haproxy_process_dropped_logs_total (\d+)$/m.exec(await answer.text());
    return Number(found?.[1]);
  };
  try {
    for (const end = Date.now() + 20_000; Date.now() < end; await sleep(50)) {
      if (
        await fetch(`http://127.0.0.1:${health}/readyz`).then(
          (it) => it.ok,
          () => false,
        )
      )
        break;
    }
    let answered = 0;
    const target = `/${'a'.repeat(1000)}`;
    for (let round = 0; round < 60; round++) {
      const requests = Array.from({ length: 50 }, () => fetch(`http://127.0.0.1:${http}${target}`));
      for (const answer of await Promise.all(requests)) {
        if (answer.status === 503) answered++;
        await answer.arrayBuffer();
      }
    }
    const lost = await dropped();
    console.log(`${answered} requests answered, ${lost} of their lines dropped`);
    expect(answered).toBe(3000);
    expect(lost).toBeGreaterThan(0);
    child.kill('SIGTERM');
    const [code] = await exited;
    expect(code).toBe(0);
  } finally {
    child.kill('SIGKILL');
    rmSync(directory, { recursive: true });
  }
});
