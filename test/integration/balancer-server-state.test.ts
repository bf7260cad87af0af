import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatStates, parseStates } from '../../services/balancer/checks/server-state.ts';
import { Backend } from '../../services/balancer/servers/backend.ts';
import { checkConfig, proxyConfig } from '../support/balancer-config.ts';
import { startHaproxy } from '../support/haproxy.ts';
import { freePort, freePorts } from '../support/ports.ts';
import { startEither, type Which } from '../support/side-by-side.ts';
import { echo, Peer, until } from '../support/tcp-peers.ts';

const NAMES = ['plain', 'maint', 'drain', 'weight', 'down', 'gone'];

/** One process is asked for the state of its servers; the next ones start with that. */
describe('a state file of HAProxy', () => {
  let directory: string;
  let peer: Peer;

  const servers = (dead: number): string =>
    NAMES.map(
      (name) =>
        ` server ${name} 127.0.0.1:${name === 'down' ? dead : peer.port} weight 100 check inter 20s`,
    ).join('\n');
  const config = (
    ports: readonly number[],
    global: string,
    dead: number,
    extra = '',
  ): string => `global
${global}
defaults
 timeout connect 1s
 timeout client 2s
 timeout server 2s
listen b
 bind 127.0.0.1:${ports[0]}
 ${extra}
${servers(dead)}
listen stats
 mode http
 bind 127.0.0.1:${ports[1]}
 stats uri /
`;

  const say = (socket: string, command: string): Promise<string> =>
    new Promise((resolve, reject) => {
      let text = '';
      net
        .connect(socket)
        .on('data', (data) => {
          text += String(data);
        })
        .on('end', () => resolve(text))
        .on('error', reject)
        .end(`${command}\n`);
    });

  beforeAll(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'bramble-state-'));
    peer = await new Peer('server', echo).start();
    const ports = await freePorts(2);
    const socket = path.join(directory, 'socket');
    const dead = await freePort();
    const text = config(ports, ` stats socket ${socket} level admin`, dead).replaceAll(
      'inter 20s',
      'inter 200',
    );
    await using haproxy = await startHaproxy({ config: text, ports: [ports[1]!] });
    // It takes its name once all is bound, which may be after the port answers.
    await until(() => existsSync(socket), 'the socket');
    await say(socket, 'set server b/maint state maint');
    await say(socket, 'set server b/drain state drain');
    await say(socket, 'set server b/weight weight 37');
    for (const end = Date.now() + 10_000; Date.now() < end; await sleep(50)) {
      if (/ b 5 down 127.0.0.1 0 /.test(await say(socket, 'show servers state'))) break;
    }
    await writeFile(path.join(directory, 'all'), await say(socket, 'show servers state'));
    await haproxy.stop();
  }, 40_000);
  afterAll(async () => {
    await peer.stop();
    await rm(directory, { recursive: true, force: true });
  });

  async function start(which: Which, global: string, extra: string): Promise<string[]> {
    const ports = await freePorts(2);
    const text = config(ports, global, peer.port, extra);
    await using proxy = await startEither(which, { config: text, ports: [ports[1]!] });
    const url = `http://127.0.0.1:${ports[1]}/;csv`;
    const csv = await (await fetch(url, { headers: { connection: 'close' } })).text();
    const [head = '', ...rows] = csv.split('\n');
    const columns = head.slice(2).split(',');
    await proxy.stop('SIGKILL');
    return rows
      .filter((row) => row.startsWith('b,') && !/FRONTEND|BACKEND/.test(row))
      .map((row) => {
        const cells = row.split(',');
        return ['svname', 'status', 'weight'].map((name) => cells[columns.indexOf(name)]).join(' ');
      });
  }

  test.each([
    [
      'global',
      (dir: string) => ` server-state-file ${dir}/all`,
      'load-server-state-from-file global',
    ],
    [
      'local, below the base',
      (dir: string) => ` server-state-base ${dir}`,
      'load-server-state-from-file local\n server-state-file-name all',
    ],
    ['none', (dir: string) => ` server-state-file ${dir}/all`, 'load-server-state-from-file none'],
  ])('is taken over: %s', async (_name, global, extra) => {
    const [haproxy, ours] = await Promise.all([
      start('haproxy', global(directory), extra),
      start('bramble', global(directory), extra),
    ]);
    expect(ours).toEqual(haproxy);
    expect(haproxy).toHaveLength(NAMES.length);
  });

  /** Operational state and health of all servers but the first, which is checked at once. */
  const STANDS: readonly (readonly (readonly [operational: number, health: number])[])[] = [
    [
      [2, 3],
      [2, 2],
      [2, 0],
      [0, 0],
      [0, 1],
    ],
    [
      [1, 0],
      [1, 1],
      [1, 2],
      [1, 4],
      [3, 4],
    ],
    [
      [3, 0],
      [2, 9],
      [0, 9],
      [1, 9],
      [3, 9],
    ],
  ];
  test.each(STANDS.map((stands) => [JSON.stringify(stands), stands] as const))(
    'says where each stands: %s',
    async (_name, stands) => {
      const lines = (await readFile(path.join(directory, 'all'), 'utf8')).split('\n');
      const changed = lines.map((line) => {
        const words = line.split(' ');
        const stand = words[1] === 'b' ? stands[NAMES.indexOf(words[3]!) - 1] : undefined;
        if (!stand) return line;
        [words[5], words[6], words[12]] = [String(stand[0]), '0', String(stand[1])];
        return words.join(' ');
      });
      const file = path.join(directory, 'stands');
      await writeFile(file, changed.join('\n'));
      const [haproxy, ours] = await Promise.all([
        start('haproxy', ` server-state-file ${file}`, 'load-server-state-from-file global'),
        start('bramble', ` server-state-file ${file}`, 'load-server-state-from-file global'),
      ]);
      // What is starting serves with no check passed, which HAProxy shows as none of three.
      const shown = haproxy.map((line) => line.replace('UP 0/3', 'UP 1/3'));
      expect(ours.slice(1)).toEqual(shown.slice(1));
    },
  );

  test('is read whole, and written again as HAProxy writes it', async () => {
    const text = await readFile(path.join(directory, 'all'), 'utf8');
    const states = parseStates(text).filter(({ backend }) => backend === 'b');
    expect(states.map(({ name }) => name)).toEqual(NAMES);
    const backend = new Backend(
      proxyConfig(
        states.map(({ name, port }) => ({ name, port, weight: 100, check: checkConfig() })),
        { name: 'b', id: 2 },
      ),
      () => {},
    );
    const written = formatStates([backend]).split('\n');
    const [version, columns, first] = text.split('\n');
    expect(written.slice(0, 2)).toEqual([version, columns!.trimEnd()]);
    expect(written[2]!.split(' ')).toHaveLength(first!.trim().split(' ').length);
    expect(parseStates(written.join('\n')).map(({ name }) => name)).toEqual(NAMES);
  });
});
