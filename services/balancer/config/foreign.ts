/**
 * Names that HAProxy 2.6 knows and this balancer does not, so that a file which uses them is told
 * "unsupported" and not "did you mean". A name leaves its list when its keyword is implemented.
 */
const words = (text: string): readonly string[] => text.trim().split(/\s+/);

/** Sections. */
export const FOREIGN_SECTIONS = words(`
  fcgi-app log-forward mailers namespace_list peers program ring
`);

/** Keywords of the global section. */
export const FOREIGN_GLOBAL = words(`
  default-path grace h1-accept-payload-with-any-method h1-case-adjust h1-case-adjust-file
  httpclient.resolvers.id httpclient.resolvers.prefer httpclient.ssl.ca-file httpclient.ssl.verify
  issuers-chain-path lua-load lua-load-per-thread lua-prepend-path
  maxsslconn pp2-never-send-local ssl-engine ssl-load-extra-del-ext
  ssl-load-extra-files ssl-propquery ssl-provider ssl-provider-path ssl-skip-self-issued-ca
  tune.fail-alloc tune.lua.forced-yield tune.lua.maxmem tune.lua.service-timeout
  tune.lua.session-timeout tune.lua.task-timeout tune.ssl.keylog unix-bind
`);

/** Keywords of defaults, frontend, backend and listen. */
export const FOREIGN_PROXY = words(`
  clitcpka-cnt clitcpka-idle clitcpka-intvl email-alert
  srvtcpka-cnt srvtcpka-idle srvtcpka-intvl use-fcgi-app usesrc
`);

/** What may follow `option`. */
export const FOREIGN_OPTIONS = words(`
  checkcache h1-case-adjust-bogus-client
  h1-case-adjust-bogus-server http-use-proxy-header independent-streams spop-check
`);

/** Parameters of `bind`. */
export const FOREIGN_BIND = words(`
  accept-netscaler-cip allow-0rtt ca-sign-file ca-sign-pass ca-verify-file expose-fd force-sslv3
  generate-certificates interface level mss namespace no-ca-names npn severity-output
  tcp-ut tls-ticket-keys transparent
`);

/** Parameters of `server`. */
export const FOREIGN_SERVER = words(`
  allow-0rtt force-sslv3 log-proto namespace npn tcp-ut usesrc
`);
