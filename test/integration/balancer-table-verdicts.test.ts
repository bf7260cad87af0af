import { afterAll, describe, expect, test } from 'vitest';
import { HaproxyVerdicts, ourVerdict } from '../support/verdicts.ts';
import { problemsOf } from '../unit/balancer/config/read.ts';

/** Section (frontend g, backend b with a table, backend n without, t in mode tcp) and line. */
const LINES = `
f|http-request track-sc0 src
f|http-request track-sc0 src table nope
f|http-request track-sc0 src table b
f|http-request track-sc0
f|http-request track-sc0 src foo
f|http-request track-sc0 res.hdr(x) table b
f|tcp-request connection track-sc0 src table b
f|tcp-request connection track-sc0 hdr(x) table b
f|tcp-request session track-sc2 src table b
f|tcp-request content track-sc3 src table b
f|http-request deny if { sc0_conn_cnt(b) gt 5 }
f|http-request deny if { sc0_conn_cnt(zz) gt 5 }
f|http-request deny if { sc0_http_req_rate(b) gt 5 }
f|http-request deny if { src_http_req_rate gt 5 }
f|http-request deny if { src_http_req_rate(b) gt 5 }
f|http-request deny if { sc_http_req_rate(0) gt 5 }
f|http-request deny if { sc_http_req_rate gt 5 }
f|http-request deny if { sc_http_req_rate(3) gt 5 }
f|http-request deny if { src,in_table }
f|http-request deny if { src,in_table(zz) }
f|http-request deny if { src,in_table(b) }
f|http-request deny if { src,table_http_req_rate(b) gt 0 }
f|http-request deny if { src,table_conn_cnt(b) gt 0 }
f|http-request deny if { table_cnt(b) gt 0 }
f|http-request deny if { table_avl gt 0 }
f|http-request sc-inc-gpc0
f|http-request sc-inc-gpc0(9)
f|http-request sc-inc-gpc0(1)
f|http-request sc-set-gpt0(0) foo
f|http-request sc-set-gpt0(0)
f|http-request sc-set-gpt0(0) 5
f|http-request sc-set-gpt0(0) int(5)
f|http-response sc-inc-gpc1(0)
f|tcp-request connection sc-inc-gpc0(0)
f|stick-table type ip size 10
f|stick on src
n|stick-table type string size 10
n|stick-table type string
n|stick-table type foo size 10
n|stick-table type string len 0 size 10
n|stick-table type string len 10 size 10x
n|stick-table type ip size 10 store foo
n|stick-table type ip size 10 store http_req_rate
n|stick-table type ip size 10 store http_req_rate()
n|stick-table type ip size 10 store http_req_rate(10s),gpc0
n|stick-table type ip size 10 store conn_cur(10s)
n|stick-table type ip size 10 store conn_cnt,conn_cnt
n|stick-table size 10
n|stick-table type ip size 0
n|stick-table type ip size 10 expire foo
n|stick-table type ip size 10 expire
n|stick-table type ip size 10 nopurge foo
n|stick-table type ip size 10 write-to b
n|stick-table type ip size 10 store gpc(2),gpc_rate(2,10s),gpt(1)
n|stick-table type ip size 10 store gpc(200)
n|stick-table
b|stick-table type ip size 10
b|stick on
b|stick foo
b|stick on src table nope
b|stick on src foo
b|stick on foo
b|stick on res.hdr(x)
b|stick match src if TRUE
b|stick store-response src
b|stick store-response res.hdr(x)
b|stick store-request res.hdr(x)
b|stick on src,lower
b|stick on hdr(x)
n|stick on src
t|stick on src
t|stick on src table b
t|stick on hdr(x) table b
t|stick on req.payload(0,0),mqtt_field_value(connect,client_identifier) table b
n|http-reuse
n|http-reuse foo
n|http-reuse never
f|http-reuse never
n|http-reuse always bar
n|option http-tunnel
n|option forceclose
n|option httpclose
n|option http-pretend-keepalive
f|option http-pretend-keepalive
n|option abortonclose
f|option abortonclose
f|option http-ignore-probes
n|option http-ignore-probes
n|option http-no-delay
n|server x 127.0.0.1:1 pool-max-conn -2
n|server x 127.0.0.1:1 pool-max-conn 0
n|server x 127.0.0.1:1 pool-purge-delay 0
n|server x 127.0.0.1:1 pool-purge-delay foo
n|server x 127.0.0.1:1 pool-purge-delay
n|server x 127.0.0.1:1 pool-low-conn 5
t|http-reuse never
t|option httpclose
`
  .trim()
  .split('\n');

const haproxy = new HaproxyVerdicts();
afterAll(() => haproxy.close());

function textOf(line: string): string {
  const [where = '', ...rest] = line.split('|');
  const at = (section: string): string => (where === section ? rest.join('|') : '');
  return `defaults
    mode http
    timeout connect 2s
    timeout client 2s
    timeout server 2s
frontend g
    bind 127.0.0.1:18998
    ${at('f')}
    default_backend b
backend b
    stick-table type ip size 1k expire 1m store conn_cnt,gpt0
    ${at('b')}
    server s 127.0.0.1:1
backend n
    ${at('n')}
    server s 127.0.0.1:1
backend t
    mode tcp
    ${at('t')}
    server s 127.0.0.1:1
`;
}

describe('verdicts on tables and reuse, side by side with HAProxy', () => {
  test.each(LINES)('%s', async (line) => {
    const text = textOf(line);
    expect(await ourVerdict(text)).toBe(await haproxy.of(text));
  });

  test('peers and other keys for servers are refused by name', async () => {
    for (const line of ['peers p', 'srvkey addr']) {
      const [problem] = await problemsOf(textOf(`n|stick-table type ip size 10 ${line}`));
      expect(problem?.message).toMatch(/not supported/);
    }
  });
});
