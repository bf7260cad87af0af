import { afterAll, describe, expect, test } from 'vitest';
import { HaproxyVerdicts, ourVerdict } from '../support/verdicts.ts';

/** Lines of a frontend that HAProxy and we must both accept, both warn of, or both refuse. */
const FRONTEND: readonly string[] = [
  'acl a path /x',
  'acl a path',
  'acl a src',
  'acl a src bogus.invalid',
  'acl a src 10.0.0.1/33',
  'acl a src 10.0.0.0/8 ::1 10/8',
  'acl a dst_port ge x',
  'acl a dst_port 80 81 90:100',
  'acl a hdr(x) -m foo x',
  'acl a hdr(x) -z x',
  'acl a hdr(x) -i -m beg x',
  'acl a hdr(x) -f /none/such',
  'acl a hdr_reg(x) (',
  'acl a var(txn.x) x',
  'acl a var(txn.x) -m str x',
  'acl a var(nope) -m str x',
  'acl a req.body x',
  'acl a foo bar',
  'acl a path,foo bar',
  'acl a hdr(x',
  'acl a/b path /x',
  'acl or path /x',
  'acl a',
  'http-request deny if nope',
  'http-request deny if { path /x',
  'http-request deny if { path }',
  'http-request deny foo',
  'http-request deny unless TRUE',
  'http-request deny if TRUE || FALSE or !TRUE',
  'http-request',
  'http-request foo',
  'http-request lua.foo',
  'http-request deny deny_status 999',
  'http-request deny deny_status 418',
  'http-request deny status 418',
  'http-request deny status 200 string hi',
  'http-request deny status 200 content-type text/plain string hi',
  'http-request return status 600',
  'http-request return errorfile /none/such',
  'http-request return errorfiles nope',
  'http-request set-header x',
  'http-request set-header x y z',
  'http-request set-header x %[foo]',
  'http-request set-header x %[src',
  'http-request set-header x %zz',
  'http-request set-header x %ci%%',
  'http-request set-header x %[be_name]',
  'http-request add-header',
  'http-request del-header',
  'http-request del-header x- -m beg',
  'http-request replace-header x ( y',
  'http-request set-path',
  'http-request set-var(txn.x) src',
  'http-request set-var(txn.x)',
  'http-request set-var(x) src',
  'http-request set-var(txn.x) foo',
  'http-request redirect foo bar',
  'http-request redirect location',
  'http-request redirect location / code 300',
  'http-request redirect location / code 307',
  'http-request redirect scheme https if !{ ssl_fc }',
  'http-request auth realm x if !{ http_auth(u) }',
  'http-request auth realm x if !{ http_auth(nope) }',
  'http-request capture req.hdr(x) len 10',
  'http-request capture req.hdr(x) id 0',
  'http-request capture req.hdr(x)',
  'http-request wait-for-body time 1s',
  'http-request wait-for-body',
  'http-request normalize-uri foo',
  'http-request set-log-level foo',
  'http-request set-log-level silent',
  'http-response set-header x %[hdr(y)]',
  'http-response set-header x %[path]',
  'http-response deny if { hdr(x) a }',
  'http-response deny if { path a }',
  'http-response set-status 200 reason x',
  'http-response set-status x',
  'http-response set-path /x',
  'http-after-response set-header x y',
  'http-response set-header x %[http_first_req]',
  'http-after-response set-header x %[http_first_req]',
  'http-response deny if { method GET } !{ req.proto_http }',
  'tcp-request connection reject if { method GET }',
  'http-after-response deny',
  'redirect location / if { path /x }',
  'redirect foo',
  'block if { path /x }',
  'use_backend nope if { path /x }',
  'use_backend b if { path /x }',
  'use_backend %[path] if TRUE',
  'use_backend',
  'use-server s if TRUE',
  'monitor-uri /x',
  'monitor-uri',
  'monitor fail if { nbsrv(b) lt 1 }',
  'monitor fail if { nbsrv(nope) lt 1 }',
  'monitor foo',
  'log-format %[path]',
  'log-format %zz',
  'log-format %[method]%[http_first_req]',
  'log-format "%ci %[src]"',
  'log-format',
  'unique-id-format %ci',
  'unique-id-header X-Id',
  'capture request header X len 10',
  'capture request header X',
  'capture cookie X len 10',
  'capture foo',
  'option http-buffer-request',
  'option originalto header X-O',
  'option originalto foo',
  'errorloc 503 http://x/',
  'errorloc303 503 http://x/',
  'errorloc 999 http://x/',
  'errorfiles nope',
  'tcp-request connection accept',
  'tcp-request connection reject if { src 10.0.0.0/8 }',
  'tcp-request connection reject if { path /x }',
  'tcp-request session reject if FALSE',
  'tcp-request content reject if { src 10.0.0.0/8 }',
  'tcp-request content foo',
  'tcp-request foo',
  'tcp-request inspect-delay 5s',
  'tcp-request inspect-delay x',
];

const haproxy = new HaproxyVerdicts();
afterAll(() => haproxy.close());

const textOf = (line: string): string => `
defaults
    mode http
    log 127.0.0.1:1 local0
    timeout connect 1s
    timeout client 1s
    timeout server 1s
userlist u
    user a insecure-password b
frontend f
    bind 127.0.0.1:1
    ${line}
    default_backend b
backend b
    server s 127.0.0.1:2
`;

describe('verdicts on rules, side by side with HAProxy', () => {
  test.each(FRONTEND)('%s', async (line) => {
    const text = textOf(line);
    expect(await ourVerdict(text)).toBe(await haproxy.of(text));
  });
});
