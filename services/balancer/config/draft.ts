import type { SavedServer } from '../checks/server-state.ts';
import type { CompressionConfig } from '../compression/config.ts';
import type {
  BalanceAlgorithm,
  BindConfig,
  CookieConfig,
  ErrorLocation,
  HashConfig,
  LogTarget,
  Mode,
  PoolLimits,
  Position,
  ProxyConfig,
  ProxyKind,
  ReuseMode,
  ServerConfig,
  StatsConfig,
  Timeouts,
} from '../model.ts';
import type { Condition } from '../rules/condition.ts';
import type { Reply } from '../rules/model.ts';
import { newRuntimeConfig, type RuntimeConfig } from '../runtime/config.ts';
import { DEFAULT_HEALTH, type HealthConfig } from '../servers/health-config.ts';
import type { StickTableConfig } from '../stickiness/table/config.ts';
import { type CheckSettings, inheritCheckSettings, newCheckSettings } from './check-settings.ts';
import type { FinishedRules } from './finish-rules.ts';
import { newProcessConfig, type ProcessConfig } from './keywords/global-process.ts';
import {
  type AgentSettings,
  type CheckTlsSettings,
  newAgentSettings,
  newCheckTlsSettings,
} from './keywords/server-check-parameters.ts';
import type { ResolutionSettings } from './keywords/server-resolution.ts';
import { newRuleSettings, type RuleSettings, type RulesDraft } from './rules-draft.ts';
import type { GlobalTls, ProxyTls, ServerTlsSettings } from './tls/settings.ts';

export type ProxySection = 'defaults' | ProxyKind;

/** What a proxy takes over from its `defaults` section and may then change. */
export interface ProxySettings {
  mode: Mode;
  disabled: boolean;
  maxconn: number | undefined;
  defaultBackend: { name: string; position: Position } | undefined;
  balance: BalanceAlgorithm;
  /** A `balance` line names it. */
  balanced?: boolean;
  /** `option transparent`. */
  transparent?: boolean;
  hash: HashConfig;
  allBackups: boolean;
  persist: boolean;
  retryOn: ProxyConfig['retryOn'];
  persistRdpCookie: string | undefined;
  dynamicCookieKey: string | undefined;
  /** Of the backend, for servers without one. */
  source: ServerConfig['source'];
  retries: number;
  redispatch: number | undefined;
  fullconn: number | undefined;
  timeouts: Timeouts;
  options: ProxyConfig['options'];
  /** Where `option httplog` or `tcplog` stands, for warnings that come later. */
  logFormatPosition: Position | undefined;
  /** `global` stands for the targets of the global section, whatever they turn out to be. */
  log: (LogTarget | 'global')[];
  logTag: string | undefined;
  stats: (StatsConfig & { position: Position; inherited: boolean }) | undefined;
  errorFiles: Map<number, string>;
  errorLocations: Map<number, ErrorLocation>;
  errorReplies: Map<number, Reply>;
  check: CheckSettings;
  /** `load-server-state-from-file` and `server-state-file-name`. */
  stateFrom: 'global' | 'local' | undefined;
  stateFileName: string | undefined;
  cookie: CookieConfig | undefined;
  httpReuse?: ReuseMode;
  compression?: CompressionConfig;
  /** For binds without one. */
  backlog?: number | undefined;
  /** Field that tells servers their name. */
  sendNameHeader?: string | undefined;
  /** `rate-limit sessions`. */
  rateLimit?: number | undefined;
  server: ServerSettings;
  rules: RuleSettings;
}

/** What `default-server` sets for the servers below it. */
export interface ServerSettings {
  tls?: ServerTlsSettings;
  checked: boolean;
  inter: number;
  fastinter: number | undefined;
  downinter: number | undefined;
  rise: number;
  fall: number;
  checkAddress: string | undefined;
  checkPort: number | undefined;
  /** Behind the address of `addr`; `port` goes before it. */
  checkAddressPort: number | undefined;
  checkSendProxy: boolean;
  weight: number;
  maxconn: number | undefined;
  minconn: number | undefined;
  maxqueue: number | undefined;
  slowstart: number | undefined;
  backup: boolean;
  disabled: boolean;
  sendProxy: ServerConfig['sendProxy'];
  proxyFields?: ServerConfig['proxyFields'];
  socks4?: { host: string; port: number };
  checkViaSocks4?: boolean;
  source: ServerConfig['source'];
  cookie: string | undefined;
  pool?: PoolLimits;
  maxReuse?: number | undefined;
  resolution?: ResolutionSettings;
  nonStick?: boolean;
  redirection?: string | undefined;
  health: HealthConfig;
  agent: AgentSettings;
  checkTls: CheckTlsSettings;
}

/** A section as far as it has been read. */
export interface ProxyDraft {
  section: ProxySection;
  name: string;
  /** Set by `id`; others are numbered once all are known. */
  id: number | undefined;
  position: Position;
  settings: ProxySettings;
  binds: BindConfig[];
  servers: ServerConfig[];
  dispatch?: ServerConfig;
  rules: RulesDraft;
  stickTable?: StickTableConfig;
  /** Set once everything is read. */
  finished?: FinishedRules;
  /** Conditions of `stats admin`. */
  statsAdmin?: Condition[];
  /** What a state file knows of them. */
  savedServers?: SavedServer[];
  /** Lines with TLS. */
  tls?: ProxyTls;
}

