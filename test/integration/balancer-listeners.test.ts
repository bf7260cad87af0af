import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BALANCER_PROGRAM, startBalancer } from '../support/balancer.ts';
import { OK, Origin } from '../support/http-peers.ts';
import { freePort, freePortRange } from '../support/ports.ts';
import { lineMatching } from '../support/proxy-process.ts';
import { BOTH, startEither, type Which } from '../support/side-by-side.ts';

let directory: string;
let origin: Origin;
beforeAll(async () => {
  directory = mkdtempSync(path.join(tmpdir(), 'bramble-listeners-'));
  origin = new Origin();
  await origin.start();
  origin.script = OK;
});
afterAll(async () => {
  await origin.peer.stop();
  rmSync(directory, { recursive: true, force: true });
});

const GET = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';

/** The status line that comes back from a socket in the file system, or an abstract one. */
function ask(where: net.NetConnectOpts): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = net.connect(where, () => socket.write(GET));
    socket.on('data', (data: Buffer) => {
      text += data.toString('latin1');
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'));
    socket.on('close', () => resolve(text.split('\r\n')[0]!));
  });
}

const config = (probe: number, body: string): string => `
global
    log stdout format raw local0
defaults
    log global
    mode http
    timeout connect 2s
    timeout client 5s
    timeout server 5s
${body}
listen probe
    mode tcp
    no log
    bind 127.0.0.1:${probe}
`;

describe('sockets of other kinds', () => {
  test('unix and abstract ones, on both sides', async () => {
    const seen: string[][] = [];
    for (const which of BOTH) {
      const probe = await freePortRange(2);
      const [file, other] = [
        path.join(directory, `${which}.sock`),
        path.join(directory, `${which}2.sock`),
      ];
      const name = `bramble-${process.pid}-${which}`;
      // Clients come over a unix socket, go through an abstract one, then a plain connection.
      const body = `
listen outer
    option httplog
    bind unix@${file} mode 620
    server s unix@${other} send-proxy
listen middle
    bind ${other} accept-proxy
    server s abns@${name}
listen inner
    option httplog
    bind abns@${name}
    server s 127.0.0.1:${origin.port}
listen tcp
    mode tcp
    option tcplog
    bind 127.0.0.1:${probe + 1}
    server s ${file}
`;
      await using proxy = await startEither(which, { config: config(probe, body), ports: [probe] });
      const answers = [
        await ask({ path: file }),
        await ask({ port: probe + 1, host: '127.0.0.1' }),
      ];
      const line = await lineMatching(proxy.out, / outer outer\/s /);
      await lineMatching(proxy.out, / inner inner\/s /);
      await lineMatching(proxy.out, / tcp tcp\/s /);
      seen.push([...answers, line.split(' ')[0]!, (statSync(file).mode & 0o777).toString(8)]);
    }
    expect(seen[0]).toEqual(['HTTP/1.1 200 OK', 'HTTP/1.1 200 OK', 'unix:1', '620']);
    expect(seen[1]).toEqual(seen[0]);
  });

  test('an abstract name means the same to HAProxy and to us', async () => {
    const name = `bramble-${process.pid}-both`;
    for (const [front, back] of [
      ['haproxy', 'bramble'],
      ['bramble', 'haproxy'],
    ] as [Which, Which][]) {
      const probe = await freePortRange(3);
      await using _inner = await startEither(back, {
        config: config(
          probe,
          `listen i\n    bind abns@${name}${back}\n    server s 127.0.0.1:${origin.port}\n`,
        ),
        ports: [probe],
      });
      await using _outer = await startEither(front, {
        config: config(
          probe + 1,
          `listen o\n    bind 127.0.0.1:${probe + 2}\n    server s abns@${name}${back}\n`,
        ),
        ports: [probe + 1],
      });
      expect(await ask({ port: probe + 2, host: '127.0.0.1' })).toBe('HTTP/1.1 200 OK');
    }
  });

  test('the file of a unix socket goes away with its process, not with its predecessor', async () => {
    const file = path.join(directory, 'own.sock');
    const probe = await freePortRange(2);
    const body = `listen l\n    bind ${file}\n    server s 127.0.0.1:${origin.port}\n`;
    const first = await startBalancer({ config: config(probe, body), ports: [probe] });
    await using second = await startBalancer({
      config: config(probe + 1, body),
      ports: [probe + 1],
    });
    await first.stop();
    expect(await ask({ path: file })).toBe('HTTP/1.1 200 OK');
    await second.stop();
    expect(existsSync(file)).toBe(false);
  });

  test('an inherited one', async () => {
    const server = net.createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
    const probe = await freePort();
    const file = path.join(directory, 'fd.cfg');
    writeFileSync(
      file,
      config(probe, `listen l\n    bind fd@3\n    server s 127.0.0.1:${origin.port}\n`),
    );
    const child = spawn(BALANCER_PROGRAM, ['-db', '-f', file], {
      stdio: ['ignore', 'ignore', 'inherit', fd],
    });
    const exited = once(child, 'exit');
    try {
      for (const end = Date.now() + 15_000; Date.now() < end; await sleep(50)) {
        if ((await ask({ port: probe, host: '127.0.0.1' })) !== 'ECONNREFUSED') break;
      }
      server.close();
      expect(await ask({ port, host: '127.0.0.1' })).toBe('HTTP/1.1 200 OK');
    } finally {
      child.kill('SIGKILL');
      await exited;
    }
  });
});

describe('handing over', () => {
  test('a second process takes the port while clients keep coming', async () => {
    const [port, probe] = [await freePort(), await freePort()];
    const file = path.join(directory, 'handover.cfg');
    writeFileSync(
      file,
      config(
        probe,
        `listen l\n    bind 127.0.0.1:${port}\n    server s 127.0.0.1:${origin.port}\n`,
      ),
    );
    const start = (...more: string[]) =>
      spawn(BALANCER_PROGRAM, ['-db', '-f', file, ...more], {
        stdio: ['ignore', 'ignore', 'inherit'],
      });
    let current = start();
    const answers = new Map<string, number>();
    let going = true;
    try {
      for (const end = Date.now() + 15_000; Date.now() < end; await sleep(50)) {
        if ((await ask({ port, host: '127.0.0.1' })) === 'HTTP/1.1 200 OK') break;
      }
      const clients = Array.from({ length: 4 }, async () => {
        while (going) {
          const answer = await ask({ port, host: '127.0.0.1' });
          answers.set(answer, (answers.get(answer) ?? 0) + 1);
        }
      });
      for (let round = 0; round < 3; round++) {
        const old = current;
        current = start('-sf', String(old.pid));
        await once(old, 'exit');
      }
      going = false;
      await Promise.all(clients);
    } finally {
      going = false;
      current.kill('SIGKILL');
      await once(current, 'exit');
    }
    console.log(`3 processes replaced under load: ${JSON.stringify(Object.fromEntries(answers))}`);
    expect([...answers.keys()]).toEqual(['HTTP/1.1 200 OK']);
  });

  test('a port that is held is refused to whoever replaces nobody', async () => {
    const [port, probe, other] = [await freePort(), await freePort(), await freePort()];
    const body = `listen l\n    bind 127.0.0.1:${port}\n    server s 127.0.0.1:${origin.port}\n`;
    await using _first = await startBalancer({ config: config(probe, body), ports: [probe] });
    await using second = await startBalancer({ config: config(other, body), ports: [] });
    expect(await lineMatching(second.err, /in use/)).toMatch(`l: port 127.0.0.1:${port} is in use`);
    expect(await second.exited).toBe(1);
  });
});
