import { once } from 'node:events';
import http from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePorts } from '../support/ports.ts';
import { BOTH, startEither } from '../support/side-by-side.ts';

/** Where the servers are; the proxies listen on 127.0.0.1, at the same ports. */
const SERVERS = '127.0.0.2';

let first = 0;
let second = 0;
let fixed = 0;
const servers: http.Server[] = [];

async function serve(host: string, port: number): Promise<void> {
  const server = http.createServer((_, response) => response.end(`${host}:${port}`));
  server.listen(port, host);
  await once(server, 'listening');
  servers.push(server);
}

beforeAll(async () => {
  [first, second, fixed] = (await freePorts(3)) as [number, number, number];
  await serve(SERVERS, first);
  await serve(SERVERS, second);
  await serve('127.0.0.1', fixed);
});

afterAll(() => {
  for (const server of servers) server.close();
});

const get = (port: number, agent: http.Agent): Promise<string> =>
  new Promise((resolve, reject) => {
    const request = http.get({ host: '127.0.0.1', port, agent }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve(text));
    });
    request.on('error', reject);
  });

describe.each(BOTH)('%s', (which) => {
  /** The answers through one proxy: its first port twice, its second twice, in turns. */
  async function answers(mode: string, server: string): Promise<string[]> {
    const config = `
defaults
    mode ${mode}
    timeout connect 2s
    timeout client 5s
    timeout server 5s
listen all
    bind 127.0.0.1:${first}
    bind 127.0.0.1:${second}
    http-reuse always
    server one ${server}
`;
    await using _ = await startEither(which, { config, ports: [first, second] });
    const agent = new http.Agent({ keepAlive: mode === 'http' });
    const seen: string[] = [];
    for (const port of [first, second, first, second]) seen.push(await get(port, agent));
    agent.destroy();
    return seen;
  }

  test.each(['tcp', 'http'])('a server without a port has its client’s, mode %s', async (mode) => {
    const at = (port: number) => `${SERVERS}:${port}`;
    const same = [at(first), at(second), at(first), at(second)];
    for (const written of [SERVERS, `${SERVERS}:`, `${SERVERS}:+0`, `${SERVERS}:0`]) {
      expect(await answers(mode, written), written).toEqual(same);
    }
  });

  test('and one with an offset has that port moved', async () => {
    const distance = second - first;
    const config = `
defaults
    mode tcp
    timeout connect 2s
    timeout client 5s
    timeout server 5s
listen moved
    bind 127.0.0.1:${first}
    server one ${SERVERS}:${distance < 0 ? distance : `+${distance}`}
`;
    await using _ = await startEither(which, { config, ports: [first] });
    expect(await get(first, new http.Agent())).toBe(`${SERVERS}:${second}`);
  });

  test.each(['*', '0.0.0.0'])('a server at %s has its client’s address', async (host) => {
    for (const mode of ['tcp', 'http']) {
      const seen = await answers(mode, `${host}:${fixed}`);
      expect(new Set(seen)).toEqual(new Set([`127.0.0.1:${fixed}`]));
    }
  });

  test('without a port of its own it cannot be checked', async () => {
    const config = (more: string) => `
defaults
    mode tcp
    timeout connect 2s
    timeout client 5s
    timeout server 5s
listen all
    bind 127.0.0.1:${first}
    ${more}
`;
    const none = config(`server one ${SERVERS} check`);
    await expect(startEither(which, { config: none, ports: [first] })).rejects.toThrow(
      "proxy 'all': server 'one' has neither service port nor check port",
    );
    const own = config(`server one ${SERVERS} check port ${fixed}`);
    await using _ = await startEither(which, { config: own, ports: [first] });
  });
});
