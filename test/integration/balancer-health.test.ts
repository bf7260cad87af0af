import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { freePort, freePorts } from '../support/ports.ts';
import { lineMatching, type ProxyProcess } from '../support/proxy-process.ts';
import { BOTH, eventOf, startEither, type Which } from '../support/side-by-side.ts';
import { Client, echo, Peer, until } from '../support/tcp-peers.ts';

type Row = Record<string, string>;

/** A running proxy with what the tests ask of it. */
class Subject {
  readonly proxy: ProxyProcess;
  readonly #stats: number;

  constructor(proxy: ProxyProcess, stats: number) {
    this.proxy = proxy;
    this.#stats = stats;
  }

  /** Lines about the servers of these proxies, durations taken out. */
  events(...names: string[]): string[] {
    const known = new RegExp(`[ '](?:${names.join('|')})[/ ']`);
    return this.proxy.out
      .filter((line) => /server|proxy/i.test(line) && known.test(line) && !/\]/.test(line))
      .map(eventOf);
  }

  async row(proxy: string, server: string): Promise<Row> {
    const csv = await (await fetch(`http://127.0.0.1:${this.#stats}/;csv`)).text();
    const [head = '', ...rows] = csv.split('\n');
    const cells = rows.find((row) => row.startsWith(`${proxy},${server},`))?.split(',') ?? [];
    const names = head.slice(2).split(',');
    return Object.fromEntries(names.map((name, index) => [name, cells[index] ?? '']));
  }

  /** While a check runs its row tells less: such a row is read again. */
  async columns(proxy: string, server: string, names: string[]): Promise<Row> {
    let row = await this.row(proxy, server);
    const busy = (): boolean =>
      /^\*/.test(`${row.check_status}`) || /^\*/.test(`${row.agent_status}`);
    for (let attempt = 0; attempt < 30 && busy(); attempt++) {
      await sleep(17);
      row = await this.row(proxy, server);
    }
    return Object.fromEntries(names.map((name) => [name, row[name]!.replace('* ', '')]));
  }

  async until(proxy: string, server: string, wanted: (row: Row) => boolean): Promise<Row> {
    for (const end = Date.now() + 10_000; ; await sleep(30)) {
      const row = await this.row(proxy, server);
      if (wanted(row)) return row;
      if (Date.now() > end) throw new Error(`${proxy}/${server} stays ${JSON.stringify(row)}`);
    }
  }
}

async function withSubject<T>(
  which: Which,
  body: string,
  use: (subject: Subject) => Promise<T>,
  global = '',
): Promise<T> {
  const stats = await freePort();
  const config = `global
 log stdout format raw local0
${global}
defaults
 mode tcp
 log global
 option tcplog
 timeout connect 1s
 timeout client 20s
 timeout server 20s
${body}
listen stats
 mode http
 no log
 bind 127.0.0.1:${stats}
 stats uri /
`;
  await using proxy = await startEither(which, { config, ports: [stats] });
  return await use(new Subject(proxy, stats));
}

/** Both at the same thing, one after the other, so that neither takes the other's ports. */
async function compare<T>(scenario: (which: Which) => Promise<T>): Promise<{ ours: T }> {
  const haproxy = await scenario('haproxy');
  const ours = await scenario('bramble');
  expect(ours).toEqual(haproxy);
  return { ours };
}

/** Waits until the proxy has ended the connection. */
async function ended({ socket }: Client): Promise<void> {
  await until(() => socket.readableEnded || socket.destroyed, 'the connection ends');
  socket.destroy();
}

/** Answers each question with the next line; the last one stays. */
const agentOf = (lines: readonly (string | null)[]): Peer => {
  const peer: Peer = new Peer('agent', (socket) => {
    const line = lines[Math.min(peer.accepted, lines.length) - 1];
    if (typeof line === 'string') socket.end(line);
    else socket.destroy();
  });
  return peer;
};

const AGENT_COLUMNS = ['status', 'weight', 'slim', 'agent_status', 'agent_code', 'last_agt'].concat(
  ['agent_desc', 'agent_health', 'agent_rise', 'agent_fall', 'chkdown'],
);

const AGENTS: readonly (readonly [string, ...(string | null)[]])[] = [
  ['up', 'up\n'],
  ['down with a reason', 'up\n', 'down # out of memory\r\n'],
  ['down and up', 'up\n', 'fail\n', 'UP\n'],
  ['stopped', 'stopped\n'],
  ['a weight', '50%\n'],
  ['no weight', '0%\n'],
  ['more than all', '300%\n'],
  ['a limit', 'maxconn:30\n'],
  ['drained', 'up\n', 'drain\n'],
  ['drained and back', 'drain\n', 'ready\n'],
  ['maintenance', 'up\n', 'maint\n'],
  ['maintenance and back', 'maint\n', 'ready up\n'],
  ['several words', 'up 75%, maxconn:5\tready\n'],
  ['nonsense', 'hello\n'],
  ['nonsense and up', 'hello up\n'],
  ['nobody', null],
  ['down, then nobody', 'down\n', null],
];

