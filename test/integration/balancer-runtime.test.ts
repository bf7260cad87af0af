import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePortRange } from '../support/ports.ts';
import type { ProxyProcess } from '../support/proxy-process.ts';
import {
  DYNAMIC,
  PATTERNS,
  PROCESS,
  SET_SERVER,
  TABLES,
  VARIABLES,
  WEIGHTS,
} from '../support/runtime-cases.ts';
import { askRuntime } from '../support/runtime-socket.ts';
import { BOTH, startEither, type Which } from '../support/side-by-side.ts';
import { echo, Peer } from '../support/tcp-peers.ts';

interface Setup {
  proxy: ProxyProcess;
  socket: string;
  base: number;
}

const setups = new Map<Which, Setup>();
const peer = new Peer('peer', echo);
let directory: string;

/** One server that is up, one with an agent that nobody answers for, one disabled, one unchecked. */
const configOf = (base: number, socket: string): string => `
global
    stats socket ${socket} level admin mode 600
    stats timeout 30s
    log stdout format raw local0
    maxconn 500
    node nodeA
    description some text
defaults
    mode http
    timeout connect 2s
    timeout client 10s
    timeout server 10s
frontend f
    bind 127.0.0.1:${base}
    acl blocked src -f ${directory}/blocked.lst
    http-request deny if blocked
    http-request set-header X-Site %[hdr(host),map(${directory}/sites.map,none)]
    default_backend b
backend b
    balance roundrobin
    server s1 127.0.0.1:${peer.port} check inter 200
    server s2 127.0.0.1:${base + 7} weight 50 agent-check agent-port ${base + 8} agent-inter 1s
    server s3 127.0.0.1:${base + 9} disabled
backend fixed
    balance static-rr
    server a 127.0.0.1:${peer.port} weight 10
listen t
    mode tcp
    bind 127.0.0.1:${base + 1}
    balance leastconn
    stick-table type ip size 100 expire 10m store gpc0,conn_cnt,bytes_in_cnt
    tcp-request connection track-sc0 src
    server a 127.0.0.1:${peer.port}
listen probe
    mode tcp
    bind 127.0.0.1:${base + 2}
`;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'bramble-runtime-'));
  await peer.start();
  await writeFile(path.join(directory, 'blocked.lst'), '10.0.0.0/8\n192.168.1.1\n');
  await writeFile(path.join(directory, 'sites.map'), 'a.example one\nb.example two words\n');
  for (const which of BOTH) {
    const base = await freePortRange(10);
    const socket = path.join(directory, `${which}.sock`);
    const config = configOf(base, socket);
    const proxy = await startEither(which, { config, ports: [base + 2] });
    setups.set(which, { proxy, socket, base });
  }
  // The first checks, and the first question to the agent.
  await sleep(1000);
});

afterAll(async () => {
  for (const { proxy } of setups.values()) await proxy.stop('SIGKILL');
  await peer.stop();
  await rm(directory, { recursive: true, force: true });
});

/** The answers of both to the same lines, what depends on ports and pointers taken out. */
async function both(lines: string): Promise<Record<Which, string>> {
  const answers: Partial<Record<Which, string>> = {};
  for (const which of BOTH) {
    const { socket, base } = setups.get(which)!;
    const text = await askRuntime(socket, lines);
    let shown = text;
    for (let offset = 0; offset < 10; offset++) {
      shown = shown.replaceAll(String(base + offset), `BASE+${offset}`);
    }
    answers[which] = shown
      .replaceAll(socket, 'SOCKET')
      .replace(/ exp=\d+/g, ' exp=N')
      .replace(/^0x[0-9a-f]+: key/gm, 'POINTER: key')
      .replace(/0x[0-9a-f]{4,}/g, 'POINTER')
      .replace(/^0x[0-9a-f]+ /gm, 'POINTER ');
  }
  return answers as Record<Which, string>;
}

async function same(lines: string): Promise<string> {
  const { haproxy, bramble } = await both(lines);
  expect(bramble, lines).toBe(haproxy);
  return bramble;
}

