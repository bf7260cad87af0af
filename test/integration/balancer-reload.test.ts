import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startBalancer } from '../support/balancer.ts';
import { freePorts } from '../support/ports.ts';
import { lineMatching, type ProxyProcess } from '../support/proxy-process.ts';
import { residentBytes } from '../support/resident.ts';
import { askRuntime, statRows } from '../support/runtime-socket.ts';

const CONNECTIONS = 1000;
const RELOADS = 50;
const CLIENTS = 8;

let directory: string;
let file: string;
let runtime: string;
let tcpPort: number;
let httpPort: number;
let extraPort: number;
const echoes: net.Server[] = [];
const origins: http.Server[] = [];

const portOf = (server: net.Server): number => (server.address() as net.AddressInfo).port;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'bramble-reload-'));
  file = path.join(directory, 'balancer.cfg');
  runtime = path.join(directory, 'runtime.sock');
  [tcpPort, httpPort, extraPort] = (await freePorts(3)) as [number, number, number];
  for (let index = 0; index < 3; index++) {
    const echo = net.createServer((socket) => {
      socket.on('error', () => undefined);
      socket.pipe(socket);
    });
    const origin = http.createServer((_request, response) => response.end(`origin ${index}`));
    origin.keepAliveTimeout = 60_000;
    for (const server of [echo, origin]) {
      server.listen(0, '127.0.0.1', 1024);
      await once(server, 'listening');
    }
    echoes.push(echo);
    origins.push(origin);
  }
});

afterAll(async () => {
  for (const origin of origins) {
    origin.closeAllConnections();
    origin.close();
  }
  for (const echo of echoes) echo.close();
  await rm(directory, { recursive: true, force: true });
});

/** The configuration of one round: other servers, weights and timeouts, and a frontend now and then. */
function configOf(round: number): string {
  const server = (name: string, port: number, more = ''): string =>
    `    server ${name} 127.0.0.1:${port} ${more}`;
  return `
global
    stats socket ${runtime} level admin
    maxconn 4000
defaults
    timeout connect 2s
    timeout client ${60 + round}s
    timeout server ${60 + round}s
frontend tcp
    mode tcp
    bind 127.0.0.1:${tcpPort}
    default_backend echo
backend echo
    mode tcp
    balance ${round % 3 === 2 ? 'leastconn' : 'roundrobin'}
${server('e0', portOf(echoes[0]!), `weight ${1 + (round % 5)}`)}
${round % 2 === 1 ? server('e1', portOf(echoes[1]!), 'check inter 200') : server('e2', portOf(echoes[2]!))}
frontend web
    mode http
    bind 127.0.0.1:${httpPort}
    default_backend pages
backend pages
    mode http
${server('o0', portOf(origins[0]!), `check inter 300 weight ${10 + round}`)}
${round % 2 === 0 ? server('o1', portOf(origins[1]!)) : server('o2', portOf(origins[2]!))}
${
  round % 2 === 1
    ? `listen extra${round}
    mode tcp
    bind 127.0.0.1:${extraPort}
${server('e0', portOf(echoes[0]!))}`
    : ''
}
`;
}

async function reload(proxy: ProxyProcess): Promise<string> {
  const from = proxy.err.length;
  process.kill(proxy.pid, 'SIGUSR2');
  return lineMatching(proxy.err, /Reload(ed|) (failed)?|Reloaded/, { from });
}

/** An established connection that counts what happens to it. */
class Held {
  readonly socket: net.Socket;
  ended = false;
  #waiting: ((text: string) => void) | undefined;

  constructor() {
    this.socket = net.connect(tcpPort, '127.0.0.1');
    this.socket.setEncoding('utf8');
    this.socket.on('data', (text: string) => this.#waiting?.(text));
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => {
      this.ended = true;
      this.#waiting?.('closed');
    });
  }