describe('agent checks, side by side with HAProxy', () => {
  const seen = new Map<Which, Map<string, unknown>>();
  beforeAll(async () => {
    for (const which of BOTH) await runAgents(which);
  }, 60_000);

  async function runAgents(which: Which): Promise<void> {
    const server = await new Peer('server', echo).start();
    const agents = await Promise.all(AGENTS.map(([, ...lines]) => agentOf(lines).start()));
    const ports = await freePorts(AGENTS.length);
    const body = AGENTS.map(
      (_, index) => `listen a${index}
 bind 127.0.0.1:${ports[index]}
 option log-health-checks
 server s 127.0.0.1:${server.port} weight 100 check inter 1s agent-check agent-inter 250 agent-port ${agents[index]!.port}
 server other 127.0.0.1:${server.port}
`,
    ).join('');
    try {
      await withSubject(which, body, async (subject) => {
        for (const [index, agent] of agents.entries()) {
          const enough = AGENTS[index]!.length + 1;
          for (const end = Date.now() + 10_000; agent.accepted < enough && Date.now() < end; ) {
            await sleep(20);
          }
        }
        await sleep(2200);
        const results = new Map<string, unknown>();
        for (const [index, [name]] of AGENTS.entries()) {
          results.set(name, {
            events: subject.events(`a${index}`),
            row: await subject.columns(`a${index}`, 's', AGENT_COLUMNS),
          });
        }
        seen.set(which, results);
      });
    } finally {
      await Promise.all([server, ...agents].map((peer) => peer.stop()));
    }
  }

  test.each(AGENTS.map(([name]) => [name]))('%s', (name) => {
    expect(seen.get('bramble')!.get(name)).toEqual(seen.get('haproxy')!.get(name));
  });
});

const DOWN_AND_UP = 'inter 200 fastinter 100 downinter 100 rise 1 fall 1';

describe('servers that follow others, side by side with HAProxy', () => {
  test('track, over two links and proxies', async () => {
    const { ours } = await compare(async (which) => {
      const peer = await new Peer('server', echo).start();
      const [one, two] = (await freePorts(2)) as [number, number];
      const body = `listen one
 bind 127.0.0.1:${one}
 server s 127.0.0.1:${peer.port} check ${DOWN_AND_UP}
 server t 127.0.0.1:${peer.port} track s
listen two
 bind 127.0.0.1:${two}
 server u 127.0.0.1:${peer.port} track one/t
`;
      try {
        return await withSubject(which, body, async (subject) => {
          await subject.until('one', 's', (row) => row.check_status === 'L4OK');
          await peer.stop();
          await subject.until('two', 'u', (row) => row.status!.startsWith('DOWN'));
          const down = await subject.columns('two', 'u', ['status', 'tracked', 'act', 'chkdown']);
          await peer.start();
          await subject.until('two', 'u', (row) => row.status === 'UP');
          await sleep(200);
          const events = subject.events('one', 'two').sort();
          return { down, up: await subject.columns('one', 't', ['status', 'tracked']), events };
        });
      } finally {
        await peer.stop();
      }
    });
    expect(ours.events.length).toBeGreaterThan(6);
  });
});

describe('what sessions tell, side by side with HAProxy', () => {
  test.each(['fastinter', 'fail-check', 'sudden-death', 'mark-down'])(
    'observe layer4, on-error %s',
    async (mode) => {
      await compare(async (which) => {
        const peer = await new Peer('server', echo).start();
        const [port, dead] = (await freePorts(2)) as [number, number];
        const body = `listen l
 bind 127.0.0.1:${port}
 retries 0
 server s 127.0.0.1:${dead} check port ${peer.port} inter 20s fastinter 20s rise 2 fall 3 observe layer4 error-limit 3 on-error ${mode}
`;
        try {
          return await withSubject(which, body, async (subject) => {
            await subject.until('l', 's', (row) => row.check_status === 'L4OK');
            for (let turn = 0; turn < 6; turn++) {
              await ended(new Client(port));
            }
            await subject.until('l', 's', (row) => Number(row.hanafail) >= 1);
            const columns = ['status', 'hanafail', 'chkfail', 'check_health', 'check_status'];
            return {
              row: await subject.columns('l', 's', [...columns, 'last_chk', 'chkdown']),
              events: subject.events('l'),
            };
          });
        } finally {
          await peer.stop();
        }
      });
    },
  );

  test('observe layer7: wrong status codes', async () => {
    await compare(async (which) => {
      let status = 200;
      const peer = await new Peer('server', (socket) => {
        socket.on('data', () => socket.write(`HTTP/1.1 ${status} X\r\ncontent-length: 0\r\n\r\n`));
        socket.on('end', () => socket.end());
      }).start();
      const port = await freePort();
      const body = `listen l
 mode http
 bind 127.0.0.1:${port}
 server s 127.0.0.1:${peer.port} check inter 20s fastinter 20s observe layer7 error-limit 2 on-error mark-down
`;
      try {
        return await withSubject(which, body, async (subject) => {
          await subject.until('l', 's', (row) => row.check_status === 'L4OK');
          const answers: number[] = [];
          for (const wanted of [200, 404, 501, 500, 200, 503, 500, 500]) {
            status = wanted;
            answers.push((await fetch(`http://127.0.0.1:${port}/`)).status);
          }
          const columns = ['status', 'hanafail', 'chkfail', 'check_status', 'last_chk'];
          return {
            answers,
            row: await subject.columns('l', 's', columns),
            events: subject.events('l'),
          };
        });
      } finally {
        await peer.stop();
      }
    });
  });
});