describe('answers like HAProxy', () => {
  for (const [what, commands] of Object.entries({
    WEIGHTS,
    SET_SERVER,
    PROCESS,
    DYNAMIC,
    PATTERNS,
    TABLES,
    VARIABLES,
  })) {
    test(`to ${what.toLowerCase().replace('_', ' ')}`, async () => {
      const list = commands.replaceAll('DIR', directory).split('\n');
      for (const command of list) await same(command);
      console.log(`${list.length} commands on ${what.toLowerCase()} answered alike`);
    });
  }

  test('to every command at every level', async () => {
    const commands = [
      ...`${WEIGHTS}\n${PROCESS}`
        .split('\n')
        .filter((line) => /^(set|clear|shut|dis|show env)/.test(line)),
      'show sess',
      'show startup-logs',
      'add server b/q 1.1.1.1:1',
      'del server b/zz',
      'operator',
      'user',
    ];
    let denied = 0;
    for (const level of ['user', 'operator']) {
      for (const command of commands) {
        const { haproxy, bramble } = await both(`${level};${command}`);
        const refused = (text: string): boolean => text.includes('Permission denied');
        expect(refused(bramble), `${level}: ${command}`).toBe(refused(haproxy));
        if (refused(bramble)) denied += 1;
      }
    }
    console.log(`${commands.length} commands at two levels: ${denied} denied by both`);
  });

  test('to lines with several commands, prompts and payloads', async () => {
    for (const lines of [
      'show cli level;show cli level',
      'show cli level ; get weight b\nshow cli level',
      'prompt\nshow cli level\nget weight b;show cli level\nquit',
      'prompt\nuser\nshow env\nshow cli level\nquit',
      'operator',
      'quit',
      'show cli level;quit;show cli level',
      'show   cli   level   ',
      'set severity-output number;get weight b/zz;get weight b/s1',
      'set severity-output string;get weight b/zz;show cli level',
      `add map ${directory}/sites.map <<\nx.example ex\ny.example why\n\nshow map ${directory}/sites.map`,
      `prompt\nadd map ${directory}/sites.map <<\nz.example zed\n\nshow cli level\nquit`,
      'experimental-mode on;show cli level',
    ]) {
      await same(lines);
    }
  });

  test('to what is no command, in the first line and the last', async () => {
    for (const line of [
      'foo',
      'show foo',
      'set',
      'shutdown sessions',
      'help show cli',
      'help',
      '',
    ]) {
      const { haproxy, bramble } = await both(line);
      const [first, last] = [bramble, haproxy].map((text) => {
        const all = text.split('\n');
        return [all[0], all.slice(-5)];
      });
      expect(first, line).toEqual(last);
    }
    await same('help show cli');
  });
});

describe('statistics', () => {
  const CLOCK =
    /^(lastchg|downtime|lastsess|check_duration|agent_duration|.*rate(_max)?|.time(_max)?|smax|scur|stot|conn_tot)$/;
  /** What differs for reasons of its own. */
  const OTHERWISE =
    /^(need_conn_est|h1_.*|srv_icur|(idle|safe|used)_conn_cur|bin|bout|econ|status|weight|uweight|slim|act|chk.*|addr)$/;

  test('are in the same typed form', async () => {
    const { haproxy, bramble } = await both('show stat typed');
    const parse = (text: string): Map<string, string> =>
      new Map(
        text
          .split('\n')
          .filter((line) => line.includes(':'))
          .map((line) => {
            const [, key = '', value = ''] = /^([^:]+:[^:]+:[^:]+):(.*)$/.exec(line) ?? [];
            const name = key.split(/[.:]/)[4] ?? '';
            return [key, CLOCK.test(name) || OTHERWISE.test(name) ? '-' : value];
          }),
      );
    const [theirs, ours] = [parse(haproxy), parse(bramble)];
    const missing = [...theirs.keys()].filter((key) => !ours.has(key) && !/h1_|src_ilim/.test(key));
    const extra = [...ours.keys()].filter((key) => !theirs.has(key));
    expect({ missing, extra }).toEqual({ missing: [], extra: [] });
    for (const [key, value] of ours) expect(value, key).toBe(theirs.get(key));
    console.log(`${ours.size} typed figures of the same names, kinds and, clocks apart, values`);
  });

  test('are picked alike', async () => {
    for (const line of [
      'b 4 -1',
      'b 2 -1',
      '-1 1 -1',
      '2 1 -1',
      'b 4 2',
      '-1 4 -1',
      'b 6 -1',
      '-1 -1 -1 no-maint',
      '-1 -1 -1 up',
    ]) {
      const { haproxy, bramble } = await both(`show stat ${line}`);
      const names = (text: string): string[] =>
        text.split('\n').map((row) => row.split(',').slice(0, 2).join('/'));
      expect(names(bramble), line).toEqual(names(haproxy));
    }
  });

  test('in JSON have the same shape', async () => {
    const { haproxy, bramble } = await both('show stat json');
    type Field = { field: { name: string }; tags: object; value: { type: string } };
    const shape = (text: string): unknown =>
      (JSON.parse(text) as Field[][]).map((row) =>
        row
          // HAProxy shows a limit of idle connections for servers that were added.
          .filter(({ field }) => !/h1_|src_ilim/.test(field.name))
          .map(({ value, ...rest }) => ({ ...rest, type: value.type })),
      );
    expect(shape(bramble)).toEqual(shape(haproxy));
  });

  test('of the process bear the same names, kinds and positions', async () => {
    const { haproxy, bramble } = await both('show info typed');
    const keys = (text: string): string[] =>
      text.split('\n').flatMap((line) => /^(\d+\.[^:]+:...:\w+)/.exec(line)?.[1] ?? []);
    const theirs = new Set(keys(haproxy));
    const ours = keys(bramble);
    expect(ours.filter((key) => !theirs.has(key))).toEqual([]);
    expect(ours.length).toBeGreaterThan(25);
    const info = (await both('show info')).bramble;
    for (const line of ['Name: HAProxy', 'node: nodeA', 'description: some text', 'Stopping: 0']) {
      expect(info).toContain(line);
    }
    expect(JSON.parse((await both('show info json')).bramble)).toHaveLength(ours.length);
    console.log(`${ours.length} of HAProxy's ${theirs.size} fields of the process`);
  });

  test('of states and connections of servers are alike', async () => {
    const { haproxy, bramble } = await both('show servers state');
    const rows = (text: string): string[][] =>
      text.split('\n').map((line) => {
        const cells = line.split(' ');
        // Time since the last change.
        cells[9] &&= 'N';
        return cells;
      });
    expect(rows(bramble)).toEqual(rows(haproxy));
    const connections = await both('show servers conn b');
    const columns = (text: string): string[] =>
      text.split('\n').map((line) => line.split(' ').slice(0, 6).join(' '));
    expect(columns(connections.bramble)).toEqual(columns(connections.haproxy));
  });
});

