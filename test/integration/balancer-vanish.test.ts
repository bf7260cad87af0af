import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OK, requestOf, type Script } from '../support/http-peers.ts';
import { type HttpSetup, startHttp } from '../support/http-side-by-side.ts';
import { BOTH } from '../support/side-by-side.ts';
import { Client, until } from '../support/tcp-peers.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const POST = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n';
const CHUNKED = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
const SILENT: Script = [];
const HALF: Script = ['HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc'];
const HALF_CHUNK: Script = ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc'];
const SWITCH: Script = [
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\npong',
];
const UPGRADE = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n';

interface Stage {
  name: string;
  script: Script;
  /** Sent, with what is to be seen before the next piece or the end: by the server, the client. */
  pieces: readonly string[];
  sees?: { origin?: string; client?: string };
  /**
   * What the log says where the client resets. HAProxy, which is not reading then, learns of it when
   * it next writes; we see it at once and give the server's place back.
   */
  reset?: RegExp;
}

const STAGES: readonly Stage[] = [
  { name: 'before its first byte', script: OK, pieces: [] },
  { name: 'in its first line', script: OK, pieces: ['GET / HT'] },
  { name: 'in its head', script: OK, pieces: ['GET / HTTP/1.1\r\nHost: a\r\nX: y'] },
  { name: 'in its body', script: SILENT, pieces: [`${POST}abc`], sees: { origin: 'abc' } },
  {
    name: 'in a chunk',
    script: SILENT,
    pieces: [`${CHUNKED}5\r\nab`],
    sees: { origin: '\r\n\r\n' },
  },
  {
    name: 'behind its request',
    script: SILENT,
    pieces: [GET],
    sees: { origin: '\r\n\r\n' },
    reset: / -1 0 CH-- /,
  },
  {
    name: 'behind its body',
    script: SILENT,
    pieces: [`${POST}0123456789`],
    sees: { origin: '9' },
    reset: / -1 0 CH-- /,
  },
  {
    name: 'in the response',
    script: HALF,
    pieces: [GET],
    sees: { client: 'abc' },
    reset: / 200 \d+ CD-- /,
  },
  {
    name: 'in a chunk of it',
    script: HALF_CHUNK,
    pieces: [GET],
    sees: { client: 'abc' },
    reset: / 200 \d+ CD-- /,
  },
  { name: 'in both bodies', script: HALF, pieces: [`${POST}abc`], sees: { client: 'abc' } },
  { name: 'behind the response', script: OK, pieces: [GET], sees: { client: 'ok' } },
  { name: 'in its second head', script: OK, pieces: [`${GET}GET /`], sees: { client: 'ok' } },
  { name: 'in a tunnel', script: SWITCH, pieces: [UPGRADE], sees: { client: 'pong' } },
];

const LEAVES = {
  FIN: (client: Client) => void client.socket.end(),
  RST: (client: Client) => void client.socket.resetAndDestroy(),
} as const;
type Leave = keyof typeof LEAVES;

/** Log lines without times, and all that the client got, once everything is over. */
async function vanish(setup: HttpSetup, stage: Stage, how: Leave, settle = 80) {
  const { origin, proxy, port } = setup;
  origin.script = stage.script;
  origin.received = '';
  const from = proxy.out.length;
  const client = new Client(port);
  for (const piece of stage.pieces) client.send(piece);
  const { sees = {} } = stage;
  if (sees.origin) await until(() => origin.received.includes(sees.origin!), 'the request');
  if (sees.client) await until(() => client.received.includes(sees.client!), 'the response');
  // Behind all that the proxy has been sent, so that it is no race; where nothing shows that it has
  // read, a busy machine needs longer.
  await sleep(stage.sees ? 40 : 250);
  LEAVES[how](client);
  await sleep(settle);
  // Whoever still waits for the server waits in vain.
  for (const socket of origin.peer.sockets) socket.destroy();
  await until(() => proxy.out.length > from, 'a line of the log', 3000).catch(() => undefined);
  await sleep(30);
  client.socket.destroy();
  return {
    log: proxy.out.slice(from).map(withoutTimes),
    got: how === 'RST' ? undefined : statusLines(client.received.toString()),
  };
}

