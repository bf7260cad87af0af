import type { Cache } from './cache/cache.ts';
import type { CheckPace } from './checks/checks.ts';
import type { SavedServer } from './checks/server-state.ts';
import type { CheckMethod } from './checks/steps.ts';
import type { CompressionConfig } from './compression/config.ts';
import type { ProcessConfig } from './config/keywords/global-process.ts';
import type { RateLimits } from './listeners/rate-limits.ts';
import type { LogFormatter } from './log/log-format.ts';
import type { ServerResolution } from './resolvers/config.ts';
import type { Condition } from './rules/condition.ts';
import type { ProxyRules, Reply } from './rules/model.ts';
import type { RuntimeConfig } from './runtime/config.ts';
import type { Expression } from './samples/compile.ts';
import type { PatternRegistry } from './samples/pattern-registry.ts';
import type { HealthConfig } from './servers/health-config.ts';
import type { StickTableConfig } from './stickiness/table/config.ts';
import type { ProxyField } from './tcp/proxy-fields.ts';
import type { BindTls, ServerTls } from './tls/config.ts';

/**
 * The validated configuration, as the planes use it. `config/` makes it and nobody else; every
 * default is already resolved here, so that a reader never asks "what if it is not set".
 * Times are milliseconds, undefined = no limit (HAProxy's meaning of an unset timeout).
 */
export interface Position {
  file: string;
  /** Counts from 1. */
  line: number;
  /** Counts from 1; 0 where a whole line is meant. */
  column: number;
}

export type Mode = 'tcp' | 'http';
export type ProxyKind = 'frontend' | 'backend' | 'listen';

export interface Address {
  /** '' = all IPv4 addresses (HAProxy's `:80` or `*:80`). */
  host: string;
  port: number;
}

export interface BindConfig extends Address {
  name: string | undefined;
  /** Counts from 1 in its proxy (`so_id`). */
  id?: number | undefined;
  acceptProxy: boolean;
  maxconn: number | undefined;
  /** Set where TLS ends here. */
  tls?: BindTls | undefined;
  /** An inherited socket in place of an address. */
  fd?: number | undefined;
  /** Connections that the kernel holds before they are accepted. */
  backlog?: number | undefined;
  /** An IPv6 address takes no IPv4 clients. */
  ipv6Only?: boolean | undefined;
  /** Workers that listen (`thread`), counted from 1; undefined = all. */
  threads?: readonly number[] | undefined;
  /** Rights of a unix socket's file. */
  owner?: { mode?: number; uid?: number; gid?: number } | undefined;
  position: Position;
}

export interface CheckConfig {
  /** Time between two checks of a server that is fully up. */
  inter: number;
  /** Between two checks of one that is changing state; default `inter`. */
  fastinter: number;
  /** Between two checks of one that is down; default `inter`. */
  downinter: number;
  /** Good checks in a row that bring a server up. */
  rise: number;
  /** Failed checks in a row that take it down. */
  fall: number;
  /** Where to check, when not where the traffic goes. */
  addr: string | undefined;
  port: number | undefined;
  sendProxy: boolean;
  /** Checks speak TLS. */
  tls?: CheckTlsConfig | undefined;
}

/** TLS of checks: `check-ssl` with what goes with it. */
export interface CheckTlsConfig {
  /** Trust and protocol, those of the server's line. */
  line: ServerTls | undefined;
  /** The name that is asked for. */
  servername: string | undefined;
  alpn: readonly string[];
}

/** The `cookie` line of a backend. */
export interface CookieConfig {
  name: string;
  /** undefined = only looked at. */
  mode: 'insert' | 'rewrite' | 'prefix' | undefined;
  /** Servers do not see it. */
  indirect: boolean;
  /** Caches are told to leave a response alone that carries it. */
  nocache: boolean;
  /** Inserted in responses to POST alone. */
  postonly: boolean;
  /** A server's own cookie of this name goes through as it is. */
  preserve: boolean;
  httpOnly: boolean;
  secure: boolean;
  domains: string[];
  attributes: string[];
  /** How old it may be since it was last seen, and since it was first given, seconds. */
  maxidle: number | undefined;
  maxlife: number | undefined;
  /** Servers without a value of their own get one made from their address. */
  dynamic: boolean;
}

