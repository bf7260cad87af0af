import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { alertsOf, proxyOf, read } from './read.ts';

const directory = mkdtempSync(join(tmpdir(), 'balancer-config-'));
afterAll(() => rmSync(directory, { recursive: true }));

/** The settings of one `listen` with these lines, in front of which `defaults` come. */
async function listen(lines: string, defaults = '') {
  const { config } = await read(`${defaults}\nlisten x\n bind :80\n${lines}\n`);
  return proxyOf(config, 'x');
}

describe('global', () => {
  test('takes what it supports', async () => {
    const { config } = await read(`global
 maxconn 4096
 daemon
 pidfile /run/x.pid
 node pi-1
 description the one  in the hall
 log-tag edge
 log-send-hostname pi1
 log stdout format raw local0 notice err
 log 127.0.0.1:5514 len 2048 local3
 log [::1] daemon
`);
    expect(config.global).toMatchObject({
      maxconn: 4096,
      daemon: true,
      pidfile: '/run/x.pid',
      node: 'pi-1',
      description: 'the one in the hall',
      logTag: 'edge',
      logSendHostname: 'pi1',
    });
    expect(config.global.log).toEqual([
      {
        kind: 'stdout',
        address: '1',
        format: 'raw',
        facility: 'local0',
        maxLevel: 5,
        minLevel: 3,
        maxLength: 1024,
      },
      {
        kind: 'udp',
        address: '127.0.0.1:5514',
        format: 'local',
        facility: 'local3',
        maxLevel: 7,
        minLevel: 0,
        maxLength: 2048,
      },
      {
        kind: 'udp',
        address: '[::1]:514',
        format: 'local',
        facility: 'daemon',
        maxLevel: 7,
        minLevel: 0,
        maxLength: 1024,
      },
    ]);
  });

  test('changes variables for the lines below', async () => {
    const { config } = await read(
      `global
 setenv A 81
 presetenv A 82
 presetenv B 83
 unsetenv C
listen x
 bind "127.0.0.1:$A"
 bind "127.0.0.1:$B"
 bind "127.0.0.1:\${C-84}"
`,
      { C: '1' },
    );
    expect(proxyOf(config, 'x').binds.map((bind) => bind.port)).toEqual([81, 83, 84]);
  });

  test('forgets variables', async () => {
    const alerts = await alertsOf('global\n resetenv B\nlisten x\n bind ":$A"\n bind ":$B"\n', {
      A: '80',
      B: '81',
    });
    expect(alerts).toEqual(["4:7 'bind' : missing port specification in ':'"]);
  });
});

describe('inheritance', () => {
  test('a proxy starts from the last defaults, and from the named ones it asks for', async () => {
    const { config } = await read(`defaults a
 mode http
 timeout client 1s
 option dontlognull
 default-server inter 5s
defaults b from a
 timeout client 2s
 no option dontlognull
defaults c
backend x from a
 server s 127.0.0.1:80 check
backend y from b
backend z
`);
    expect(proxyOf(config, 'x')).toMatchObject({
      mode: 'http',
      timeouts: { client: 1000 },
      options: { dontlognull: true },
      servers: [{ check: { inter: 5000, fastinter: 5000, downinter: 5000 } }],
    });
    expect(proxyOf(config, 'y')).toMatchObject({
      mode: 'http',
      timeouts: { client: 2000 },
      options: { dontlognull: false },
    });
    expect(proxyOf(config, 'z')).toMatchObject({ mode: 'tcp', timeouts: { client: undefined } });
  });

  test('what a proxy changes stays its own', async () => {
    const { config } = await read(`defaults
 mode http
 stats uri /all
 stats auth a:b
frontend x
 bind :80
 timeout client 1s
 stats uri /x
frontend y
 bind :81
`);
    expect(proxyOf(config, 'x').stats).toMatchObject({ uri: '/x', users: [] });
    expect(proxyOf(config, 'y').stats).toMatchObject({ uri: '/all', users: [{ user: 'a' }] });
    expect(proxyOf(config, 'y').timeouts.client).toBeUndefined();
  });

  test('log adds to what was inherited, and no log empties it', async () => {
    const { config } = await read(`global
 log stdout local0
defaults
 log global
frontend x
 bind :80
 log stderr local1
frontend y
 bind :81
 no log
frontend z
 bind :82
 no log
 log 127.0.0.1 local2
`);
    const kinds = (name: string) => proxyOf(config, name).log.map((target) => target.kind);
    expect(kinds('x')).toEqual(['stdout', 'stderr']);
    expect(kinds('y')).toEqual([]);
    expect(kinds('z')).toEqual(['udp']);
  });
});