/** Keywords of the global section that are about checks. */
export interface GlobalChecks {
  /** `external-check` and `insecure-fork-wanted`. */
  external: boolean;
  fork: boolean;
  /** Percent. */
  spread: number;
  /** Milliseconds. */
  maxSpread: number | undefined;
  stateBase: string | undefined;
  stateFile: string | undefined;
}

export interface GlobalDraft {
  /** Warnings are errors. */
  zeroWarning?: boolean;
  rates: { connections: number; sessions: number; tls: number };
  /** Workers. */
  threads?: number | undefined;
  maxconn: number | undefined;
  log: LogTarget[];
  logTag: string | undefined;
  sendHostname: string | undefined;
  pidfile: string | undefined;
  daemon: boolean;
  node: string | undefined;
  description: string | undefined;
  runtime: RuntimeConfig;
  process: ProcessConfig;
  checks: GlobalChecks;
  /** Set by the first TLS keyword. */
  tls?: GlobalTls;
}

export interface ConfigDraft {
  global: GlobalDraft;
  proxies: ProxyDraft[];
}

/** HAProxy's defaults: manual, sections 4.2 and 5.2. */
export function newSettings(): ProxySettings {
  return {
    mode: 'tcp',
    disabled: false,
    maxconn: undefined,
    defaultBackend: undefined,
    balance: { name: 'roundrobin' },
    hash: { method: 'map-based', function: 'sdbm', avalanche: false, balanceFactor: 0 },
    allBackups: false,
    persist: false,
    retryOn: ['conn-failure'],
    persistRdpCookie: undefined,
    dynamicCookieKey: undefined,
    source: undefined,
    retries: 3,
    redispatch: undefined,
    fullconn: undefined,
    timeouts: {
      connect: undefined,
      client: undefined,
      server: undefined,
      queue: undefined,
      check: undefined,
      tunnel: undefined,
      httpRequest: undefined,
      httpKeepAlive: undefined,
      clientFin: undefined,
      serverFin: undefined,
    },
    options: {
      clitcpka: false,
      srvtcpka: false,
      dontlognull: false,
      logFormat: undefined,
      logasap: false,
      logHealthChecks: false,
      httpConnection: 'keep-alive',
      forwardFor: undefined,
    },
    logFormatPosition: undefined,
    log: [],
    logTag: undefined,
    stats: undefined,
    errorFiles: new Map(),
    errorLocations: new Map(),
    errorReplies: new Map(),
    check: newCheckSettings(),
    stateFrom: undefined,
    stateFileName: undefined,
    cookie: undefined,
    rules: newRuleSettings(),
    server: {
      checked: false,
      inter: 2000,
      fastinter: undefined,
      downinter: undefined,
      rise: 2,
      fall: 3,
      checkAddress: undefined,
      checkPort: undefined,
      checkAddressPort: undefined,
      checkSendProxy: false,
      weight: 1,
      maxconn: undefined,
      minconn: undefined,
      maxqueue: undefined,
      slowstart: undefined,
      backup: false,
      disabled: false,
      sendProxy: undefined,
      source: undefined,
      cookie: undefined,
      health: DEFAULT_HEALTH,
      agent: newAgentSettings(),
      checkTls: newCheckTlsSettings(),
    },
  };
}

export function newGlobal(): GlobalDraft {
  return {
    maxconn: undefined,
    rates: { connections: 0, sessions: 0, tls: 0 },
    log: [],
    logTag: undefined,
    sendHostname: undefined,
    pidfile: undefined,
    daemon: false,
    node: undefined,
    description: undefined,
    runtime: newRuntimeConfig(),
    process: newProcessConfig(),
    checks: {
      external: false,
      fork: false,
      spread: 0,
      maxSpread: undefined,
      stateBase: undefined,
      stateFile: undefined,
    },
  };
}

/** A copy of its own, for a section that starts from `settings`. */
export function inheritSettings(settings: ProxySettings): ProxySettings {
  // Rules hold functions, which have no clone.
  const { check, balance, errorReplies, ...rest } = settings;
  const copy = {
    ...structuredClone(rest),
    check: inheritCheckSettings(check),
    balance,
    errorReplies: new Map(errorReplies),
  };
  // A proxy's first `stats` line starts afresh instead of adding to the inherited ones.
  if (copy.stats) copy.stats.inherited = true;
  return copy;
}

export const hasFrontend = (section: ProxySection): boolean => section !== 'backend';
export const hasBackend = (section: ProxySection): boolean => section !== 'frontend';

/** What HAProxy calls the section in messages: a `listen` is a `proxy`. */
export function describeProxy({ section, name }: ProxyDraft): string {
  return `${section === 'listen' ? 'proxy' : section} '${name}'`;
}
