import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GET, SHORT } from '../support/broken-http.ts';
import { requestOf, type Script, type Talk, talk } from '../support/http-peers.ts';
import { type HttpSetup, startHttp } from '../support/http-side-by-side.ts';
import { BOTH, type Which } from '../support/side-by-side.ts';
import { Client, echo, Peer, until } from '../support/tcp-peers.ts';

/** Status lines, end and log of one talk. */
async function outcome(setup: HttpSetup, pieces: string[], script: Script, how: Talk = {}) {
  setup.origin.script = script;
  const from = setup.proxy.out.length;
  const { text, end } = await talk(setup.port, pieces, { limit: 2500, ...how });
  await sleep(60);
  return {
    status: [...text.matchAll(/HTTP\/1\.[01] (\d{3})/g)].map(([, status]) => Number(status)),
    end,
    log: setup.proxy.out.slice(from).map(requestOf),
  };
}

async function onBoth<T>(use: (which: Which) => Promise<T>): Promise<[theirs: T, ours: T]> {
  const [haproxy, ours] = await Promise.all(BOTH.map(use));
  return [haproxy as T, ours as T];
}

describe('limits, side by side with HAProxy', () => {
  let setups: HttpSetup[];
  beforeAll(async () => {
    setups = await Promise.all(BOTH.map((which) => startHttp(which, { timeouts: SHORT })));
  });
  afterAll(async () => {
    await Promise.all((setups ?? []).map((setup) => setup[Symbol.asyncDispose]()));
  });

  const STUCK: Script = [];
  const CUT_BODY: Script = ['HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc'];
  const SWITCH: Script = [
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\npong',
  ];
  const UPGRADE = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n';
  const OK: Script = ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'];
  const cases: [name: string, pieces: string[], script: Script][] = [
    ['no request at all (cR, 408)', [], OK],
    ['half a head (cR, 408)', ['GET / HT'], OK],
    ['half a second head (cR, 408)', [`${GET}GET /`], OK],
    ['idle after an answer (closed in silence)', [GET], OK],
    ['server says nothing (sH, 504)', [GET], STUCK],
    ['server stops in its body (sD)', [GET], CUT_BODY],
    ['silent tunnel (cD)', [UPGRADE], SWITCH],
  ];
  test.each(cases)('%s', async (_name, pieces, script) => {
    const quiet = 1500;
    const [theirs, ours] = await Promise.all(
      setups.map((setup) => outcome(setup, pieces, script, { quiet })),
    );
    expect(ours).toEqual(theirs);
  });
});

test('FIN right behind three requests: all three are answered', async () => {
  const [theirs, ours] = await onBoth(async (which) => {
    await using setup = await startHttp(which);
    const client = new Client(setup.port);
    client.socket.end(GET.repeat(3));
    await client.closed;
    return client.received.toString().toLowerCase();
  });
  expect(ours).toBe(theirs);
  expect(ours.match(/200 ok/g)).toHaveLength(3);
});

test('a head byte by byte is one head', async () => {
  await using setup = await startHttp('bramble');
  const client = new Client(setup.port);
  client.socket.setNoDelay(true);
  for (const char of `GET / HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(300)}\r\n\r\n`) {
    client.send(char);
    await sleep(0);
  }
  await until(() => client.received.includes('ok'), 'the answer');
  client.socket.destroy();
  expect(setup.origin.received).toContain(`x: ${'y'.repeat(300)}\r\n`);
});

describe('a server that cannot be had', () => {
  test('refuses connections: retried, then 503 and SC', async () => {
    const [theirs, ours] = await onBoth(async (which) => {
      await using setup = await startHttp(which, { backend: '    retries 2' });
      await setup.origin.peer.stop();
      return await outcome(setup, [GET], [], { limit: 8000 });
    });
    expect(ours).toEqual(theirs);
    expect(ours.log).toEqual(['f b/s1 N/N/-1/-1 503 217 SC-- "GET / HTTP/1.1"']);
  });

  test('is full: the second waits, and gives up after timeout queue (503, sQ)', async () => {
    const [theirs, ours] = await onBoth(async (which) => {
      await using setup = await startHttp(which, { timeouts: SHORT, server: 'maxconn 1' });
      setup.origin.script = [];
      const first = new Client(setup.port).send(GET);
      await until(() => setup.origin.received !== '', 'the first request');
      const second = await outcome(setup, [GET], [], { limit: 1500 });
      first.socket.destroy();
      return second.log.filter((line) => line.includes('sQ'));
    });
    expect(ours).toEqual(theirs);
    expect(ours).toHaveLength(1);
  });
});

describe('connections to servers', () => {
  /** How many connections the server has seen after a fixed sequence. */
  async function connections(which: Which, option: string): Promise<number> {
    await using setup = await startHttp(which, { frontend: option });
    const keeping = new Client(setup.port);
    for (let i = 1; i <= 10; i++) {
      keeping.send(GET);
      await until(() => keeping.received.length >= i * 40, `answer ${i}`);
    }
    for (let i = 0; i < 5; i++) await talk(setup.port, [GET]);
    const three = [0, 1, 2].map(() => new Client(setup.port));
    for (let round = 1; round <= 4; round++) {
      for (const client of three) {
        client.send(GET);
        await until(() => client.received.length >= round * 40, `answer ${round}`);
      }
    }
    keeping.socket.destroy();
    for (const client of three) client.socket.destroy();
    return setup.origin.peer.accepted;
  }

  test.each([
    ['kept alive', ''],
    ['server-close', '    option http-server-close'],
    ['httpclose', '    option httpclose'],
  ])('as many as HAProxy opens: %s', async (name, option) => {
    if (name === 'httpclose') {
      const [theirs, ours] = await onBoth(async (which) => {
        await using setup = await startHttp(which, { frontend: option });
        const { end } = await talk(setup.port, [GET, GET]);
        return { end, accepted: setup.origin.peer.accepted };
      });
      expect(ours).toEqual(theirs);
      return;
    }
    const [theirs, ours] = await onBoth((which) => connections(which, option));
    console.log(`server connections for 27 requests, ${name}: HAProxy ${theirs}, ours ${ours}`);
    expect(ours).toBe(theirs);
  });

  test('one that the server has closed meanwhile costs no request', async () => {
    await using setup = await startHttp('bramble');
    const client = new Client(setup.port);
    for (let i = 1; i <= 50; i++) {
      client.send(GET);
      await until(() => client.received.length >= i * 40, `answer ${i}`);
      for (const socket of setup.origin.peer.sockets) socket.resetAndDestroy();
    }
    client.socket.destroy();
    expect(client.received.toString().match(/200 OK/g)).toHaveLength(50);
  });
});