  ask(text: string): Promise<string> {
    const answer = new Promise<string>((resolve) => {
      this.#waiting = resolve;
    });
    this.socket.write(text);
    return answer;
  }
}

test('50 reloads reset no connection, fail no request and leave no memory behind', async () => {
  await writeFile(file, configOf(0));
  await using proxy = await startBalancer({ file, ports: [tcpPort, httpPort] });
  const held: Held[] = [];
  for (let from = 0; from < CONNECTIONS; from += 100) {
    const batch = Array.from({ length: 100 }, () => new Held());
    const answers = await Promise.all(batch.map((one) => one.ask('hello')));
    expect(new Set(answers)).toEqual(new Set(['hello']));
    held.push(...batch);
  }

  let stop = false;
  let requests = 0;
  const failures: string[] = [];
  const agent = new http.Agent({ keepAlive: true, maxSockets: CLIENTS });
  const client = async (index: number): Promise<void> => {
    while (!stop) {
      // Every third one on a connection of its own, as browsers come and go.
      const fresh = index % 3 === 0;
      try {
        const status = await get(fresh ? undefined : agent);
        if (status !== 200) failures.push(`status ${status}`);
      } catch (error) {
        failures.push(String(error));
      }
      requests += 1;
      await sleep(2);
    }
  };
  const load = Promise.all(Array.from({ length: CLIENTS }, (_, index) => client(index)));

  const memory: number[] = [];
  for (let round = 1; round <= RELOADS; round++) {
    await writeFile(file, configOf(round));
    expect(await reload(proxy)).toContain('Reloaded');
    if (round % 2 === 1) {
      const extra = net.connect(extraPort, '127.0.0.1');
      await once(extra, 'connect');
      extra.destroy();
    }
    if (round % 10 === 0) memory.push(residentBytes(proxy.pid));
  }
  stop = true;
  await load;
  agent.destroy();

  expect(held.filter(({ ended }) => ended)).toEqual([]);
  const answers = await Promise.all(held.map((one, index) => one.ask(`still ${index}`)));
  expect(answers).toEqual(held.map((_, index) => `still ${index}`));
  expect(failures).toEqual([]);
  expect(requests).toBeGreaterThan(RELOADS);

  const rows = await statRows(runtime);
  expect(rows.get('tcp/FRONTEND')).toMatchObject({ scur: String(CONNECTIONS) });
  expect(rows.get('echo/BACKEND')).toMatchObject({ scur: String(CONNECTIONS) });
  // Counted over all configurations.
  expect(Number(rows.get('web/FRONTEND')!.req_tot)).toBe(requests);
  const before = memory[0]!;
  const after = memory.at(-1)!;
  console.log(
    `${CONNECTIONS} connections held, ${requests} requests over ${RELOADS} reloads, ` +
      `0 failed; resident MB after 10, 20, … reloads: ${memory.map((each) => Math.round(each / 1e6)).join(' ')}`,
  );
  expect(after - before).toBeLessThan(60e6);

  for (const one of held) one.socket.destroy();
  for (let wait = 0; wait < 200; wait++) {
    if ((await statRows(runtime)).get('tcp/FRONTEND')?.scur === '0') break;
    await sleep(50);
  }
  const idle = await statRows(runtime);
  for (const name of ['tcp/FRONTEND', 'echo/BACKEND', 'echo/e0', 'web/FRONTEND', 'pages/o0']) {
    expect(idle.get(name), name).toMatchObject({ scur: '0' });
  }
});

function get(agent: http.Agent | undefined): Promise<number | undefined> {
  const options = agent ? { agent } : { agent: false as const };
  return new Promise((resolve, reject) => {
    const request = http.get({ host: '127.0.0.1', port: httpPort, path: '/', ...options });
    request.once('response', (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode));
      response.once('error', reject);
    });
    request.once('error', reject);
  });
}

