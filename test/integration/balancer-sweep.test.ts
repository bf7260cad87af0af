import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig } from '../../services/balancer/config/load.ts';
import { BalancerConfigError } from '../../services/balancer/config/problem.ts';

let directory: string;
let file: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'balancer-sweep-'));
  file = join(directory, 'test.cfg');
  writeFileSync(join(directory, 'map'), 'a b\n');
});
afterAll(() => rmSync(directory, { recursive: true }));

const PROXY = `listen x
 bind :9
 mode http
 timeout client 1s
 timeout server 1s
 timeout connect 1s
`;

/** Whether a file is usable, by what each program says. */
function theirs(): Promise<boolean> {
  return new Promise((resolve) => {
    execFile('haproxy', ['-c', '-f', file], (error) => resolve(!error || error.code === 2));
  });
}

async function ours(): Promise<boolean> {
  try {
    const overrides = { defaultMaxconn: 1000, logTag: 'test' };
    await loadConfig([file], { overrides });
    return true;
  } catch (error) {
    if (error instanceof BalancerConfigError) return false;
    throw error;
  }
}

async function compare(texts: readonly string[]): Promise<number> {
  for (const text of texts) {
    writeFileSync(file, text.replaceAll('DIR', directory));
    expect.soft(await ours(), text).toBe(await theirs());
  }
  return texts.length;
}

const globals = `
noepoll | nopoll | noreuseport | nosplice | nosplice x | nogetaddrinfo | quiet | busy-polling
cpu-map auto:1-4 0-3 | numa-cpu-mapping | no numa-cpu-mapping | localpeer a | localpeer | nbproc 2
maxpipes 3 | maxcomprate 5 | maxcompcpuusage 50 | maxzlibmem 10 | mworker-max-reloads 3
tune.bufsize 16384 | tune.bufsize x | tune.maxrewrite 1024 | tune.http.maxhdr 101 | tune.nonsense 1
tune.maxaccept 100 | tune.runqueue-depth 200 | tune.rcvbuf.client 1000 | tune.pipesize 1000
tune.h2.max-concurrent-streams 100 | tune.ssl.ssl-ctx-cache-size 10 | tune.vars.proc-max-size 100
tune.sched.low-latency on | tune.idle-pool.shared off
set-var proc.a int(3) | set-var txn.a int(3) | set-var proc.a src | set-var-fmt proc.b text
set-var proc.a | set-var a int(1) | close-spread-time 5s | profiling.tasks on | chroot /tmp
`;

const proxies = `
backlog 10 | bind-process 1 | clitimeout 3 | contimeout 3 | srvtimeout 3 | grace 3
declare capture request len 10 | declare capture response len 10 | declare capture foo len 1
declare capture request len 0 | declare foo | description a b | http-send-name-header X-Server
max-keep-alive-queue 3 | max-keep-alive-queue x | max-session-srv-conns 3
option contstats | option logasap | option dontlog-normal | option log-separate-errors
option splice-auto | option splice-request | option tcp-smart-accept | option tcp-smart-connect
option nolinger | no option nolinger | option socket-stats | option prefer-last-server
option idle-close-on-response | option disable-h2-upgrade | option http-use-htx
option http-restrict-req-hdr-names delete | option http-restrict-req-hdr-names foo
option httpslog | no option logasap | option logasap x
compression | compression algo | compression algo gzip | compression algo zip | compression type
compression type text/html | compression offload | compression direction response
filter | filter foo | filter compression | filter compression x | filter cache | filter cache nope
http-request cache-use | http-request cache-use nope | http-response cache-store nope
http-request set-map(DIR/map) a b | http-request set-map(DIR/map) a | http-request del-map(DIR/map) a
http-request add-acl(DIR/map) a | http-response del-acl(DIR/map) a | http-response set-map(DIR/map) a b
server s 1.2.3.4:5 proto h1 | server s 1.2.3.4:5 proto foo | server s 1.2.3.4:5 ws h1
server s 1.2.3.4:5 ws foo | server s 1.2.3.4:5 max-reuse 4
server s 1.2.3.4:5 non-stick | server s 1.2.3.4:5 no-tfo
bind :10 proto h1 | bind :10 proto h9 | bind :10 id 5 | bind :10 id 0
http-request set-var(txn.a) ssl_c_s_dn(CN) | http-request set-var(txn.a) ssl_c_s_dn(CN,1,foo)
http-request set-var(txn.a) ssl_c_i_dn(,0,rfc2253) | http-request set-var(txn.a) ssl_c_notafter
http-request set-var(txn.a) ssl_c_serial,hex | http-request set-var(txn.a) fc_err
http-request set-var(txn.a) hdr(x),jwt_header_query($.alg)
http-request set-var(txn.a) hdr(x),jwt_payload_query($.exp,int)
http-request set-var(txn.a) hdr(x),jwt_payload_query($.exp,foo)
http-request set-var(txn.a) hdr(x),jwt_verify(HS256,secret)
http-request set-var(txn.a) hdr(x),jwt_verify(FOO,secret)
http-request set-var(txn.a) hdr(x),jwt_verify(RS256,/nonexistent)
`;