export interface ServerConfig extends Address {
  name: string;
  /**
   * What of its address is that of the client's connection; undefined = nothing. With `port`, the
   * server's own is added to it.
   */
  takesOver?: { host: boolean; port: boolean } | undefined;
  /** Counts from 1 in its backend, HAProxy's `sid`. */
  id: number;
  /** 0..256. */
  weight: number;
  maxconn: number | undefined;
  /** Limit while the backend is idle; undefined = `maxconn` always. Below `maxconn`. */
  minconn: number | undefined;
  /** Most who may wait for this server; undefined = any number. */
  maxqueue: number | undefined;
  /** Time in which its weight rises to the full one after it has come up, milliseconds. */
  slowstart: number | undefined;
  backup: boolean;
  disabled: boolean;
  /** undefined = not checked, always up ("no check"). */
  check: CheckConfig | undefined;
  /** What it needs to be up, and what stands for its health where nobody checks it. */
  rise?: number | undefined;
  sendProxy: 'v1' | 'v2' | undefined;
  /** What a header of version 2 tells besides. */
  proxyFields?: ReadonlySet<ProxyField> | undefined;
  /** A SOCKS 4 proxy in between, for traffic and, if `checked`, for checks. */
  socks4?: (Address & { readonly checked: boolean }) | undefined;
  /** Address of ours that connections to it come from; port 0 = any. */
  source: Address | undefined;
  /** Value of the stickiness cookie that stands for it. */
  cookie: string | undefined;
  /** Agent, tracking, and what sessions tell; undefined = none of it. */
  health?: HealthConfig | undefined;
  /** undefined = HAProxy's defaults. */
  pool?: PoolLimits | undefined;
  /** Set where `resolvers` keep its address up to date. */
  resolution?: ServerResolution | undefined;
  /** Requests that a connection carries besides its first; undefined = any number. */
  maxReuse?: number | undefined;
  /** `stick` rules never remember it. */
  nonStick?: boolean | undefined;
  /** Where GET and HEAD requests are sent instead: a prefix of their target (`redir`). */
  redirection?: string | undefined;
  /** Set where connections to it are TLS. */
  tls?: ServerTls | undefined;
  /** `no-ssl` stands there. */
  tlsRefused?: boolean | undefined;
  /** The TLS that an order may switch on again, or off. */
  tlsKept?: ServerTls | undefined;
  position: Position;
}

export interface Timeouts {
  connect: number | undefined;
  client: number | undefined;
  server: number | undefined;
  queue: number | undefined;
  check: number | undefined;
  tunnel: number | undefined;
  tarpit?: number | undefined;
  httpRequest: number | undefined;
  httpKeepAlive: number | undefined;
  clientFin: number | undefined;
  serverFin: number | undefined;
}

export interface StatsConfig {
  uri: string;
  /** Several are allowed. Empty = open. */
  users: { user: string; password: string }[];
  realm: string;
  /** Seconds. */
  refresh: number | undefined;
  hideVersion: boolean;
  /** Addresses, cookies and algorithms are shown. */
  legends?: boolean;
  /** Name and description that the page shows. */
  node?: string | undefined;
  description?: string | undefined;
  /** Only these proxies are shown; '.' = the one that asks. Empty = all. */
  scope?: string[];
  /** When servers may be changed on the page; undefined = never. */
  admin?: readonly Condition[] | undefined;
}

/** Shape of one log line: HAProxy 2.6 manual, section 4.2 "log", and RFC 3164, RFC 5424. */
export type LogLineFormat =
  | 'local'
  | 'rfc3164'
  | 'rfc5424'
  | 'priority'
  | 'short'
  | 'timed'
  | 'iso'
  | 'raw';