/** A time is there or not as the end comes between two phases, which is nobody's promise. */
const withoutTimes = (line: string): string => requestOf(line).replace(/ [-N\d/]+\/\S+ /, ' ');
const statusLines = (text: string): string[] =>
  [...text.matchAll(/HTTP\/1\.1 \d{3}/g)].map(([line]) => line);

describe('a client that vanishes, side by side with HAProxy', () => {
  let setups: HttpSetup[];
  beforeAll(async () => {
    setups = await Promise.all(BOTH.map((which) => startHttp(which)));
  });
  afterAll(async () => {
    await Promise.all((setups ?? []).map((setup) => setup[Symbol.asyncDispose]()));
  });

  describe.each(Object.keys(LEAVES) as Leave[])('%s', (how) => {
    test.each(STAGES.map((stage) => [stage.name, stage] as const))('%s', async (_name, stage) => {
      const [theirs, ours] = await Promise.all(setups.map((setup) => vanish(setup, stage, how)));
      console.log(`${how} ${stage.name}: ${ours?.log.join(' | ') || 'no line'}`);
      if (how === 'FIN' || !stage.reset) expect(ours).toEqual(theirs);
      else expect(ours?.log).toEqual([expect.stringMatching(stage.reset)]);
    });
  });
});

describe.each([
  ['as it comes', ''],
  ['option abortonclose', '    option abortonclose'],
])('a client that vanishes from the queue, %s', (name, option) => {
  test.each(Object.keys(LEAVES) as Leave[])('%s', async (how) => {
    const outcomes = await Promise.all(
      BOTH.map(async (which) => {
        const timeouts = `    timeout queue 400ms\n${option}`;
        const more = { server: 'maxconn 1', timeouts };
        await using setup = await startHttp(which, more);
        setup.origin.script = SILENT;
        const first = new Client(setup.port).send(GET);
        await until(() => setup.origin.received !== '', 'the first request');
        const from = setup.proxy.out.length;
        const second = new Client(setup.port).send('GET /queued HTTP/1.1\r\nHost: a\r\n\r\n');
        await sleep(80);
        LEAVES[how](second);
        await until(() => setup.proxy.out.length > from, 'its line');
        const log = setup.proxy.out.slice(from).map(requestOf);
        // Its place in the queue is free again: the next one gets the server.
        setup.origin.script = OK;
        for (const socket of setup.origin.peer.sockets) socket.destroy();
        const third = new Client(setup.port).send(GET);
        await until(() => third.received.includes('200 OK'), 'the third');
        for (const client of [first, second, third]) client.socket.destroy();
        return log;
      }),
    );
    console.log(`${how} in the queue: ${outcomes[1]?.join(' | ')}`);
    // As above: without the option HAProxy lets a reset client wait.
    if (how === 'RST' && name === 'as it comes') {
      expect(outcomes[1]).toEqual([expect.stringContaining(' -1 0 CQ-- ')]);
    } else expect(outcomes[1]).toEqual(outcomes[0]);
  });
});

test('option abortonclose tells a client that ended, and still listens, while its server thinks', async () => {
  const stage: Stage = {
    name: 'waiting',
    script: SILENT,
    pieces: [GET],
    sees: { origin: 'GET /' },
  };
  const [theirs, ours] = await Promise.all(
    BOTH.map(async (which) => {
      await using setup = await startHttp(which, { timeouts: '    option abortonclose' });
      return await vanish(setup, stage, 'FIN', 400);
    }),
  );
  expect(ours).toEqual(theirs);
  expect(ours?.got).toEqual(['HTTP/1.1 400']);
});