const lines = (table: string): string[] =>
  table
    .trim()
    .split(/\s*[|\n]\s*/)
    .map((line) => line.trim());

describe('the verdict on keywords is HAProxy’s', () => {
  test('of the global section', async () => {
    const count = await compare(lines(globals).map((line) => `global\n ${line}\n${PROXY}`));
    console.log(`${count} lines compared`);
  });

  test('of proxies', async () => {
    const count = await compare(lines(proxies).map((line) => `${PROXY} ${line}\n`));
    console.log(`${count} lines compared`);
  });

  test('of resolvers', async () => {
    const bodies = [
      '',
      'nameserver a 127.0.0.1:53',
      'nameserver a',
      'nameserver a 127.0.0.1:53\n nameserver a 127.0.0.2:53',
      'parse-resolv-conf',
      'hold nx 5s',
      'hold foo 5s',
      'hold valid x',
      'timeout retry 5s\n timeout resolve 2s',
      'timeout foo 5s',
      'resolve_retries 4',
      'accepted_payload_size 8192',
      'accepted_payload_size 100',
      'foo',
    ];
    let count = await compare(bodies.map((body) => `resolvers r\n ${body}\n${PROXY}`));
    const servers = [
      'resolvers r',
      'resolvers nope',
      'init-addr none',
      'init-addr last,libc,none',
      'init-addr libc,1.2.3.4',
      'init-addr foo',
      'resolve-prefer ipv4 resolvers r init-addr none',
      'resolve-prefer ipv5',
      'resolve-net 10.0.0.0/8,192.168.0.0/16 init-addr none',
      'resolve-net foo',
      'resolve-opts allow-dup-ip,ignore-weight init-addr none',
      'resolve-opts foo',
    ];
    const section = 'resolvers r\n nameserver a 127.0.0.1:53\n';
    count += await compare(
      servers.map((words) => `${section}${PROXY} server s foo.invalid:80 ${words}\n`),
    );
    console.log(`${count} sections and servers compared`);
  });

  test('of caches', async () => {
    const bodies = [
      '',
      'total-max-size 4',
      'total-max-size 4096',
      'total-max-size x',
      'total-max-size',
      'total-max-size 4\n max-object-size 3000000',
      'total-max-size 4\n max-object-size 20000\n max-age 20\n process-vary on\n max-secondary-entries 3',
      'total-max-size 4\n process-vary maybe',
      'total-max-size 4\n max-secondary-entries 0',
      'total-max-size 4 5',
      'total-max-size 4\n foo',
      'total-max-size 1\n max-object-size x',
      'total-max-size 1\n max-age',
      'total-max-size 1\ncache c\n total-max-size 1',
    ];
    const rules = ' http-request cache-use c\n http-response cache-store c\n';
    const count = await compare(bodies.map((body) => `cache c\n ${body}\n${PROXY}${rules}`));
    console.log(`${count} sections compared`);
  });
});