/** Where a log line goes. */
export interface LogTarget {
  kind: 'stdout' | 'stderr' | 'udp' | 'unix' | 'fd';
  /** Host and port (`udp`), path (`unix`) or descriptor number (`fd`, and 1 or 2 for `stdout`, `stderr`). */
  address: string;
  format: LogLineFormat;
  facility: string;
  /** Lines less severe than this (larger number in syslog) are not sent. 0 emerg … 7 debug. */
  maxLevel: number;
  /** Lines more severe than this are sent as if they were of this level. */
  minLevel: number;
  /** Longest line in bytes, its line feed not counted; longer ones are cut. */
  maxLength: number;
}

export type LogFormat = 'tcplog' | 'httplog' | 'default' | undefined;

export type BalanceAlgorithm =
  | { name: 'roundrobin' | 'static-rr' | 'leastconn' | 'first' | 'peak-ewma' | 'least-pending' }
  /** How many servers are drawn, 1 or more. */
  | { name: 'random'; draws: number }
  | { name: 'source' }
  /** `length` (characters looked at) and `depth` (directories): 0 = all. */
  | { name: 'uri'; whole: boolean; pathOnly: boolean; length: number; depth: number }
  /** `checkPost`: look into the body of a POST, too. */
  | { name: 'url_param'; parameter: string; checkPost: boolean }
  /** `header` in lower case. */
  | { name: 'hdr'; header: string; domainOnly: boolean }
  /** '' = whichever cookie is there. */
  | { name: 'rdp-cookie'; cookie: string }
  | { name: 'hash'; expression: Expression };

/** `hash-type` and `hash-balance-factor`. */
export interface HashConfig {
  method: 'map-based' | 'consistent';
  function: 'sdbm' | 'djb2' | 'wt6' | 'crc32';
  avalanche: boolean;
  /** Percent of the average load that a server may have, above 100; 0 = any (consistent alone). */
  balanceFactor: number;
}

/** A failure that a retry may mend; a number is the status of a response. */
export type RetryOn =
  | 'conn-failure'
  | 'empty-response'
  | 'junk-response'
  | 'response-timeout'
  | number;

/** `errorloc`: a redirect in place of an error page. */
export interface ErrorLocation {
  status: 302 | 303;
  location: string;
}

/** `http-reuse`. */
export type ReuseMode = 'never' | 'safe' | 'aggressive' | 'always';

/** Idle connections that are kept to a server. */
export interface PoolLimits {
  /** Most of them; -1 = no limit. */
  readonly max: number;
  /** So many more than are needed. */
  readonly low: number;
  /** How often half of what is too much is closed, milliseconds; 0 = none are kept. */
  readonly purgeDelay: number;
}

