// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the language writes variables like this.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Files that home labs have, with what stands for their variables. */
const EXAMPLES = ['https-edge', 'pi-cluster', 'webfarm'].map((name) =>
  readFileSync(fileURLToPath(new URL(`../fixtures/${name}.cfg`, import.meta.url)), 'utf8'),
);

/** More of what such files have, section by section. */
const COMMON = `
global
    log /dev/log local0
    log 127.0.0.1:514 local1 notice
    stats socket /tmp/x.sock mode 660 level admin
    stats timeout 30s
    user nobody
    group nogroup
    maxconn 2000
    nbthread 2
    spread-checks 5
    tune.bufsize 16384
    ssl-default-bind-ciphers ECDHE-RSA-AES128-GCM-SHA256
    ssl-default-bind-options no-sslv3 no-tls-tickets
    server-state-base /tmp
    set-var proc.x int(3)
defaults base
    mode http
    log global
    option httplog
    option dontlognull
    option forwardfor except 127.0.0.0/8
    option redispatch
    option http-server-close
    retries 3
    timeout http-request 10s
    timeout queue 1m
    timeout connect 10s
    timeout client 1m
    timeout server 1m
    timeout http-keep-alive 10s
    timeout check 10s
    timeout tunnel 1h
    errorfile 503 /dev/null
    maxconn 3000
    balance roundrobin
    default-server inter 3s fall 3 rise 2
resolvers dns
    nameserver one 127.0.0.1:53
    resolve_retries 3
    timeout resolve 1s
    timeout retry 1s
    hold valid 10s
userlist people
    group admins users joe
    user joe insecure-password secret
    user ann password $5$abc$def groups admins
cache small
    total-max-size 4
    max-object-size 10000
    max-age 60
frontend web from base
    bind *:8080
    bind 127.0.0.1:8081 name local
    bind /tmp/x2.sock mode 600
    acl is_api path_beg /api
    acl is_static path_end -i .jpg .png .css
    acl host_a hdr(host) -i a.example.org
    acl local src 127.0.0.0/8 10.0.0.0/8
    acl busy fe_conn gt 100
    http-request redirect scheme https code 301 if { ssl_fc 0 } host_a
    http-request set-header X-Forwarded-Proto https if { ssl_fc }
    http-request add-header X-Id %[unique-id]
    http-request deny deny_status 429 if { sc_http_req_rate(0) gt 100 }
    http-request track-sc0 src table limits
    http-request auth realm x if is_api !{ http_auth(people) }
    http-request return status 200 content-type text/plain string ok if { path /health }
    http-request set-path %[path,regsub(^/api/,/)] if is_api
    http-request replace-header Cookie (.*) \\1
    http-request del-header X-Bad
    http-request set-var(txn.host) req.hdr(host),lower
    http-request cache-use small
    http-response cache-store small
    http-response set-header Strict-Transport-Security max-age=3600
    http-response del-header Server
    capture request header Host len 40
    tcp-request connection reject if { src 192.0.2.0/24 }
    tcp-request inspect-delay 5s
    tcp-request content accept if HTTP
    redirect prefix https://x.example.org code 302 if local busy
    monitor-uri /alive
    unique-id-format %{+X}o%ci:%cp
    unique-id-header X-Unique
    log-format "%ci:%cp [%tr] %ft %b/%s %ST %B %{+Q}r"
    compression algo gzip
    compression type text/html text/plain
    rate-limit sessions 100
    use_backend api if is_api
    use_backend %[req.hdr(host),lower,map(/dev/null,static)]
    default_backend static
backend static from base
    balance uri depth 2
    hash-type consistent
    cookie SRV insert indirect nocache httponly
    option httpchk GET /status HTTP/1.1
    http-check send hdr Host x
    http-check expect status 200-399
    http-reuse safe
    stick-table type ip size 100k expire 30m
    stick on src
    server s1 127.0.0.1:9001 check cookie s1 weight 10
    server s2 127.0.0.1:9002 check backup cookie s2 maxconn 30
    server s3 127.0.0.1:9003 track s1 send-proxy
    server-template t 3 127.0.0.1:9010 check disabled
backend api from base
    balance leastconn
    fullconn 100
    option allbackups
    http-request set-header Host api.example.org
    server a1 127.0.0.1:9101 check inter 2s port 9102 slowstart 30s
    server a2 127.0.0.1:9102 check ssl verify none sni str(a.example.org)
    server a3 localhost:9103 resolvers dns init-addr last,libc,none
    use-server a1 if { path /one }
backend limits
    stick-table type ip size 100k expire 30s store http_req_rate(10s),conn_cur,gpc0
listen db
    bind 127.0.0.1:3306
    mode tcp
    option tcplog
    option mysql-check user haproxy
    option tcpka
    balance source
    timeout client 1h
    timeout server 1h
    server d1 127.0.0.1:3307 check
    server d2 127.0.0.1:3308 check backup on-marked-up shutdown-backup-sessions
listen mqtt
    bind :1883
    mode tcp
    option tcp-check
    tcp-check connect
    tcp-check send-binary 101000044d5154540402003c
    tcp-check expect binary 20020000
    balance first
    source 127.0.0.1
    server m1 127.0.0.1:1884 check send-proxy-v2
listen admin
    bind *:8404
    mode http
    timeout connect 1s
    timeout client 1s
    timeout server 1s
    stats enable
    stats uri /stats
    stats refresh 10s
    stats auth admin:admin
    stats admin if TRUE
    stats show-legends
    http-request use-service prometheus-exporter if { path /metrics }
`.slice(1);