describe('sessions that a turn of a server ends, side by side with HAProxy', () => {
  test('on-marked-down shutdown-sessions, on-marked-up shutdown-backup-sessions', async () => {
    const { ours } = await compare(async (which) => {
      const peer = await new Peer('server', echo).start();
      const spare = await new Peer('spare', echo).start();
      const port = await freePort();
      const body = `listen l
 bind 127.0.0.1:${port}
 server s 127.0.0.1:${peer.port} check ${DOWN_AND_UP} agent-check agent-port AGENT agent-inter 100 on-marked-down shutdown-sessions on-marked-up shutdown-backup-sessions
 server b 127.0.0.1:${spare.port} backup
`;
      let line = 'up\n';
      const agent = await new Peer('agent', (socket) => socket.end(line)).start();
      try {
        return await withSubject(
          which,
          body.replace('AGENT', String(agent.port)),
          async (subject) => {
            await subject.until('l', 's', (row) => row.agent_status === 'L7OK');
            const client = new Client(port).send('a');
            expect(await client.answer()).toBe('a');
            line = 'down\n';
            await ended(client);
            const first = await lineMatching(subject.proxy.out, /\] l l\/s .* D\S /);
            const late = new Client(port).send('b');
            expect(await late.answer()).toBe('b');
            line = 'up\n';
            await ended(late);
            const second = await lineMatching(subject.proxy.out, /\] l l\/b .* U\S /);
            const end = (text: string): string | undefined => / ([DU]\S) /.exec(text)?.[1];
            return [end(first), end(second)];
          },
        );
      } finally {
        await Promise.all([peer, spare, agent].map((one) => one.stop()));
      }
    });
    expect(ours).toEqual(['D-', 'U-']);
  });
});

describe('checks by a program, side by side with HAProxy', () => {
  test('arguments, variables, exit codes and time', async () => {
    await compare(async (which) => {
      const directory = await mkdtemp(path.join(tmpdir(), 'bramble-check-'));
      const script = path.join(directory, 'check.sh');
      await writeFile(
        script,
        `#!/bin/sh
[ -f ${directory}/$HAPROXY_PROXY_NAME ] || { echo "$@"; env | /usr/bin/sort; } > ${directory}/$HAPROXY_PROXY_NAME
case $HAPROXY_PROXY_NAME in good) exit 0;; bad) exit 3;; slow) exec /bin/sleep 30;; esac
exit 9
`,
      );
      await chmod(script, 0o755);
      const ports = await freePorts(4);
      const body = ['good', 'bad', 'slow', 'gone']
        .map(
          (name, index) => `listen ${name}
 bind 127.0.0.1:${ports[index]}
 option external-check
 option log-health-checks
 external-check command ${name === 'gone' ? '/nowhere/at/all' : script}
 external-check path /usr/bin:/bin
 server s 127.0.0.1:7777 check inter 400 maxconn 12
`,
        )
        .join('');
      const use = async (subject: Subject) => {
        await subject.until('good', 's', (row) => row.check_status === 'PROCOK');
        await subject.until('bad', 's', (row) => row.status === 'DOWN');
        await subject.until('slow', 's', (row) => row.status === 'DOWN');
        const said = await readFile(path.join(directory, 'good'), 'utf8');
        const columns = ['status', 'check_status', 'check_code', 'last_chk', 'check_desc'];
        return {
          said: said
            .replaceAll(String(ports[0]), 'PORT')
            .split('\n')
            .filter((line) => !/^(_|PWD|SHLVL|OLDPWD)=/.test(line)),
          events: subject.events('good', 'bad', 'slow').sort(),
          good: await subject.columns('good', 's', columns),
          bad: await subject.columns('bad', 's', columns),
          slow: await subject.columns('slow', 's', columns),
        };
      };
      try {
        return await withSubject(which, body, use, ' external-check\n insecure-fork-wanted\n');
      } finally {
        await rm(directory, { recursive: true, force: true });
      }
    });
  });
});