describe('proxies', () => {
  test('have HAProxy defaults', async () => {
    expect(await listen(' server s 127.0.0.1:80 check')).toMatchObject({
      mode: 'tcp',
      id: 1,
      maxconn: 1000,
      defaultBackend: 'x',
      balance: { name: 'roundrobin' },
      retries: 3,
      redispatch: undefined,
      logTag: 'test',
      servers: [
        {
          id: 1,
          weight: 1,
          check: { inter: 2000, fastinter: 2000, downinter: 2000, rise: 2, fall: 3 },
        },
      ],
    });
  });

  test('take several addresses and port ranges', async () => {
    const { binds } = await listen(
      ' bind 127.0.0.1:81,[::1]:82 name both accept-proxy maxconn 5\n bind *:90-92',
    );
    expect(binds.map(({ host, port, name }) => [host, port, name])).toEqual([
      ['', 80, undefined],
      ['127.0.0.1', 81, 'both'],
      ['::1', 82, 'both'],
      ['', 90, undefined],
      ['', 91, undefined],
      ['', 92, undefined],
    ]);
    expect(binds[2]).toMatchObject({ acceptProxy: true, maxconn: 5 });
  });

  test('take every timeout, and 0 as none', async () => {
    const names = 'connect client server queue check tunnel http-request http-keep-alive';
    const all = `${names} client-fin server-fin`.split(' ');
    const lines = all.map((name, index) => ` timeout ${name} ${index + 1}s`).join('\n');
    const { timeouts } = await listen(lines);
    expect(Object.values(timeouts)).toEqual(all.map((_, index) => (index + 1) * 1000));
    const none = await listen(`${lines}\n timeout client 0`);
    expect(none.timeouts.client).toBeUndefined();
  });

  test('take every option and its undoing', async () => {
    const lines = `mode http
log stdout local0
option clitcpka
option srvtcpka
option dontlognull
option log-health-checks
option httplog
option http-server-close
option forwardfor except 10.0.0.0/8 header X-Client if-none
option redispatch 2`;
    expect(await listen(lines)).toMatchObject({
      redispatch: 2,
      options: {
        clitcpka: true,
        srvtcpka: true,
        dontlognull: true,
        logHealthChecks: true,
        logFormat: 'httplog',
        httpConnection: 'server-close',
        forwardFor: { header: 'X-Client', except: '10.0.0.0/8', ifNone: true },
      },
    });
    const undo = ['clitcpka', 'srvtcpka', 'dontlognull', 'log-health-checks']
      .concat(['http-server-close', 'redispatch'])
      .map((name) => `no option ${name}`);
    expect(await listen([lines, ...undo].join('\n'))).toMatchObject({
      redispatch: undefined,
      options: {
        clitcpka: false,
        srvtcpka: false,
        dontlognull: false,
        logHealthChecks: false,
        httpConnection: 'keep-alive',
      },
    });
    expect(await listen('option redispatch')).toMatchObject({ redispatch: -1 });
    expect(await listen('option tcpka')).toMatchObject({
      options: { clitcpka: true, srvtcpka: true },
    });
  });

  test('take the statistics page', async () => {
    const { stats } = await listen(`mode http
stats enable
stats uri /admin
stats realm My\\ realm
stats auth a:b:c
stats auth d
stats refresh 90s
stats hide-version`);
    expect(stats).toMatchObject({
      uri: '/admin',
      realm: 'My realm',
      users: [
        { user: 'a', password: 'b:c' },
        { user: 'd', password: '' },
      ],
      refresh: 90,
      hideVersion: true,
    });
  });

  test('take error files that hold a response', async () => {
    const good = join(directory, 'good');
    const bad = join(directory, 'bad');
    const empty = join(directory, 'empty');
    writeFileSync(good, 'HTTP/1.0 503 Sorry\r\nContent-Type: text/html\r\n\r\n<p>Sorry');
    writeFileSync(bad, 'Sorry');
    writeFileSync(empty, '');
    const { errorFiles } = await listen(` errorfile 503 ${good}\n errorfile 408 ${empty}`);
    expect([...errorFiles]).toEqual([
      [503, good],
      [408, empty],
    ]);
    expect(await alertsOf(`backend x\n errorfile 503 ${bad}\n errorfile 599 ${good}\n`)).toEqual([
      `2:16 errorfile : '${bad}': unable to parse headers; it must hold a whole HTTP response.`,
      "3:12 errorfile : status code '599' not handled.",
    ]);
  });

  test('number their neighbours around an id', async () => {
    const { config } = await read(`backend a
 server s1 127.0.0.1:1
 server s2 127.0.0.1:1 id 1
 server s3 127.0.0.1:1
backend b
backend c
 id 2
backend d
`);
    expect(config.proxies.map((proxy) => proxy.id)).toEqual([1, 3, 2, 5]);
    expect(proxyOf(config, 'a').servers.map((server) => server.id)).toEqual([2, 1, 4]);
  });
});

describe('servers', () => {
  const server = async (parameters: string, before = '') => {
    const { servers } = await listen(`${before}\n server s 127.0.0.1:80 ${parameters}`);
    return servers[0];
  };

  test('take every parameter', async () => {
    const text =
      'check inter 1s fastinter 2s downinter 3s rise 4 fall 5 weight 6 maxconn 7 backup disabled id 8 send-proxy-v2';
    expect(await server(text)).toMatchObject({
      id: 8,
      weight: 6,
      maxconn: 7,
      backup: true,
      disabled: true,
      sendProxy: 'v2',
      check: { inter: 1000, fastinter: 2000, downinter: 3000, rise: 4, fall: 5, sendProxy: true },
    });
  });

  test('check elsewhere without the PROXY header, unless it is asked for', async () => {
    expect(await server('check send-proxy port 81')).toMatchObject({
      check: { port: 81, addr: undefined, sendProxy: false },
    });
    expect(await server('check send-proxy addr 127.0.0.2:82 check-send-proxy')).toMatchObject({
      check: { port: 82, addr: '127.0.0.2', sendProxy: true },
    });
  });

  test('start from default-server and can undo it', async () => {
    const before = ' default-server check backup disabled send-proxy weight 9 maxconn 5';
    expect(await server('', before)).toMatchObject({
      weight: 9,
      maxconn: 5,
      backup: true,
      disabled: true,
      sendProxy: 'v1',
    });
    expect(
      await server('no-check no-backup enabled no-send-proxy maxconn 0', before),
    ).toMatchObject({
      backup: false,
      disabled: false,
      sendProxy: undefined,
      check: undefined,
      maxconn: undefined,
    });
  });
});