describe('bodies and upgrades', () => {
  const SIZE = 20 * 1024 * 1024;

  test.each(['content-length', 'chunked'])('20 MB there and back, %s', async (framing) => {
    const body = randomBytes(SIZE);
    const want = createHash('sha256').update(body).digest('hex');
    const peer = await new Peer('echo', (socket) => {
      // What follows the head goes back as it comes, framing included.
      let head = '';
      const onHead = (data: Buffer): void => {
        head += data.toString('latin1');
        const end = head.indexOf('\r\n\r\n');
        if (end < 0) return;
        socket.off('data', onHead);
        const length =
          framing === 'chunked' ? 'Transfer-Encoding: chunked' : `Content-Length: ${SIZE}`;
        socket.write(`HTTP/1.1 200 OK\r\n${length}\r\n\r\n`);
        socket.write(Buffer.from(head.slice(end + 4), 'latin1'));
        echo(socket);
      };
      socket.on('data', onHead);
    }).start();
    await using echoing = await startHttp('bramble', {
      backend: `    server big 127.0.0.1:${peer.port}`,
      server: 'backup',
    });
    const hash = await new Promise<string>((resolve, reject) => {
      const request = new Client(echoing.port);
      request.socket.on('error', reject);
      const head = framing === 'chunked' ? 'Transfer-Encoding: chunked' : `Content-Length: ${SIZE}`;
      request.socket.write(`POST / HTTP/1.1\r\nHost: a\r\n${head}\r\n\r\n`);
      request.socket.removeAllListeners('data');
      const parts: Buffer[] = [];
      let size = 0;
      request.socket.on('data', (data: Buffer) => {
        parts.push(data);
        size += data.length;
        if (size < SIZE) return;
        const answer = decode(Buffer.concat(parts), framing === 'chunked');
        if (answer) resolve(createHash('sha256').update(answer).digest('hex'));
      });
      if (framing !== 'chunked') request.socket.write(body);
      else {
        for (let at = 0; at < SIZE; at += 100_000) {
          const part = body.subarray(at, at + 100_000);
          request.socket.write(`${part.length.toString(16)}\r\n`);
          request.socket.write(part);
          request.socket.write('\r\n');
        }
        request.socket.write('0\r\n\r\n');
      }
    });
    await peer.stop();
    expect(hash).toBe(want);
  });

  function decode(all: Buffer, chunked: boolean): Buffer | undefined {
    const from = all.indexOf('\r\n\r\n') + 4;
    const rest = all.subarray(from);
    if (!chunked) return rest.length >= SIZE ? rest : undefined;
    const parts: Buffer[] = [];
    for (let at = 0; at < rest.length; ) {
      const line = rest.indexOf('\r\n', at);
      if (line < 0) return undefined;
      const size = Number.parseInt(rest.toString('latin1', at, line), 16);
      if (size === 0) return Buffer.concat(parts);
      parts.push(rest.subarray(line + 2, line + 2 + size));
      at = line + 2 + size + 2;
    }
    return undefined;
  }

  test('100-continue comes from the server, before the body goes there', async () => {
    const seen = await onBoth(async (which) => {
      await using setup = await startHttp(which);
      setup.origin.script = ['HTTP/1.1 100 Continue\r\n\r\n'];
      const client = new Client(setup.port).send(
        'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n',
      );
      await until(() => client.received.includes('100 Continue'), 'the 100');
      setup.origin.script = ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'];
      setup.origin.received = '';
      client.send('body');
      await until(() => setup.origin.received === 'body', 'the body');
      for (const socket of setup.origin.peer.sockets)
        socket.write(setup.origin.script[0] as string);
      await until(() => client.received.includes('\r\n\r\nok'), 'the answer');
      client.socket.destroy();
      return client.received.toString().toLowerCase();
    });
    expect(seen[1]).toBe(seen[0]);
  });

  test('a WebSocket carries bytes both ways, and each FIN is passed on', async () => {
    const [theirs, ours] = await onBoth(async (which) => {
      await using setup = await startHttp(which);
      setup.origin.script = [
        'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
          'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n',
      ];
      const client = new Client(setup.port).send(
        'GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
          'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
      );
      await until(() => client.received.includes('\r\n\r\n'), 'the 101');
      const [socket] = setup.origin.peer.sockets;
      socket?.on('data', (data: Buffer) => socket.write(data));
      for (let i = 0; i < 100; i++) client.send(`frame ${String(i).padStart(3)} `);
      await until(() => client.received.includes('frame  99'), 'the echo');
      client.socket.end();
      await client.closed;
      await until(() => setup.proxy.out.some((line) => line.includes('/chat')), 'the log line');
      return {
        text: client.received.toString().toLowerCase(),
        log: setup.proxy.out.map(requestOf),
      };
    });
    expect(ours).toEqual(theirs);
  });
});
