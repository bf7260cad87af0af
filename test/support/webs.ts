import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { freePortRange } from './ports.ts';
import type { ProxyProcess } from './proxy-process.ts';
import { BOTH, startEither, type Which } from './side-by-side.ts';

export type Respond = (request: http.IncomingMessage, response: http.ServerResponse) => void;

/** A web server of a test; its port stays the same over `stop` and `start`. */
export class Web {
  readonly name: string;
  /** What answers; says its name where nothing else is set. */
  respond: Respond = (request, response) => {
    request.resume().on('end', () => response.end(this.name));
  };
  /** Requests so far. */
  requests = 0;
  port = 0;
  #server: http.Server | undefined;

  constructor(name: string) {
    this.name = name;
  }

  async start(): Promise<this> {
    const server = http.createServer((request, response) => {
      this.requests += 1;
      this.respond(request, response);
    });
    server.listen(this.port, '127.0.0.1');
    await once(server, 'listening');
    this.port = (server.address() as AddressInfo).port;
    this.#server = server;
    return this;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
}

/** Web servers named by the letters. */
export const startWebs = (names: string): Promise<Web[]> =>
  Promise.all([...names].map((name) => new Web(name).start()));

export interface Ask {
  path?: string;
  method?: string;
  headers?: Record<string, string | string[]>;
  body?: string;
  /** Address of ours to come from. */
  from?: string;
}

export interface Reply {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: string;
}

export const ask = (port: number, one: Ask = {}, agent: http.Agent | false = false) =>
  new Promise<Reply>((resolve, reject) => {
    const { path = '/', method = 'GET', headers = {}, body, from } = one;
    const options = {
      port,
      host: '127.0.0.1',
      path,
      method,
      headers: { host: 'www.example.org', ...headers },
      agent,
      ...(from === undefined ? {} : { localAddress: from }),
    };
    const request = http.request(options, (response) => {
      let text = '';
      response.setEncoding('latin1').on('data', (part: string) => {
        text += part;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode!, headers: response.headers, body: text }),
      );
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });

/** Asks one after the other, on one connection; the answers' texts, ! for what is not 200. */
export async function askAll(port: number, asks: readonly Ask[]): Promise<string> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  let order = '';
  for (const one of asks) {
    const { status, body } = await ask(port, one, one.from === undefined ? agent : false);
    order += status === 200 ? body : '!';
  }
  agent.destroy();
  return order;
}

const HEAD = `
global
    log stdout format raw local0
    maxconn 1000
defaults
    mode http
    log global
    option httplog
    timeout connect 2s
    timeout client 20s
    timeout server 20s
    timeout queue 5s
`;

/** Runs one proxy with a `listen` for each of the bodies, named x0, x1 and so on. */
export async function withListens<T>(
  which: Which,
  bodies: readonly string[],
  use: (ports: readonly number[], proxy: ProxyProcess) => Promise<T>,
): Promise<T> {
  const first = await freePortRange(bodies.length + 1);
  const ports = bodies.map((_, i) => first + i);
  const probe = first + bodies.length;
  const config = [
    HEAD,
    ...bodies.map((body, i) => `listen x${i}\n bind 127.0.0.1:${ports[i]}\n${body}\n`),
    `listen probe\n mode tcp\n no log\n bind 127.0.0.1:${probe}\n`,
  ].join('\n');
  await using proxy = await startEither(which, { config, ports: [probe] });
  return await use(ports, proxy);
}

/** The same scenario with HAProxy and with us. */
export async function both<T>(
  scenario: (which: Which) => Promise<T>,
): Promise<{ haproxy: T; bramble: T }> {
  const results = new Map<Which, T>();
  for (const which of BOTH) results.set(which, await scenario(which));
  return { haproxy: results.get('haproxy')!, bramble: results.get('bramble')! };
}

/** The same at once, for scenarios that share nothing: neither ports nor servers. */
export async function together<T>(
  scenario: (which: Which) => Promise<T>,
): Promise<{ haproxy: T; bramble: T }> {
  const [haproxy, bramble] = await Promise.all([scenario('haproxy'), scenario('bramble')]);
  return { haproxy, bramble };
}
