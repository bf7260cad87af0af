/**
 * Names that HAProxy 2.6 knows and this balancer does not, so that a file which uses them is told
 * "unsupported" and not "did you mean". A name leaves its list when its keyword is implemented.
 */
const words = (text: string): readonly string[] => text.trim().split(/\s+/);

/** Sections. */
export const FOREIGN_SECTIONS = words(`
  fcgi-app log-forward mailers namespace_list peers program resolvers ring
`);

/** Keywords of the global section. */
export const FOREIGN_GLOBAL = words(`
  busy-polling close-spread-time cpu-map default-path grace h1-accept-payload-with-any-method
  h1-case-adjust h1-case-adjust-file httpclient.resolvers.id httpclient.resolvers.prefer
  httpclient.ssl.ca-file httpclient.ssl.verify issuers-chain-path localpeer lua-load
  lua-load-per-thread lua-prepend-path maxcompcpuusage maxcomprate maxconnrate maxpipes maxsessrate
  maxsslconn maxsslrate maxzlibmem mworker-max-reloads nbproc noepoll nogetaddrinfo nopoll
  noreuseport nosplice numa-cpu-mapping pp2-never-send-local profiling.tasks quiet set-var
  set-var-fmt ssl-engine ssl-load-extra-del-ext ssl-load-extra-files ssl-mode-async ssl-propquery
  ssl-provider ssl-provider-path ssl-skip-self-issued-ca thread-group thread-groups
  tune.buffers.limit tune.buffers.reserve tune.bufsize tune.chksize tune.comp.maxlevel
  tune.fail-alloc tune.fd.edge-triggered tune.h2.header-table-size tune.h2.initial-window-size
  tune.h2.max-concurrent-streams tune.h2.max-frame-size tune.http.cookielen tune.http.logurilen
  tune.http.maxhdr tune.idle-pool.shared tune.idletimer tune.listener.multi-queue
  tune.lua.forced-yield tune.lua.maxmem tune.lua.service-timeout tune.lua.session-timeout
  tune.lua.task-timeout tune.maxaccept tune.maxpollevents tune.maxrewrite tune.pattern.cache-size
  tune.peers.max-updates-at-once tune.pipesize tune.pool-high-fd-ratio tune.pool-low-fd-ratio
  tune.rcvbuf.client tune.rcvbuf.server tune.recv_enough tune.runqueue-depth tune.sched.low-latency
  tune.sndbuf.client tune.sndbuf.server tune.ssl.capture-buffer-size
  tune.ssl.capture-cipherlist-size tune.ssl.force-private-cache tune.ssl.hard-maxrecord
  tune.ssl.keylog tune.ssl.ssl-ctx-cache-size tune.vars.check-max-size tune.vars.global-max-size
  tune.vars.proc-max-size tune.vars.reqres-max-size tune.vars.sess-max-size tune.vars.txn-max-size
  tune.zlib.memlevel tune.zlib.windowsize unix-bind zero-warning
`);

/** Keywords of defaults, frontend, backend and listen. */
export const FOREIGN_PROXY = words(`
  backlog bind-process clitcpka-cnt clitcpka-idle clitcpka-intvl clitimeout contimeout
  declare description dispatch email-alert error-log-format grace http-error
  http-send-name-header max-keep-alive-queue max-session-srv-conns
  rate-limit srvtcpka-cnt srvtcpka-idle srvtcpka-intvl srvtimeout tcp-response use-fcgi-app
  usesrc
`);

/** What may follow `option`. */
export const FOREIGN_OPTIONS = words(`
  accept-invalid-http-request accept-invalid-http-response checkcache contstats
  disable-h2-upgrade dontlog-normal h1-case-adjust-bogus-client
  h1-case-adjust-bogus-server http-restrict-req-hdr-names http-use-htx http-use-proxy-header idle-close-on-response
  independent-streams log-separate-errors logasap nolinger prefer-last-server socket-stats
  splice-auto splice-request splice-response spop-check tcp-smart-accept tcp-smart-connect
  transparent
`);

/** Parameters of `bind`. */
export const FOREIGN_BIND = words(`
  accept-netscaler-cip allow-0rtt ca-sign-file ca-sign-pass ca-verify-file expose-fd force-sslv3
  generate-certificates id interface level mss namespace no-ca-names npn proto severity-output tcp-ut tls-ticket-keys transparent
`);

/** Parameters of `server`. */
export const FOREIGN_SERVER = words(`
  allow-0rtt check-proto check-via-socks4 force-sslv3 init-addr log-proto max-reuse namespace
  no-send-proxy-v2-ssl no-send-proxy-v2-ssl-cn no-tfo non-stick npn proto proxy-v2-options redir resolve-net resolve-opts resolve-prefer resolvers
  send-proxy-v2-ssl send-proxy-v2-ssl-cn socks4 stick tcp-ut tfo usesrc ws
`);