const CORPUS = [...EXAMPLES, COMMON].map((text) => text.split('\n'));

/** Whole numbers below a bound, the same for the same seed (mulberry32). */
export function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

type Pick = (below: number) => number;
const of = <T>(list: readonly T[], pick: Pick): T => list[pick(list.length)]!;

const isSection = (line: string): boolean => /^[a-z]/.test(line);
const statements = CORPUS.flat().filter((line) => /^\s+[a-z]/.test(line));
const words = [...new Set(statements.flatMap((line) => line.trim().split(/\s+/)))];
const VALUES = ['0', '1', '-1', '99999999999', 'abc', '1.5', '10s', '5x', '70000', '""', 'on', '%'];

/** What may happen to the words of a statement, and to a line among others. */
const IN_LINE: readonly ((line: string[], pick: Pick) => void)[] = [
  (line, pick) => void line.splice(pick(line.length), 1),
  (line, pick) => void line.splice(pick(line.length), 0, of(line, pick)),
  (line, pick) => void line.push(of(words, pick)),
  (line, pick) => {
    line[pick(line.length)] = of(VALUES, pick);
  },
  (line, pick) => {
    line[pick(line.length)] = of(words, pick);
  },
  (line, pick) => {
    const at = pick(line.length);
    const word = line[at]!;
    const cut = pick(word.length + 1);
    line[at] = word.slice(0, cut) + of([...'x-,:()/"%.'], pick) + word.slice(cut + pick(2));
  },
  (line) => void line.unshift('no'),
];

export interface Mutation {
  readonly text: string;
  /** What was done, for messages. */
  readonly what: string;
}

/** One of the files with one thing changed. */
export function mutation(pick: Pick): Mutation {
  const lines = [...of(CORPUS, pick)];
  const places = lines.flatMap((line, at) => (/^\s+[a-z]/.test(line) ? [at] : []));
  const at = of(places, pick);
  const line = lines[at]!;
  const kind = pick(10);
  if (kind === 0) {
    lines.splice(at, 1);
    return { text: lines.join('\n'), what: `without: ${line.trim()}` };
  }
  if (kind < 4) {
    const added = of(statements, pick);
    lines.splice(at, 0, added);
    const section = lines.slice(0, at).findLast(isSection);
    return { text: lines.join('\n'), what: `in ${section}: ${added.trim()}` };
  }
  const parts = line.trim().split(/\s+/);
  of(IN_LINE, pick)(parts, pick);
  lines[at] = ` ${parts.join(' ')}`;
  return { text: lines.join('\n'), what: `${line.trim()} -> ${parts.join(' ')}` };
}