export interface ProxyConfig {
  name: string;
  kind: ProxyKind;
  mode: Mode;
  /** Counts from 1 over the proxies, HAProxy's `iid`. */
  id: number;
  disabled: boolean;
  position: Position;
  /** The client side: set on frontend and listen. */
  binds: BindConfig[];
  /** Name of the backend that gets what no rule sends elsewhere; a listen's is itself. */
  defaultBackend: string | undefined;
  maxconn: number;
  /** The server side: set on backend and listen. */
  servers: ServerConfig[];
  /** Where everything goes in place of them (`dispatch`, `option transparent`). */
  dispatch?: ServerConfig | undefined;
  balance: BalanceAlgorithm;
  hash: HashConfig;
  /** What a request is tried again after (`retry-on`). */
  retryOn: readonly RetryOn[];
  /** Servers that are down get those who belong to them nevertheless (`option persist`). */
  persist: boolean;
  /** `persist rdp-cookie`: the cookie that names the server; '' = any. */
  persistRdpCookie: string | undefined;
  /** Secret that dynamic cookies are made with. */
  dynamicCookieKey: string | undefined;
  /** `option allbackups`: not only the first backup is used, but all of them. */
  allBackups: boolean;
  /** Attempts after a failed connection (default 3). */
  retries: number;
  /** A retry may go to another server: never, on the last retry, every N-th. HAProxy's `option redispatch`. */
  redispatch: number | undefined;
  /** Whole-backend queue and per-server limits come from here when a server has none. */
  fullconn: number | undefined;
  timeouts: Timeouts;
  options: {
    clitcpka: boolean;
    srvtcpka: boolean;
    dontlognull: boolean;
    logFormat: LogFormat;
    logasap: boolean;
    /** Heads may have characters that no head has. */
    acceptInvalidRequest?: boolean;
    acceptInvalidResponse?: boolean;
    dontlogNormal?: boolean;
    logSeparateErrors?: boolean;
    logHealthChecks: boolean;
    /** keep-alive (default), server-close, or close after each exchange. */
    httpConnection: 'keep-alive' | 'server-close' | 'close';
    pretendKeepAlive?: boolean;
    abortOnClose?: boolean;
    ignoreProbes?: boolean;
    forwardFor: { header: string; except: string | undefined; ifNone: boolean } | undefined;
  };
  /** Stickiness; undefined without it and in mode tcp. */
  cookie: CookieConfig | undefined;
  /** How servers are checked that have `check`. */
  checkMethod: CheckMethod;
  /** Where a former process left the servers (`load-server-state-from-file`). */
  savedServers?: readonly SavedServer[] | undefined;
  log: LogTarget[];
  /** Program name in syslog lines. */
  logTag: string;
  stats: StatsConfig | undefined;
  /** Path by status of a file with a whole HTTP response, sent as it is; checked when loaded. */
  errorFiles: ReadonlyMap<number, string>;
  /** Where clients are sent instead of getting an error page, by status. */
  errorLocations?: ReadonlyMap<number, ErrorLocation>;
  /** `http-error`: answers of one's own, by status. */
  errorReplies?: ReadonlyMap<number, Reply>;
  /** Sessions in a second; more wait. May change while running. */
  rateLimit?: number | undefined;
  /** Everything that looks at traffic; undefined where nothing does. */
  rules?: ProxyRules | undefined;
  /** Field (lower case) that tells servers their name. */
  sendNameHeader?: string | undefined;
  /** undefined = nothing is compressed. */
  compression?: CompressionConfig | undefined;
  /** undefined = `safe`. */
  httpReuse?: ReuseMode | undefined;
  stickTable?: StickTableConfig | undefined;
  /** `log-format` and `log-format-sd`. */
  logFormat?: LogFormatter | undefined;
  logFormatSd?: LogFormatter | undefined;
  /** Of connections that came to nothing. */
  errorLogFormat?: LogFormatter | undefined;
}

export interface BalancerConfig {
  global: {
    maxconn: number | undefined;
    /** Process-wide log targets, what `log global` stands for. */
    log: LogTarget[];
    logTag: string;
    /** Host name for lines over UDP; undefined = none is sent. */
    logSendHostname: string | undefined;
    pidfile: string | undefined;
    daemon: boolean;
    node: string | undefined;
    description: string | undefined;
    /** undefined = HAProxy's defaults. */
    checkPace?: CheckPace | undefined;
    /** Runtime sockets; undefined = none. */
    runtime?: RuntimeConfig | undefined;
    /** Account, descriptors and the end of the process. */
    process?: ProcessConfig | undefined;
    /** `maxconn` where somebody set it. */
    maxconnGiven?: number | undefined;
    /** `maxconnrate`, `maxsessrate` and `maxsslrate`. */
    rates?: RateLimits | undefined;
    /** Workers (`nbthread`); undefined = 1. */
    threads?: number | undefined;
  };
  proxies: ProxyConfig[];
  /** What its rules keep responses in. */
  caches?: readonly Cache[] | undefined;
  /** Lists of patterns that its rules match against. */
  patterns?: PatternRegistry | undefined;
}
