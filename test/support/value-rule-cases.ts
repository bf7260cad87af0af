import { get, type RuleGroup } from './rule-cases.ts';

/** Answers with what an expression yields; the target says which. */
const show = (...expressions: string[]): string =>
  expressions
    .map(
      (expression, index) =>
        `http-request return status 200 content-type text/plain lf-string "<%[${expression}]>" if { path /e${index} }`,
    )
    .join('\n');
const shown = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => get(`/e${index}`));

const MASKS = [
  'str(::ffff:192.168.1.101),ipmask(32,64)',
  'str(::ffff:192.168.1.101),ipmask(24)',
  'str(2001:db8::1),ipmask(24)',
  'str(2001:db8:1:2:3::1),ipmask(24,64)',
  'str(2002:c0a8:0165::),ipmask(16,64)',
  'str(::1.2.3.4),ipmask(16,112)',
];

const NORMALIZERS = [
  'percent-to-uppercase',
  'percent-to-uppercase strict',
  'percent-decode-unreserved',
  'percent-decode-unreserved strict',
];
/** Targets that a strict normalizer refuses. */
const BROKEN = ['/%zz?a=%zz', '/a%'];

/** A variable before and after a conditional change. */
const variable = (name: string, before: string, ...after: string[]): string => `
      ${before}
      ${after.map((change) => `http-request set-var(${name},${change}`).join('\n')}
      http-request set-header X-${name.replace('.', '-')} "<%[var(${name})]>"`;

/** What rules keep, rewrite and tell of themselves; both proxies must do so alike. */
export const VALUE_GROUPS: readonly RuleGroup[] = [
  {
    name: 'variables that are set on conditions',
    frontend: [
      variable('txn.a', '', 'ifexists) int(1)'),
      variable('txn.b', '', 'ifnotexists) int(1)', 'ifnotexists) int(2)'),
      variable('txn.c', 'http-request set-var(txn.c) str(c)', 'ifempty) str(x)'),
      variable('txn.d', 'http-request set-var(txn.d) str(d)', 'ifempty) str()'),
      variable('txn.e', 'http-request set-var(txn.e) str(e)', 'ifempty) int(5)'),
      variable('txn.f', 'http-request set-var(txn.f) str(f)', 'ifnotempty) str()'),
      variable('txn.g', 'http-request set-var(txn.g) str(g)', 'ifnotempty) str(x)'),
      variable('txn.h', 'http-request set-var(txn.h) int(5)', 'ifnotempty) int(6)'),
      variable('txn.i', 'http-request set-var(txn.i) int(5)', 'ifset) str(x)'),
      variable('txn.j', '', 'ifset) str(x)'),
      variable('txn.k', 'http-request set-var(txn.k) int(5)', 'ifnotset) int(6)'),
      variable('txn.l', 'http-request set-var(txn.l) int(5)', 'ifgt) int(55)', 'ifgt) int(2)'),
      variable('txn.m', 'http-request set-var(txn.m) int(5)', 'iflt) int(2)', 'iflt) int(55)'),
      variable('txn.n', 'http-request set-var(txn.n) str(n)', 'ifgt) int(55)'),
      variable('txn.o', 'http-request set-var(txn.o) int(5)', 'ifgt) str(x)'),
      variable('txn.p', 'http-request set-var(txn.p) int(5)', 'ifset,iflt) int(55)'),
      variable('proc.q', '', 'ifexists) int(1)'),
      variable('txn.r', 'http-request set-var-fmt(txn.r,ifnotset) "%[method]"'),
      'http-request set-header X-Kept yes if { path,set-var(txn.s,ifnotset) -m found }',
      'http-request set-header X-Again yes if { path,set-var(txn.s,ifnotset) -m found }',
    ].join('\n'),
    requests: [get('/')],
  },
  {
    name: 'variables of the process',
    global: [
      'set-var proc.twelve int(12)',
      'set-var proc.five var(proc.none,60),div(proc.twelve)',
      'set-var proc.text str("a text")',
      'set-var-fmt proc.more "%[var(proc.text)] and %[var(proc.five)]"',
    ].join('\n    '),
    frontend: ['five', 'text', 'more', 'none']
      .map((name) => `http-request set-header X-${name} "<%[var(proc.${name})]>"`)
      .join('\n'),
    requests: [get('/')],
  },
  {
    name: 'targets that are written anew',
    frontend: `
      http-request set-uri http://other.example.com/abs if { path /absolute }
      http-request set-uri http://user@other.example.com:81/abs?x=1 if { path /user }
      http-request set-uri other(/a,b)/c?d if { path_beg /odd }
      http-request set-path /new if { path_beg /new }
      http-request set-path /twice if { path /abs }
      http-request set-query q=1 if { path /query }
      http-request set-query %[query]&more if { path /odd-query }
      http-request set-pathq /p?q if { path /pathq }`,
    backend: 'http-request set-path /p%[path] if { url -m beg other( }',
    requests: [
      ...'/absolute /user /odd /odd?x /new?a=b /query /query?a /odd-query?z /pathq?a#b'.split(' '),
      'http://abs.example.com/new?x',
    ].map((target) =>
      get(target).replace('www.example.com', /\/\/abs/.test(target) ? 'abs.example.com' : '$&'),
    ),
  },
  {
    name: 'blanks around what rules set',
    frontend: `
      http-request set-header X-A "a: "
      http-request set-header X-A "%[req.fhdr(x-a)] b"
      http-request set-header X-B "%[req.fhdr(x-none)] c"
      http-request set-header X-B "%[req.fhdr(x-b)] d"
      http-request set-header X-C "%[req.fhdr(x-b),length] %[req.hdr(x-b),length]"`,
    requests: [get('/')],
  },
  {
    name: 'bytes as text, and fields without a value',
    frontend: `
      http-request set-header X-A "%[bin(61006162),length] <%[bin(61006162)]> %[bin(61006162),hex]"
      http-request set-header X-B "%[bin(0001),length] <%[bin(0001)]>"
      http-request return status 200 hdr X-None "%[req.hdr(x-none)]" hdr X-Some "%[path]" if { path /r }`,
    requests: [get('/'), get('/r')],
  },
  {
    name: 'a match that is said twice',
    frontend: `
      http-request return status 211 if { hdr_dom(host) -m end ample.com } { path /a }
      http-request return status 212 if { hdr_dom(host) ample.com } { path /b }
      http-request return status 213 if { path_beg -m end c }`,
    requests: [get('/a'), get('/b'), get('/c'), get('/cd')],
  },
  { name: 'masks of addresses', frontend: show(...MASKS), requests: shown(MASKS.length) },
  ...NORMALIZERS.map((normalizer) => ({
    name: `normalize-uri ${normalizer}`,
    global: 'expose-experimental-directives',
    frontend: `http-request normalize-uri ${normalizer}
      http-request set-header X-After %[url]`,
    requests: ['/a?b', '/%2d%7e?a=%2d', '/%c3%a4', ...BROKEN].map((target) => get(target)),
    // HAProxy ends the connection, too.
    ...(normalizer.endsWith('strict') && { statusAlone: true }),
  })),
  {
    name: 'the last rule, and timeouts as they are',
    frontend: `
      http-response set-header X-Last "%[last_rule_line] %[cur_server_timeout] %[cur_tunnel_timeout]"
      http-request set-header X-None "<%[last_rule_line]>"
      http-request allow if { path /allow }
      http-request deny if { path /deny }
      log-format "%ci:%cp [%t] %ST %[last_rule_line]"`,
    backend: `
      http-request set-timeout server 12s if { path /server }
      http-request set-timeout tunnel 13s if { path /tunnel }
      tcp-request content accept if { path /tcp }
      http-response allow if { status 404 }
      http-request redirect location /x if { path /redirect }
      http-request return status 200 if { path /return }`,
    requests: '/ /allow /deny /server /tunnel /tcp /redirect /return'
      .split(' ')
      .map((target) => get(target)),
  },
];
