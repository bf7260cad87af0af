import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { BOTH, eventOf, sessionOf, type Which, withProxy } from '../support/side-by-side.ts';
import { Client, echo, nameOnData, Peer, until } from '../support/tcp-peers.ts';

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function peer(serve: (socket: net.Socket, name: string) => void): Promise<Peer> {
  const one = await new Peer('a', serve).start();
  cleanups.push(() => one.stop());
  return one;
}

/** A port whose listener is frozen and full: connections to it are never answered. */
async function silentPort(): Promise<number> {
  const child: ChildProcess = spawn(
    process.execPath,
    [
      '-e',
      `const s = require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 },
        () => console.log(s.address().port))`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  cleanups.push(async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  });
  const [data] = (await once(child.stdout!, 'data')) as [Buffer];
  const port = Number(data.toString());
  child.kill('SIGSTOP');
  for (let full = false; !full; ) {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('error', () => {});
    cleanups.push(() => void socket.destroy());
    full = await Promise.race([
      once(socket, 'connect').then(() => false),
      new Promise<boolean>((resolve) => setTimeout(resolve, 500, true)),
    ]);
  }
  return port;
}

interface Fate {
  lines: string[];
  error: string | undefined;
}

/** One connection through each proxy; what the log says of it, and what the client met. */
async function fates(
  body: string,
  act: (client: Client) => Promise<void> | void,
): Promise<{ haproxy: Fate; bramble: Fate }> {
  const run = (which: Which): Promise<Fate> =>
    withProxy(which, body, async (port, { out }) => {
      const client = new Client(port);
      await act(client);
      await until(() => out.length >= 1, 'a line');
      client.socket.destroy();
      return { lines: out.map(sessionOf), error: client.error };
    });
  const [haproxy, bramble] = await Promise.all(BOTH.map(run));
  return { haproxy: haproxy!, bramble: bramble! };
}

const listen = (port: number, more = ''): string =>
  `listen x\n bind 127.0.0.1:PORT\n${more}\n server a 127.0.0.1:${port}`;

describe('who ended it, in the log', () => {
  it('says cD for a client and sD for a server that stays silent', async () => {
    const quiet = await peer((socket) => {
      socket.resume();
      socket.on('end', () => socket.end());
    });
    const untilLetGo = async (it: Client): Promise<void> => {
      it.send('x');
      await until(() => it.socket.readableEnded, 'the end');
      it.socket.end();
    };
    const client = await fates(listen(quiet.port, ' timeout client 300'), untilLetGo);
    expect(client.bramble).toEqual(client.haproxy);
    expect(client.bramble.lines).toEqual(['x x/a N/N 0 cD 1/0/0 0 0/0']);
    const server = await fates(listen(quiet.port, ' timeout server 300'), untilLetGo);
    expect(server.bramble).toEqual(server.haproxy);
    expect(server.bramble.lines).toEqual(['x x/a N/N 0 sD 1/0/0 0 0/0']);
  });

  it('keeps a tunnel by its own timeout, and a half-closed one by the fin timeouts', async () => {
    const quiet = await peer((socket) => void socket.resume());
    const tunnel = await fates(
      listen(quiet.port, ' timeout client 200\n timeout server 200\n timeout tunnel 700'),
      async (it) => {
        const begun = Date.now();
        it.send('x');
        await until(() => it.socket.readableEnded, 'the end');
        expect(Date.now() - begun).toBeGreaterThan(600);
      },
    );
    expect(tunnel.bramble).toEqual(tunnel.haproxy);
    const fin = await fates(listen(quiet.port, ' timeout server-fin 300'), (it) => {
      it.send('x').socket.end();
    });
    expect(fin.bramble).toEqual(fin.haproxy);
    expect(fin.bramble.lines[0]).toContain(' sD ');
  });

  it('says sC, with the retries, for a server that never answers a connect', async () => {
    const port = await silentPort();
    const { haproxy, bramble } = await fates(
      listen(port, ' timeout connect 300\n retries 1'),
      (it) => void it.send('x'),
    );
    expect(bramble).toEqual(haproxy);
    expect(bramble.lines).toEqual(['x x/a N/-1 0 sC 1/0/0 1 0/0']);
  });

  it('says CC for a client that leaves during the connect, CD when it resets', async () => {
    const port = await silentPort();
    const leaves = await fates(listen(port), (it) => void it.socket.end());
    // HAProxy says so too, or goes on to sC, as the FIN comes before or after its SYN.
    expect(leaves.haproxy.lines[0]).toMatch(/ (CC|sC) /);
    expect(leaves.bramble.lines).toEqual(['x x/a N/-1 0 CC 1/0/0 0 0/0']);
    const resets = await fates(listen(port), async (it) => {
      await new Promise((resolve) => setTimeout(resolve, 100));
      it.socket.resetAndDestroy();
    });
    expect(resets.bramble).toEqual(resets.haproxy);
  });

  it('says CD for a client and SD for a server that resets, and the client sees the reset', async () => {
    const named = await peer(nameOnData);
    const client = await fates(listen(named.port), async (it) => {
      await it.send('x').answer();
      it.socket.resetAndDestroy();
    });
    expect(client.bramble).toEqual(client.haproxy);
    expect(client.bramble.lines).toEqual(['x x/a N/N 2 CD 1/0/0 0 0/0']);
    const cutting = await peer((socket) => {
      socket.once('data', () => {
        socket.write('partial', () => setTimeout(() => socket.resetAndDestroy(), 50));
      });
    });
    const server = await fates(listen(cutting.port), async (it) => {
      it.send('x');
      await until(() => it.socket.destroyed || it.socket.readableEnded, 'the end');
    });
    expect(server.bramble.lines).toEqual(server.haproxy.lines);
    expect(server.bramble.lines).toEqual(['x x/a N/N 7 SD 1/0/0 0 0/0']);
    expect(server.bramble.error).toBe('ECONNRESET');
  });
});

describe('a check', () => {
  it('times out on a server that never answers, as in HAProxy', async () => {
    const port = await silentPort();
    const body = `listen x
 bind 127.0.0.1:PORT
 option log-health-checks
 server a 127.0.0.1:${port} check inter 300 rise 1 fall 2`;
    const run = (which: Which): Promise<string[]> =>
      withProxy(which, body, async (_port, { out }) => {
        await until(() => out.some((line) => line.includes('no server')), 'it is down');
        return out.filter((line) => /Server|server/.test(line)).map(eventOf);
      });
    const [haproxy, bramble] = await Promise.all(BOTH.map(run));
    console.log(bramble);
    expect(bramble).toEqual(haproxy);
    expect(bramble![0]).toContain('Layer4 timeout');
  });
});

describe('bytes', () => {
  it('carries 10 MB each way through an echo, whatever the chunks', async () => {
    const echoes = await peer(echo);
    const data = randomBytes(10 * 1024 * 1024);
    const sent = createHash('sha256').update(data).digest('hex');
    const received = await withProxy('bramble', listen(echoes.port), async (port, { out }) => {
      const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      const hash = createHash('sha256');
      let bytes = 0;
      const ended = (async () => {
        for await (const chunk of socket as AsyncIterable<Buffer>) {
          hash.update(chunk);
          bytes += chunk.length;
          // Reads in fits and starts, so that both directions meet a full kernel.
          if (Math.random() < 0.02) await new Promise((resolve) => setTimeout(resolve, 5));
        }
      })();
      for (let at = 0; at < data.length; ) {
        const next = Math.min(data.length, at + 1 + Math.floor(Math.random() * 200_000));
        if (!socket.write(data.subarray(at, next))) await once(socket, 'drain');
        at = next;
      }
      socket.end();
      await ended;
      await until(() => out.length > 0, 'a line');
      return { bytes, hash: hash.digest('hex'), line: sessionOf(out[0]!) };
    });
    console.log(received);
    expect(received).toMatchObject({ bytes: data.length, hash: sent });
    expect(received.line).toBe(`x x/a N/N ${data.length} -- 1/0/0 0 0/0`);
  });

  it('stops reading from a server while its client does not read', async () => {
    let written = 0;
    const flood = await peer((socket) => {
      const block = Buffer.alloc(65_536);
      const fill = (): void => {
        while (written < 500e6 && !socket.destroyed) {
          written += block.length;
          if (!socket.write(block)) return;
        }
      };
      socket.on('drain', fill);
      fill();
    });
    await withProxy(
      'bramble',
      listen(flood.port, ' timeout client 1s'),
      async (port, { out, pid }) => {
        const client = net.connect(port, '127.0.0.1');
        client.on('error', () => {});
        client.pause();
        await until(() => out.length > 0, 'the client is given up');
        console.log(`taken from the server for a client that reads nothing: ${written} bytes`, pid);
        client.destroy();
        expect(out.map(sessionOf)[0]).toMatch(/ cD /);
        expect(written).toBeLessThan(30e6);
      },
    );
  });
});