describe('sessions', () => {
  test('are listed and ended', async () => {
    for (const which of BOTH) {
      const { socket, base } = setups.get(which)!;
      const client = net.connect(base + 1, '127.0.0.1');
      await once(client, 'connect');
      client.write('x');
      await once(client, 'data');
      const list = await askRuntime(socket, 'show sess');
      const { port } = client.address() as net.AddressInfo;
      const line = list.split('\n').find((one) => one.includes(`src=127.0.0.1:${port} `)) ?? '';
      expect(line, which).toMatch(/^0x\w+: proto=tcpv4 src=\S+ fe=t be=t srv=a /);
      const name = line.split(':')[0]!;
      expect(await askRuntime(socket, `show sess ${name}`), which).toContain(name);
      client.on('error', () => undefined);
      const gone = once(client, 'close');
      client.resume();
      await askRuntime(socket, `shutdown session ${name}`);
      await gone;
      const second = net.connect(base + 1, '127.0.0.1');
      await once(second, 'connect');
      second.on('error', () => undefined);
      second.write('x');
      await once(second, 'data');
      second.resume();
      const ended = once(second, 'close');
      await askRuntime(socket, 'shutdown sessions server t/a');
      await ended;
    }
  });
});

test('the socket has the rights that its line gives it, and none is served beyond maxconn', async () => {
  const { socket } = setups.get('bramble')!;
  const silent = Array.from({ length: 12 }, () => net.connect(socket));
  for (const one of silent) one.on('error', () => undefined);
  await Promise.all(
    silent.map((one) => (one.readyState === 'open' ? undefined : once(one, 'connect'))),
  );
  const late = askRuntime(socket, 'show cli level');
  expect(await Promise.race([late, sleep(200).then(() => 'waits')])).toBe('waits');
  for (const one of silent) one.destroy();
  expect(await late).toBe('admin\n\n');
});

test('whatever is sent to the socket, it answers the next one', async () => {
  const { socket } = setups.get('bramble')!;
  const pieces = [
    '\0\0\0',
    ';;;;;',
    '\\',
    '<<',
    'add map x <<',
    'set server \0/\0 addr',
    'show stat -1 -1 -1 -1',
    'show sess 0x99999999999999999999',
    'prompt;prompt;prompt',
    'add server b/x\u0000 127.0.0.1:1',
    'add server b/\'x 127.0.0.1:1 "',
    'add server b/#y 127.0.0.1:1',
    'set table t key \0 data.gpc0 99999999999999999',
    `help ${'x'.repeat(8000)}`,
    `show ${'a '.repeat(4000)}`,
  ];
  const random = (): string =>
    Array.from({ length: 4 }, () => pieces[Math.floor(Math.random() * pieces.length)]).join(
      [';', ' ', '\n'][Math.floor(Math.random() * 3)],
    );
  for (const piece of pieces) await askRuntime(socket, piece);
  // A line that is too long ends the session at once.
  for (let count = 0; count < 100; count++) await askRuntime(socket, random()).catch(() => '');
  // A line without end is not kept for ever.
  const flood = net.connect(socket);
  flood.on('error', () => undefined);
  flood.write('x'.repeat(200_000));
  flood.resume();
  await new Promise((resolve) => flood.once('close', resolve));
  expect(await askRuntime(socket, 'show cli level')).toBe('admin\n\n');
  expect(setups.get('bramble')!.proxy.err.join('\n')).not.toContain('crashed');
});
