import type { Script } from './http-peers.ts';

/** Lines for a frontend and a backend, and raw requests that both proxies must treat alike. */
export interface RuleGroup {
  name: string;
  frontend?: string;
  backend?: string;
  /** Lines of the global section. */
  global?: string;
  /** Targets, or whole requests where a line end stands in them. */
  requests: readonly string[];
  /** What the origin answers instead of `ok`. */
  script?: Script;
  /** The rest differs, and may. */
  statusAlone?: boolean;
}

const request = (line: string, fields: string[] = [], body = ''): string =>
  [line, 'Host: www.example.com', ...fields, '', body].join('\r\n');
export const get = (target: string, ...fields: string[]): string =>
  request(`GET ${target} HTTP/1.1`, fields);
const post = (target: string, body: string, ...fields: string[]): string =>
  request(`POST ${target} HTTP/1.1`, [`Content-Length: ${body.length}`, ...fields], body);

/** A rule that answers with the number of the first condition that holds. */
const conditions = (...all: string[]): string =>
  all
    .map(
      (condition, index) =>
        `http-request return status 2${String(10 + index)} if { path_beg /c${index}/ } ${condition}`,
    )
    .join('\n');
const eachOf = (count: number, ...requests: ((at: string) => string)[]): string[] =>
  Array.from({ length: count }, (_, index) => requests.map((make) => make(`/c${index}/`))).flat();

const CONDITIONS = [
  '{ hdr(host) www.example.com }',
  '{ hdr(host) -i WWW.EXAMPLE.COM }',
  '{ hdr(host) WWW.EXAMPLE.COM }',
  '{ hdr_beg(host) www. }',
  '{ hdr_end(host) .com .org }',
  '{ hdr_dom(host) example.com }',
  '{ hdr_dom(host) ample }',
  '{ hdr_sub(host) ample }',
  '{ hdr_reg(host) ^www\\. }',
  '{ hdr_len(host) 15 }',
  '{ hdr_len(host) gt 15 }',
  '{ hdr_cnt(x-a) ge 2 }',
  '{ hdr_cnt(x-a) 0 }',
  '{ hdr_val(x-n) 5:10 }',
  '{ hdr_val(x-n) lt 5 }',
  '{ hdr(x-a) one two }',
  '{ hdr(x-a) -m found }',
  '!{ hdr(x-a) -m found }',
  '{ path_end .html .css }',
  '{ path_dir img }',
  '{ path_sub im }',
  '{ path,lower -m sub IM }',
  '{ path -m reg -i IMG }',
  '{ url_param(q) -m str a b }',
  '{ urlp_sub(q) a }',
  '{ src 127.0.0.0/8 }',
  '{ src 10.0.0.0/8 192.168.0.1 }',
  '{ src 127.1 }',
  '{ hdr_ip(x-ip) 10.1.0.0/16 }',
  '{ hdr_ip(x-ip) 2001:db8::/32 }',
  '{ method POST }',
  'METH_GET',
  'METH_POST',
  'HTTP_1.1 !HTTP_1.0',
  'LOCALHOST',
  'HTTP_URL_SLASH',
  'TRUE',
  'FALSE || TRUE',
  'FALSE or FALSE',
  '!FALSE TRUE',
  'one or { hdr(x-b) yes }',
  '!one',
  'one two',
  '{ cook(sid) -m beg ab }',
  '{ cook_cnt(sid) gt 0 }',
  '{ rand(1) 0 }',
  '{ nbsrv(b) ge 1 }',
  '{ always_true }',
  '{ bool(0) }',
  '{ int(5) eq 5 }',
  '{ str(abc) -m len 3 }',
  '{ str(abc) -m bin 616263 }',
  '{ bin(616263) -m bin 616263 }',
  '{ base_beg www.example.com/c }',
  '{ url_beg / }',
  '{ req.ver 1.1 }',
  '{ path_reg ^/c[0-9]+/ }',
];