describe('a reload', () => {
  test('with errors leaves the old configuration in force and says so', async () => {
    await writeFile(file, configOf(0));
    await using proxy = await startBalancer({ file, ports: [tcpPort, httpPort] });
    await writeFile(file, configOf(1).replace('default_backend pages', 'default_backend nowhere'));
    expect(await reload(proxy)).toContain('the old configuration stays in force');
    expect(proxy.err.join('\n')).toContain('nowhere');
    expect(await get(undefined)).toBe(200);
    expect((await statRows(runtime)).has('extra1/FRONTEND')).toBe(false);
    expect(await askRuntime(runtime, 'reload')).toMatch(/^Success=0\n--\n.*nowhere/s);
  });

  test('that cannot have an address changes nothing', async () => {
    await writeFile(file, configOf(0));
    await using proxy = await startBalancer({ file, ports: [tcpPort, httpPort] });
    const taken = portOf(echoes[2]!);
    await writeFile(file, configOf(1).replace(`:${extraPort}`, `:${taken}`));
    expect(await reload(proxy)).toContain('the old configuration stays in force');
    expect(proxy.err.join('\n')).toContain(`port 127.0.0.1:${taken} is in use`);
    expect(await get(undefined)).toBe(200);
    await writeFile(file, configOf(1));
    expect(await askRuntime(runtime, 'reload')).toMatch(/^Success=1/);
    expect((await statRows(runtime)).has('extra1/FRONTEND')).toBe(true);
  });

  test('keeps orders, weights, health and counters of servers that stay', async () => {
    await writeFile(file, configOf(0));
    await using proxy = await startBalancer({ file, ports: [tcpPort, httpPort] });
    for (let count = 0; count < 10; count++) expect(await get(undefined)).toBe(200);
    await askRuntime(runtime, 'set server pages/o0 state drain;set server echo/e0 weight 77');
    const before = await statRows(runtime);
    // The weight of `o0` changes in the file, that of `e0` (5 rounds on) does not.
    await writeFile(file, configOf(10));
    expect(await reload(proxy)).toContain('Reloaded');
    const after = await statRows(runtime);
    expect(after.get('pages/o0')).toMatchObject({ status: 'DRAIN', uweight: '20' });
    expect(after.get('pages/o0')!.stot).toBe(before.get('pages/o0')!.stot);
    expect(after.get('pages/BACKEND')!.stot).toBe(before.get('pages/BACKEND')!.stot);
    expect(after.get('echo/e0')).toMatchObject({ uweight: '77' });
    expect(after.get('pages/o0')!.check_status).toBe(before.get('pages/o0')!.check_status);
  });

  test('lets connections live on with the timeouts they began with', async () => {
    await writeFile(file, configOf(0));
    await using proxy = await startBalancer({ file, ports: [tcpPort, httpPort] });
    const old = new Held();
    expect(await old.ask('one')).toBe('one');
    const quick = configOf(0).replaceAll(/timeout (client|server) \d+s/g, 'timeout $1 300ms');
    await writeFile(file, quick);
    expect(await reload(proxy)).toContain('Reloaded');
    const fresh = new Held();
    expect(await fresh.ask('two')).toBe('two');
    await once(fresh.socket, 'close');
    expect(old.ended).toBe(false);
    expect(await old.ask('three')).toBe('three');
    old.socket.destroy();
  });

  test('closes what a removed frontend listened on, and lets its connections finish', async () => {
    await writeFile(file, configOf(1));
    await using proxy = await startBalancer({ file, ports: [tcpPort, httpPort, extraPort] });
    const extra = net.connect(extraPort, '127.0.0.1').setEncoding('utf8');
    await once(extra, 'connect');
    extra.write('a');
    await once(extra, 'data');
    await writeFile(file, configOf(0));
    expect(await reload(proxy)).toContain('Reloaded');
    const refused = net.connect(extraPort, '127.0.0.1');
    const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
    extra.write('b');
    expect(await once(extra, 'data')).toEqual(['b']);
    extra.destroy();
  });
});