export const GROUPS: readonly RuleGroup[] = [
  {
    name: 'conditions',
    frontend: `acl one hdr(x-a) one\nacl one hdr(x-a) uno\nacl two hdr(x-a) two\n${conditions(...CONDITIONS)}`,
    requests: eachOf(
      CONDITIONS.length,
      (at) =>
        get(`${at}img/x.html?q=a`, 'X-A: one, two', 'X-N: 7', 'X-Ip: 10.1.2.3', 'Cookie: sid=abc'),
      (at) => post(`${at}?q=zz`, 'hi', 'X-A: uno', 'X-N: -3', 'X-Ip: 2001:db8::1', 'X-B: yes'),
    ),
  },
  {
    name: 'answers',
    frontend: `
      http-request deny if { path /deny }
      http-request deny deny_status 404 if { path /404 }
      http-request deny status 410 if { path /410 }
      http-request deny status 429 content-type text/plain string slow if { path /text }
      http-request deny status 429 content-type text/plain lf-string "%[path] %ci %f" hdr Retry-After 5 if { path /lf }
      http-request auth if { path /auth }
      http-request auth realm "My \\"Realm\\"" if { path /realm }
      http-request redirect location http://x/ if { path /l }
      http-request redirect location http://x%[path]?%[query] code 303 if { path /lf2 }
      http-request redirect prefix https://y if { path_beg /p }
      http-request redirect prefix https://y drop-query if { path_beg /dq }
      http-request redirect prefix / append-slash if { path_beg /as }
      http-request redirect scheme https code 301 if { path /s }
      http-request redirect location / set-cookie A=b if { path /ck }
      http-request redirect location / clear-cookie A if { path /cc }
      http-request redirect location %[hdr(x-none)] ignore-empty if { path /ie }
      http-request return status 204 if { path /204 }
      http-request return status 200 content-type text/html string "<b>" hdr X-One 1 hdr X-Two "%[src]" if { path /ret }
      http-request return status 503 default-errorfiles if { path /def }
      http-request allow if { path /allow }
      http-request deny if { path /allow }
      http-request reject if { path /reject }
      http-request set-log-level silent if { path /quiet }
      monitor-uri /monitor
      redirect location /old if { path /redirect }`,
    requests: [
      ...'/deny /404 /410 /text /lf /auth /realm /l /lf2?a=b /p/x?y /dq/x?y /as/x?y /as/x/ /s?a /ck /cc /ie /204 /ret /def /allow /reject /monitor /redirect /none'
        .split(' ')
        .map((target) => get(target)),
      request('HEAD /ret HTTP/1.1'),
      request('GET /deny HTTP/1.0'),
      post('/deny', 'body'),
    ],
  },
  {
    name: 'changes to requests',
    global: 'expose-experimental-directives',
    frontend: `
      http-request set-header X-Set "%[src] %[path] %ci" if { path /set }
      http-request add-header X-A added if { path /add }
      http-request del-header X-A if { path /del }
      http-request del-header x- -m beg if { path /delbeg }
      http-request replace-header X-A (.*)o(.*) \\2-\\1 if { path /rh }
      http-request replace-value X-A (.*)o(.*) \\2-\\1 if { path /rv }
      http-request replace-value Host (.*):.* \\1 if { path /host }
      http-request set-path /new%[path] if { path_beg /path }
      http-request set-pathq /n?x=%[query] if { path_beg /pq }
      http-request set-query %[query,regsub(a,b,g)] if { path_beg /q }
      http-request set-uri http://other/x if { path /uri }
      http-request replace-path (.*)/b(.*) \\1/c\\2 if { path_beg /rp }
      http-request replace-pathq /rq(.*) /x\\1&y if { path_beg /rq }
      http-request replace-uri ^/ru(.*) /z\\1 if { path_beg /ru }
      http-request set-method PUT if { path /method }
      http-request set-var(txn.v) path,upper if { path /var }
      http-request set-var-fmt(txn.w) "a %[var(txn.v)] b" if { path /var }
      http-request unset-var(txn.v) if { path /var }
      http-request set-header X-Var "%[var(txn.v)]|%[var(txn.w)]|%[var(txn.x,def)]" if { path /var }
      http-request set-var(sess.n) int(1) if { path /sess }
      http-request set-header X-Sess %[var(sess.n)] if { var(sess.n) -m found }
      http-request normalize-uri path-merge-slashes if { path_beg /nu }
      http-request normalize-uri path-strip-dot if { path_beg /n. }
      http-request normalize-uri query-sort-by-name if { path_beg /nqs }
      http-request set-src hdr(x-ip) if { path /src }
      http-request set-header X-Src %[src] if { path /src }
      unique-id-format %{+X}o%ci
      unique-id-header X-Unique
      option originalto`,
    backend: `
      http-request set-header X-Back "%[be_name] %[hdr(host)]" if { path /back }
      http-request deny if { path /backdeny }
      http-request redirect location /b if { path /backredir }`,
    requests: [
      ...'/set /add /del /delbeg /rh /rv /path/x?y=1 /pq?a=b /q?a=a&b=a /uri /rp/b/b/x?y /rq/a?b /ru/a?b /method /var /sess /nu//a///b?c//d /n./././x/. /nqs?c=1&a=2&b /back /backdeny /backredir /none'
        .split(' ')
        .map((target) => get(target, 'X-A: one, two', 'X-A: foo', 'X-B: b')),
      get('/src', 'X-Ip: 10.9.8.7'),
      request('GET /host HTTP/1.1').replace('www.example.com', 'www.example.com:80'),
      post('/set', 'hello'),
    ],
  },
  {
    name: 'users and groups',
    global: `description x
userlist people
    group staff users bob,ann
    group guests
    user bob password $5$abcdefgh$gruCpC7VkOTspMQTTSAR8mtlO9Upms.fwqE5y16JVM.
    user ann password $6$saltsalt$O5igcpfl.fR3dZSRWPLdiJIQf.Z/YrDFgl.SCSYO1vXlKx9cxF3I3UnP4.DsSt5As2KdW5Nx35sQeU5W.OZg6/
    user eve insecure-password plain groups guests`,
    frontend: `
      acl staff http_auth_group(people) staff
      http-request auth realm People unless { http_auth(people) }
      http-request deny if { path /staff } !staff
      http-request return status 200 content-type text/plain lf-string "%[http_auth_user] %[http_auth_group(people)]"`,
    requests: ['bob:secret', 'ann:hidden', 'eve:plain', 'bob:wrong', 'nobody:x', 'broken'].flatMap(
      (who) => {
        const field = `Authorization: Basic ${Buffer.from(who).toString('base64')}`;
        return [get('/', field), get('/staff', field)];
      },
    ),
  },
  {
    name: 'error pages elsewhere',
    frontend: `
      errorloc 403 http://x/403
      errorloc303 404 http://x/404
      http-request deny if { path /403 }
      http-request deny deny_status 404 if { path /404 }
      http-request deny deny_status 410 if { path /410 }`,
    requests: ['/403', '/404', '/410'].map((target) => get(target)),
  },
  {
    name: 'normalizers',
    global: 'expose-experimental-directives',
    // Without conditions: HAProxy 2.6 never runs those with an optional argument under one.
    frontend: `
      http-request normalize-uri path-strip-dotdot
      http-request normalize-uri percent-decode-unreserved
      http-request normalize-uri percent-to-uppercase
      http-request normalize-uri fragment-strip`,
    requests: '/a/../b /a/../b/../../c /a/.. /a/../.. /../x /x%2f%c3 /x%41%2f%7e /a%zz /a/..b /..'
      .split(' ')
      .map((target) => get(target)),
  },
  {
    name: 'backends and servers',
    frontend: `
      use_backend other if { path_beg /other }
      use_backend %[path,field(3,/)] if { path_beg /dyn/ }
      use_backend b unless { path_beg /x }
      default_backend b
      http-request set-header X-Front 1
backend other
    http-request set-header X-Other yes
    http-request set-header X-Body "%[req.hdr(x-front)]"
    http-request return status 200 content-type text/plain lf-string "other %[be_name]"
backend third
    http-request deny if { path_end x }
    http-request return status 200 content-type text/plain string third`,
    backend: `
    use-server s1 if { path /s1 }
    http-request set-header X-B yes`,
    requests: '/other/1 /dyn/third /dyn/third/x /dyn/none /dyn/other /x /s1 /'
      .split(' ')
      .map((target) => get(target)),
  },
  {
    name: 'log formats',
    frontend: `
      log-format "%ci %f %ft %b %s %ST %B %U %ts %tsc %HM %HP %HPO %HQ %HU %HV %{+Q}r %rc %sq %bq %ac %fc %ID %hr %hs %hrl %hsl %CC %CS %{+X}ci %{+E,+Q}[capture.req.hdr(0)] %[capture.req.hdr(1)] %[be_name] %[srv_name] %[var(txn.t)] %% a  b"
      capture request header X-A len 20
      capture request header X-None len 20
      capture response header Content-Length len 4
      capture cookie c len 8
      unique-id-format id-%{+X}o%ci
      http-request set-var(txn.t) path
      http-request deny if { path /deny }`,
    requests: [
      get('/a?b=c', 'X-A: say "hi" ]\\'),
      get('/b', 'Cookie: c=12345678901'),
      get('/deny'),
      get('http://abs.example.com/x?y').replace('www.example.com', 'abs.example.com'),
      'BROKEN\r\n\r\n',
      post('/p', 'hello'),
    ],
  },
  {
    name: 'changes to responses',
    frontend: `
      http-response set-header X-Front "%[status] %[res.hdr(x-o)] %[res.cook(s)]"
      http-response del-header Server
      http-after-response set-header X-After "%[status]"
      http-request deny if { path /deny }
      http-request capture path len 5
      capture request header Host len 8
      capture request header X-None len 8
      capture response header X-O len 3
      capture response header Server len 30
      capture cookie s len 10
      http-request set-var(txn.p) path`,
    backend: `
      http-response add-header X-Back 1
      http-response replace-header X-O o(.) \\1x
      http-response set-status 299 reason "Much better" if { var(txn.p) -m str /status }
      http-response deny if { var(txn.p) -m str /rdeny }
      http-response deny status 403 content-type text/plain string no if { var(txn.p) -m str /rdeny2 }
      http-response return status 200 content-type text/plain string other if { var(txn.p) -m str /rreturn }
      http-response redirect location /elsewhere if { var(txn.p) -m str /rredirect }
      http-response allow if { var(txn.p) -m str /rallow }
      http-response set-header X-Last yes`,
    requests: '/x /status /rdeny /rdeny2 /rreturn /rredirect /rallow /deny'
      .split(' ')
      .map((target) => get(target, 'Cookie: s=abcdefghijkl')),
    script: [
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nServer: secret\r\nX-O: o1\r\nSet-Cookie: s=t; path=/\r\n\r\nok',
    ],
  },
  {
    name: 'bodies',
    frontend: `
      http-request wait-for-body time 1s if { path_beg /wait }
      http-request wait-for-body time 1s at-least 3 if { path /least }
      http-request set-header X-Len %[req.body_len]
      http-request set-header X-Size %[req.body_size]
      http-request deny if { req.body -m sub evil }
      http-request set-header X-Param %[req.body_param(a)] if { path /waitp }`,
    requests: [
      post('/wait', 'hello'),
      post('/wait', 'evil thing'),
      post('/waitp', 'b=1&a=2'),
      post('/least', 'abcdef'),
      request('POST /wait HTTP/1.1', ['Transfer-Encoding: chunked'], '5\r\nhello\r\n0\r\n\r\n'),
      get('/wait'),
    ],
  },
];
